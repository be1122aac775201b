"""Object storage: what is created once, and who may go on; S3 and a folder behave alike."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iamkit.errors import IamkitError, SettingsError, SnapshotError, WriteError
from iamkit.evidence import snapshot
from iamkit.storage import (
    CommittedError,
    Lease,
    Objects,
    StoredAudits,
    cache,
    lease,
    local,
    opened,
    storage,
)
from tests.aws.faults import FaultProxy, Request, Response, Step, error, forward
from tests.aws.server import moto_server
from tests.storage.buckets import BUCKET, bucket, no_waiting

ONE, TWO = "111111111111", "222222222222"
PLACE = f"{ONE}/2026-11-01T060000Z"
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """S3 with an empty bucket."""
    with moto_server() as url:
        bucket(url)
        yield url


@pytest.fixture(params=["s3", "file"])
def there(
    request: pytest.FixtureRequest,
    s3: str,
    credentials: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Objects:
    """An empty storage of each kind."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    prefix = f"{BUCKET}/{tmp_path.name}-{request.param}"
    where = f"s3://{prefix}" if request.param == "s3" else f"file://{tmp_path}/store"
    return opened(storage(where))


def audit(folder: Path, *, account_id: str = ONE, day: int = 1, text: str = "a") -> str:
    """An audit in a folder: evidence, and a page."""
    as_of = f"2026-11-{day:02}T06:00:00Z"
    manifest: dict[str, object] = {name: [] for name in snapshot.REQUIRED}
    manifest |= {"account_id": account_id, "as_of": as_of, "collected_at": as_of, "source": "aws"}
    path = snapshot.write(folder, manifest, {"summary.json": text.encode()})
    (path.parent / "index.html").write_text("<h1>A report</h1>")
    return path.parent.relative_to(folder).as_posix()


def test_an_object_is_created_once_and_the_second_is_told_what_is_there(there: Objects) -> None:
    assert there.get("a/b.json") is None
    assert there.create("a/b.json", b"first") == b"first"
    assert there.create("a/b.json", b"second") == b"first"
    assert there.get("a/b.json") == b"first"
    assert [one.name for one in there.listed("a")] == ["a/b.json"]
    assert there.listed("a/b") == there.listed("nothing") == []
    assert there.folders("") == ["a"]
    there.delete(["a/b.json", "a/not-there.json"])
    assert there.listed("") == []


def test_an_audit_is_there_when_its_commit_is_and_comes_back_as_it_was(
    there: Objects, tmp_path: Path
) -> None:
    mine = StoredAudits(there, tmp_path / "mine")
    place = audit(tmp_path / "mine")
    (tmp_path / "mine" / place / ".iamkit-report.lock").touch()
    mine.upload(place, [tmp_path / "mine" / place / "index.html"])
    yours = StoredAudits(there, tmp_path / "yours")
    assert yours.places() == {}, "files alone are no audit"
    mine.publish(place, "run one")
    assert yours.audits() == {PLACE: 1}
    yours.pull(yours.newest(place))
    names = {path.name for path in (tmp_path / "yours" / place).rglob("*") if path.is_file()}
    assert names == {"index.html", "manifest.json", "summary.json"}
    assert snapshot.read(tmp_path / "yours" / place).account_id == ONE
    assert (tmp_path / "yours").stat().st_mode & 0o077 == 0


def test_what_was_committed_is_not_committed_again_and_a_new_report_is_the_next_one(
    there: Objects, tmp_path: Path
) -> None:
    stored = StoredAudits(there, tmp_path)
    place = audit(tmp_path)
    stored.publish(place, "run one")
    before = there.listed("")
    assert stored.publish(place, "run two").run == "run one"
    assert there.listed("") == before
    (tmp_path / place / "index.html").write_text("<h1>Another</h1>")
    assert stored.publish(place, "run two").number == 2
    assert len(there.listed("")) == len(before) + 2, "the page and the commit; evidence stays"
    (tmp_path / place / "index.html").unlink()
    assert "index.html" in stored.publish(place, "run three", whole=False).files
    assert "index.html" not in stored.publish(place, "run four").files


def test_evidence_is_never_replaced(there: Objects, tmp_path: Path) -> None:
    StoredAudits(there, tmp_path / "a").publish(audit(tmp_path / "a"), "run one")
    place = audit(tmp_path / "b", text="b")
    with pytest.raises(CommittedError) as refused:
        StoredAudits(there, tmp_path / "b").publish(place, "run two")
    assert refused.value.differing == ("snapshot/manifest.json", "snapshot/summary.json")
    commit = StoredAudits(there, tmp_path).newest(place)
    assert (commit.number, commit.run) == (1, "run one")


