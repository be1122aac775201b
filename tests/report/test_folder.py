"""The folder of a report: old or new, whole, wherever a run is killed; one run at a time."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from iamkit import lock
from iamkit.errors import ReportError, WriteError
from iamkit.evidence import snapshot
from iamkit.lock import Lock
from iamkit.report import manifest, verify
from iamkit.report.folder import HIDDEN, ReportFolder
from iamkit.report.manifest import MANIFEST
from tests.processes import SECONDS, run

FACTS = {
    "account_id": "012345678901", "as_of": "2026-11-01T06:00:00Z", "evidence_sha256": "0" * 64,
    "notebooks": {}, "parameters": {}, "settings": {}, "versions": {},
}  # fmt: skip
OLD = {"00-a.html": "old", "01-gone.html": "old", "index.html": "old", "same.csv": "same"}
NEW = {"00-a.html": "new", "02-more.html": "new", "index.html": "new", "same.csv": "same"}


def written(out: Path, files: dict[str, str]) -> None:
    with ReportFolder(out) as folder:
        folder.refuse(files)
        for name, text in files.items():
            folder.write(name, text.encode())
        folder.publish(manifest.sealed(FACTS, folder.files, []))


def pages(out: Path) -> dict[str, str]:
    """What a folder holds, hidden things aside; a manifest counts as the files that it lists."""
    found = {path.name: path.read_text() for path in out.iterdir() if path.name[0] != "."}
    if MANIFEST in found:
        found[MANIFEST] = ",".join(json.loads(found[MANIFEST])["files"])
    return found


def names(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def whole(files: dict[str, str]) -> dict[str, str]:
    return {**files, MANIFEST: ",".join(sorted(files))}


# Forks a process for each thing that a run does to files, and kills it just before it does that.
# What is left then goes to the parent, which looks at it as the next command would.
KILLS = """
import os, pathlib, shutil, signal, sys
from iamkit.report import verify
from iamkit.report.folder import HIDDEN
from tests.report.test_folder import NEW, OLD, names, pages, whole, written

out = pathlib.Path(sys.argv[1])
deeds = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
seen = set()
for number in range(1, 1000):
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    written(out, OLD)
    child = os.fork()
    if child == 0:
        done = 0

        def count(event, arguments):
            global done
            if event in deeds:
                done += 1
                if done == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        written(out, NEW)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    unfinished = (out / HIDDEN / "ready").exists()
    verify(out)
    found = pages(out)
    assert found.pop("notes.txt") == "mine"
    assert found in (whole(OLD), whole(NEW)), (number, found)
    if unfinished:
        assert found == whole(NEW), (number, found)
    seen.add("new" if found == whole(NEW) else "old")
    written(out, NEW)
    assert names(out) == sorted([*whole(NEW), "notes.txt"]), names(out)
    if status == 0:
        break
