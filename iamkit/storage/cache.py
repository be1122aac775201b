"""
Audits of a storage as folders of this machine: for reading, and to have them all.

Each storage has a folder below that of the user's caches, `IAMKIT_CACHE` if it is set. It holds
evidence, so it is for its owner alone. What is there already is checked and not downloaded again;
an audit that was deleted from the storage is deleted here, too.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from iamkit import settings_files
from iamkit.arns import is_account
from iamkit.errors import SnapshotError, WriteError, one_line
from iamkit.evidence import snapshot as snapshots
from iamkit.storage.address import Storage, is_address, storage
from iamkit.storage.audits import RUNS, Commit, StoredAudits
from iamkit.storage.objects import each, opened

VARIABLE: Final = "IAMKIT_CACHE"
_MANIFEST: Final = f"{snapshots.FOLDER}/{snapshots.MANIFEST}"
_KEPT: Final = (f"{snapshots.FOLDER}/", "history/", "report-manifest.json")
_WORD: Final = re.compile(r"latest|previous|last-month|\d{4}-\d{2}")
_AUDIT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}Z")

Progress = Callable[[str, int, int], object]


def folder(of: Storage) -> Path:
    """The folder of a storage's audits on this machine; it may not be there yet."""
    named = os.environ.get(VARIABLE)
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    root = Path(named).expanduser() if named else Path(caches).expanduser() / "iamkit"
    last = (of.prefix or of.bucket).rstrip("/").rpartition("/")[2]
    shown = re.sub(r"[^\w.-]", "-", last) or "storage"
    return root.absolute() / f"{shown}-{hashlib.sha256(of.address.encode()).hexdigest()[:12]}"


def audit_named(name: str | Path, account_id: str | None = None) -> Path:
    """
    Return the folder that a path, a word or an address of object storage stands for.

    Words are looked up where the run file that is found keeps audits, else under the nearest
    `reports/`. What is in object storage is downloaded; see `local`.
    """
    found = settings_files.reports(Path.cwd()) or snapshots.reports_folder(Path.cwd())
    return local(name, found if isinstance(found, Path) else storage(*found), account_id)


def is_of_reading(name: str) -> bool:
    """Whether a file of an audit is what loading an account takes: not its pages."""
    return name.startswith(_KEPT)


def local(name: str | Path, root: Path | Storage, account_id: str | None = None) -> Path:
    """
    Return the folder of the snapshot that a word, a path or an address stands for.

    Words are looked up under `root`; see `evidence.snapshot.named`. An address names a storage and
    in it a word, `s3://bucket/prefix/latest`, an account and a word, or an audit,
    `s3://bucket/prefix/111122223333/2026-11-01T060000Z`. Of a storage, the audit and those of the
    account before it are downloaded.

    Raises `SnapshotError` if there is no such audit, or it is not as it was stored.
    """
    text = str(name)
    if is_address(text):
        where, rest, of = _split(text)
        return _named(where, rest, of or account_id)
    if isinstance(root, Path):
        return snapshots.named(name, root, account_id)
    if _WORD.fullmatch(text):
        return _named(root, text, account_id)
    return Path(name)


def _split(text: str) -> tuple[Storage, str, str]:
    """The storage, the word or the audit, and the account that an address names."""
    base, _, last = text.rstrip("/").removesuffix(f"/{snapshots.FOLDER}").rpartition("/")
    if not (_WORD.fullmatch(last) or _AUDIT.fullmatch(last)):
        raise SnapshotError(
            f"{text} names no audit: add a word, as in {text.rstrip('/')}/latest, or an account "
            "and an audit, as in …/111122223333/2026-11-01T060000Z"
        )
    before, _, account = base.rpartition("/")
    if is_account(account):
        return storage(before), last, account
    if _AUDIT.fullmatch(last):
        raise SnapshotError(f"{text} names no account: write …/111122223333/{last}")
    return storage(base), last, ""