def test_of_two_that_commit_at_once_one_is_first_and_the_other_goes_by_that(
    there: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has looked for a commit before the first made it."""
    one, two = (StoredAudits(there, tmp_path / name) for name in ("a", "b"))
    place = audit(tmp_path / "a")
    audit(tmp_path / "b", text="b")
    looked = two.newest

    def overtaken(asked: str) -> object:
        found = looked(asked)
        monkeypatch.setattr(two, "newest", looked)
        one.publish(place, "run one")
        return found

    monkeypatch.setattr(two, "newest", overtaken)
    with pytest.raises(CommittedError):
        two.publish(place, "run two")
    assert two.newest(place).run == "run one"


def test_deleting_begins_with_the_commit(
    there: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = StoredAudits(there, tmp_path)
    place = audit(tmp_path)
    stored.publish(place, "run")

    class KilledError(Exception):
        pass

    def killed(folder: str) -> list:
        if folder.startswith("files"):
            raise KilledError
        return listed(folder)

    listed = there.listed
    monkeypatch.setattr(there, "listed", killed)
    with pytest.raises(KilledError):
        stored.remove([place])
    monkeypatch.setattr(there, "listed", listed)
    assert stored.audits() == {}
    assert there.listed("files")
    stored.sweep(ONE, datetime.now(UTC))
    assert there.listed("files"), "a run may be about to commit them"
    stored.sweep(ONE, datetime.now(UTC) + timedelta(days=3))
    assert there.listed("") == []


def test_files_of_commits_are_never_swept(there: Objects, tmp_path: Path) -> None:
    stored = StoredAudits(there, tmp_path)
    place = audit(tmp_path)
    stored.publish(place, "run")
    (tmp_path / place / "index.html").write_text("another")
    stored.publish(place, "run")
    before = there.listed("")
    stored.sweep(ONE, datetime.now(UTC) + timedelta(days=365))
    assert there.listed("") == before


@pytest.mark.parametrize("what", ["files", "commits"])
def test_a_changed_or_a_missing_object_is_named(there: Objects, tmp_path: Path, what: str) -> None:
    stored = StoredAudits(there, tmp_path / "a")
    place = audit(tmp_path / "a")
    stored.publish(place, "run")
    name = next(one.name for one in there.listed(what) if "summary" in one.name or what[0] == "c")
    content = there.get(name)
    there.delete([name])
    there.create(name, content.replace(b"a", b"b"))
    fresh = StoredAudits(there, tmp_path / "b")
    with pytest.raises(SnapshotError, match=name):
        fresh.pull(fresh.newest(place))
    there.delete([name])
    if what == "files":
        with pytest.raises(SnapshotError, match=f"{name} is missing"):
            fresh.pull(fresh.newest(place))


def test_one_run_at_a_time_holds_a_storage(there: Objects) -> None:
    one, two = Lease(there), Lease(there)
    one.take()
    with pytest.raises(WriteError, match=f"another run: process {os.getpid()} on "):
        two.take()
    one.release()
    two.take()
    two.release()
    assert there.listed("lock") == []


def test_a_lock_ends_by_itself_and_its_holder_notices(there: Objects) -> None:
    at = [NOW]
    one, two = (Lease(there, now=lambda: at[0]) for _ in range(2))
    one.take()
    one.check()
    at[0] += lease.LASTS
    with pytest.raises(WriteError, match="has ended"):
        one.check()
    two.take()
    one.release()
    with pytest.raises(WriteError, match="another run"):
        Lease(there, now=lambda: at[0]).take()
    two.release()


def test_a_lock_is_renewed(there: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEWED", 0.01)
    at = [NOW]
    one = Lease(there, now=lambda: at[0])
    one.take()
    for _ in range(3):
        at[0] += lease.LASTS - timedelta(seconds=1)
        while one._until <= at[0] + timedelta(seconds=1):
            one._ended.wait(0.01)
        one.check()
    one.release()
    assert there.listed("lock") == []


def test_the_lock_of_a_process_that_was_killed_here_is_free(
    there: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Lease(there)
    one.take()
    monkeypatch.setattr(lease, "_has_ended", lambda by: True)
    two = Lease(there)
    two.take()
    two.release()
    one.release()


@pytest.mark.usefixtures("credentials")
def test_a_conflict_or_a_broken_request_is_looked_into(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3's 409 says that nothing was written; a 500 may come of what was."""
    no_waiting(monkeypatch)
    answers: list[Step] = []

    def step(request: Request) -> Response:
        return answers.pop()(request) if request.method == "PUT" and answers else forward(request)

    def lost(request: Request) -> Response:
        forward(request)
        return error(500, "InternalError")(request)

    with FaultProxy(s3, {"*": step}) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        mine = opened(storage(f"s3://{BUCKET}/conflicts"))
        answers.append(error(409, "ConditionalRequestConflict"))
        assert mine.create("a", b"mine") == b"mine", "tried again after the conflict"
        answers.append(lost)
        assert mine.create("b", b"mine") == b"mine", "it was written all the same"
        answers.append(error(403, "AccessDenied"))
        with pytest.raises(WriteError, match="cannot be written: .*check the address"):
            mine.create("c", b"mine")
    with pytest.raises(SnapshotError, match="cannot be read"):
        mine.get("a")


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ("s3:///prefix", {}, "names no bucket"),
        ("file://host/folder", {}, "names no folder"),
        ("ftp://host/folder", {}, "no address of storage; one begins with s3://, gs://"),
        ("s3://key:secret@bucket/a", {}, "without credentials"),
        ("s3://bucket/a?region=x", {}, "write it as in s3://bucket/prefix"),
        ("s3://bucket", {"profil": "a"}, "reports in storage have no 'profil'"),
        ("s3://bucket", {"profile": 3}, "profile of reports is text"),
        ("gs://bucket", {"profile": "a"}, "profile of reports is for s3://"),
    ],
)
def test_an_address_that_does_not_fit_says_why(
    given: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsError, match=said.replace("?", r"\?")):
        storage(given, options)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("s3://b/p/latest", ("s3://b/p", "latest", "")),
        (f"s3://b/p/{ONE}/2026-10", ("s3://b/p", "2026-10", ONE)),
        (f"s3://b/p/{PLACE}/snapshot", ("s3://b/p", "2026-11-01T060000Z", ONE)),
        (f"s3://b/{PLACE}/", ("s3://b", "2026-11-01T060000Z", ONE)),
    ],
)
def test_an_address_names_a_storage_and_in_it_an_audit(
    name: str, found: tuple[str, str, str]
) -> None:
    where, rest, account_id = cache._split(name)
    assert (where.address, rest, account_id) == found