print(number, *sorted(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
def test_whenever_a_run_is_killed_the_folder_holds_the_old_report_or_the_new(tmp_path: Path):
    done = run([sys.executable, "-c", KILLS, tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    number, *seen = done.stdout.split()
    assert int(number) > 30, "so many things are done to files"
    assert seen == ["new", "old"]


def test_a_switch_that_was_cut_short_is_finished_by_the_next_look(tmp_path: Path):
    written(tmp_path, OLD)
    half_switched(tmp_path)
    assert verify(tmp_path).files == len(NEW)
    assert pages(tmp_path) == whole(NEW)
    assert not (tmp_path / HIDDEN).exists()


def half_switched(out: Path) -> None:
    """A new report of which one page only is in its place, as a killed run leaves it."""
    with ReportFolder(out) as folder:
        for name, text in NEW.items():
            folder.write(name, text.encode())
        folder.write(MANIFEST, manifest.sealed(FACTS, folder.files, []))
        ready = out / HIDDEN / "ready"
        (out / HIDDEN / "making").rename(ready)
        (ready / "00-a.html").replace(out / "00-a.html")


def test_finishing_a_switch_spares_what_somebody_changed_since(tmp_path: Path):
    written(tmp_path, OLD)
    half_switched(tmp_path)
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(ReportError, match=r"index\.html \(changed since iamkit made it\)"):
        verify(tmp_path)
    assert (tmp_path / "index.html").read_text() == "mine"
    (tmp_path / "index.html").unlink()
    assert verify(tmp_path).files == len(NEW)


def test_an_interrupt_during_the_switch_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written(tmp_path, OLD)
    replace, times = Path.replace, []

    def interrupted(self: Path, target: Path) -> Path:
        times.append(target)
        if len(times) == 2:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, NEW)
    assert pages(tmp_path) == whole(NEW)


def test_an_error_leaves_the_old_report_and_nothing_else(tmp_path: Path):
    written(tmp_path, OLD)
    with pytest.raises(TypeError), ReportFolder(tmp_path) as folder:
        folder.write("00-a.html", "no bytes, after the file was made")
    assert pages(tmp_path) == whole(OLD)
    assert names(tmp_path) == sorted(whole(OLD))


def test_a_folder_made_in_vain_is_gone(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), ReportFolder(tmp_path / "new" / "pages"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


# One run at a time


def test_a_second_run_fails_at_once_and_says_who_holds_the_folder(tmp_path: Path):
    written(tmp_path, OLD)
    with ReportFolder(tmp_path) as first:
        said = rf"is being written by process {os.getpid()} on \S+, since 20\d\d-\S+Z; wait for its"
        with pytest.raises(WriteError, match=said), ReportFolder(tmp_path):
            pytest.fail("two hold it")
        first.write("00-a.html", b"the first goes on")
        assert verify(tmp_path).files == len(OLD), "reading goes on, too"
    written(tmp_path, NEW)


HOLDS = """
import pathlib, sys
from iamkit.report.folder import ReportFolder
with ReportFolder(pathlib.Path(sys.argv[1])) as folder:
    folder.write("00-a.html", b"half")
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_what_a_dead_run_held_is_taken_over(tmp_path: Path):
    written(tmp_path, OLD)
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"holds\n"
            said = f"is being written by process {holder.pid} on "
            with pytest.raises(WriteError, match=said), ReportFolder(tmp_path):
                pytest.fail("two hold it")
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait(SECONDS)
    assert (tmp_path / f"{HIDDEN}.lock").exists()
    assert pages(tmp_path) == whole(OLD)
    written(tmp_path, NEW)
    assert names(tmp_path) == sorted(whole(NEW))


def test_a_lock_whose_holder_leaves_while_another_comes_is_held_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    first.take()
    lock_file = lock._lock

    def late(handle: int) -> None:
        first.release()  # which removes the file that the second has just opened
        lock_file(handle)

    monkeypatch.setattr(lock, "_lock", late)
    second.take()
    monkeypatch.undo()
    with pytest.raises(lock.HeldError, match=f"process {os.getpid()} on "):
        Lock(tmp_path / "lock").take()
    second.release()


def test_a_lock_file_with_nonsense_in_it_is_no_obstacle(tmp_path: Path):
    path = tmp_path / "lock"
    path.write_text("{")
    first, second = Lock(path), Lock(path)
    first.take()
    assert re.fullmatch(r'\{"host":".+","pid":\d+,"since":".+Z"\}\n', path.read_text())
    first.release()
    assert not path.exists()
    second.take()
    second.release()


# The manifest


SEALED = manifest.sealed(FACTS, {}, [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has been changed or cut short"),
        (b"[]", "has been changed or cut short"),
        (b"[" * 100_000, "has been changed or cut short"),
        (SEALED[:-20], "has been changed or cut short"),
        (SEALED.replace(b"0123", b"0124"), "has been changed or cut short"),
        (manifest.sealed({}, {}, []), "has been changed or cut short"),
        (manifest.sealed(FACTS, {"../x": "0"}, []), "has been changed or cut short"),
        (snapshot.sealed({**FACTS, "format": 2}), "has format 2 and this iamkit reads up to 1"),
    ],
)
def test_a_manifest_that_is_not_whole_is_refused(tmp_path: Path, content: bytes, said: str):
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(ReportError, match=said):
        verify(tmp_path)


def test_every_changed_byte_is_found(tmp_path: Path):
    written(tmp_path, OLD)
    for name in (*OLD, MANIFEST):
        content = (tmp_path / name).read_bytes()
        for changed in (content[:-1], content + b" ", bytes([content[0] ^ 1]) + content[1:]):
            (tmp_path / name).write_bytes(changed)
            with pytest.raises(ReportError, match=re.escape(name)):
                verify(tmp_path)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "00-a.html").unlink()
    with pytest.raises(ReportError, match=r"not as it was made: 00-a\.html is missing\. Take"):
        verify(tmp_path)


def test_a_hash_kept_elsewhere_tells_a_report_that_was_sealed_anew(tmp_path: Path):
    written(tmp_path, OLD)
    kept = verify(tmp_path)
    assert "The report is the one" in kept.expected(kept.report.upper())
    assert "`iamkit rebuild` shows" in kept.expected("0" * 64), "the evidence's"
    written(tmp_path, NEW)  # as whoever may write to the folder can
    with pytest.raises(ReportError, match=f"not {kept.report}: it is another one"):
        verify(tmp_path).expected(kept.report)