def _named(where: Storage, word: str, account_id: str | None) -> Path:
    stored = StoredAudits(opened(where), folder(where))
    commits = _mirror(stored, account_id or "", lambda name: name == _MANIFEST)
    if _AUDIT.fullmatch(word):
        chosen = stored.folder / f"{account_id}/{word}/{snapshots.FOLDER}"
        if f"{account_id}/{word}" not in commits:
            raise SnapshotError(f"{where.address} has no audit {account_id}/{word}")
    else:
        try:
            chosen = snapshots.named(word, stored.folder, account_id)
        except SnapshotError as error:
            said = str(error).replace(str(stored.folder), where.address)
            raise SnapshotError(said) from error
    own = chosen.parent.relative_to(stored.folder).as_posix()
    for place, commit in commits.items():
        if place.split("/")[0] == own.split("/")[0] and place <= own:
            stored.pull(commit, is_of_reading if place != own else lambda name: True)
    return chosen


def _mirror(
    stored: StoredAudits, account_id: str, wanted: Callable[[str], bool]
) -> dict[str, Commit]:
    """Have the wanted files of each audit here; return the commits, by place."""
    places = stored.audits(account_id)
    found = each(lambda one: stored.commit(*one), sorted(places.items()))
    commits = {commit.place: commit for commit in found if commit}
    _make_private(stored.folder)
    _forget(stored.folder, account_id, commits)
    for commit in commits.values():
        stored.pull(commit, wanted)
    return commits


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        said = f"{path} cannot be made: {one_line(error)}"
        raise WriteError(f"{said}; name another folder in {VARIABLE}") from error


def _forget(root: Path, account_id: str, there: Iterable[str]) -> None:
    """Delete the folders of audits that are not in the storage any more."""
    kept = set(there)
    for path in root.glob(f"{account_id or '[0-9]*'}/[0-9]*"):
        if _AUDIT.fullmatch(path.name) and path.relative_to(root).as_posix() not in kept:
            shutil.rmtree(path, ignore_errors=True)


def newest(where: Storage) -> Path:
    """
    Have what the newest audit of each account keeps as history here, and the last run's results.

    Returns the folder. The evidence of an account is not there until `local` asks for it.
    """
    stored = StoredAudits(opened(where), folder(where))
    _make_private(stored.folder)
    places = stored.audits()
    _forget(stored.folder, "", places)
    stored.pull_each(_last(places), lambda name: name == _MANIFEST or name.startswith("history/"))
    _pull_run(stored, stored.folder)
    return stored.folder


def fetch(where: Storage, out: Path, *, every: bool, progress: Progress) -> Path:
    """
    Download reports into a folder that then looks as if `iamkit run` had written it there.

    The newest audit of each account with its pages, and the page over all accounts; with `every`
    all audits. Files that differ from those in the storage are replaced; nothing is deleted.
    """
    stored = StoredAudits(opened(where), out.absolute())
    places = stored.audits()
    if not places:
        raise SnapshotError(f"{where.address} holds no audit; `iamkit run` makes some")
    _make_private(stored.folder)
    chosen = places if every else _last(places)
    for done, (place, number) in enumerate(sorted(chosen.items()), start=1):
        stored.pull_each({place: number})
        progress(place, done, len(chosen))
    _pull_run(stored, stored.folder)
    return stored.folder


def _last(places: dict[str, int]) -> dict[str, int]:
    """The newest audit of each account."""
    last = {place.split("/")[0]: place for place in sorted(places)}
    return {place: places[place] for place in last.values()}


def _pull_run(stored: StoredAudits, out: Path) -> None:
    """Put what the last run left of all accounts into a folder itself."""
    runs = stored.places(RUNS)
    if not runs:
        return
    place = max(runs)
    stored.pull_each({place: runs[place]})
    left = stored.folder / place
    for path in [one for one in left.rglob("*") if one.is_file()]:
        there = out / path.relative_to(left)
        there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.replace(there)
    shutil.rmtree(stored.folder / RUNS, ignore_errors=True)