@pytest.mark.parametrize(
    ("name", "said"), [("s3://b/p", "add a word"), ("s3://b/2026-11-01T060000Z", "no account")]
)
def test_an_address_without_an_audit_says_what_is_missing(name: str, said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        local(name, Path())


def test_words_mean_the_same_in_a_storage_and_what_was_deleted_there_is_not_found_here(
    there: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    mine = tmp_path / "mine"
    stored = StoredAudits(there, mine)
    places = [audit(mine, day=day) for day in (1, 2)] + [audit(mine, account_id=TWO)]
    for place in places:
        stored.publish(place, "run")
    for word in ("latest", "previous", "2026-11"):
        there_found = local(f"{there.address}/{word}", Path())
        assert there_found.parts[-3:] == snapshot.named(word, mine).parts[-3:]
        snapshot.read(there_found)
    assert local(f"{there.address}/{TWO}/latest", Path()).parts[-3] == TWO
    stored.remove(places[1:2])
    assert local(f"{there.address}/latest", Path()).parts[-2] == places[0].split("/")[1]
    with pytest.raises(SnapshotError, match=f"has no audit {places[1]}"):
        local(f"{there.address}/{places[1]}", Path())
    with pytest.raises(SnapshotError, match="there is no snapshot 'previous' under"):
        local(f"{there.address}/previous", Path())


def test_without_the_extra_a_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(IamkitError, match=r"pip install 'iamkit\[fleet\]'"):
        opened(storage("s3://bucket/prefix"))


@pytest.mark.usefixtures("credentials")
def test_a_profile_of_the_configuration_signs_and_no_secret_is_shown(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    lines = "[profile audits]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = hush\n"
    Path(os.environ["AWS_CONFIG_FILE"]).write_text(lines + "region = eu-central-1\n")
    where = storage(f"s3://{BUCKET}/by-profile", {"profile": "audits"})
    assert opened(where).create("a", b"1") == b"1"
    assert "hush" not in repr(where) + repr(opened(where))
    with pytest.raises(SettingsError, match="name another `profile` in `reports`"):
        opened(storage(f"s3://{BUCKET}/a", {"profile": "nobody"}))
