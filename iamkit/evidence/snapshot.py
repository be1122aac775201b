"""
The evidence folder: raw answers, never edited, and a manifest that says what they are.

    reports/<account>/<as_of>/snapshot/
        manifest.json               account, as_of, caller, calls, gaps, hash and size of each file
        credential_report.csv       byte for byte as AWS gave it
        authorization_details.json  and the other answers, as canonical JSON

An audit is only as good as its evidence, so a snapshot is either whole or not there: it is written
beside its place, flushed to the disk and renamed, and it is never overwritten. The manifest seals
itself: any changed byte, in a file or in the manifest, is found when the folder is opened. The seal
finds accidents; someone who can rewrite the folder can also seal it anew, so keep the hash that
every page prints where they cannot.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from iamkit.arns import is_account
from iamkit.errors import SnapshotError, SnapshotExistsError, WriteError
from iamkit.lock import new_folder, remove_left

FORMAT: Final = 1
YEARS: Final = range(2006, 2200)  # AWS began in 2006
MANIFEST: Final = "manifest.json"
FOLDER: Final = "snapshot"
PARTIAL: Final = ".partial-"  # begins the name of the folder in which one is being written
REQUIRED: Final = ("account_id", "as_of", "collected_at", "source", "calls", "gaps", "files")
LAST_CHANGE: Final = "modification time of"  # begins `as_of_source` where only a file's time says


@dataclass(frozen=True)
class Snapshot:
    """An opened evidence folder whose files have all been checked against their hashes."""

    path: Path
    manifest: Mapping[str, Any]
    evidence_hash: str  # SHA-256 of manifest.json, which holds the hashes of all the rest

    @property
    def account_id(self) -> str:
        """The account, always twelve digits in a string."""
        return str(self.manifest["account_id"])

    @property
    def as_of(self) -> datetime:
        """The time that the evidence describes, UTC."""
        return parse_time(self.manifest["as_of"])

    @property
    def is_demo(self) -> bool:
        """Whether the account is the made-up demo company."""
        return bool(self.manifest["source"] == "demo")

    @property
    def time_is_guessed(self) -> bool:
        """Whether nobody said when the evidence was taken, so that a file's last change counts."""
        return str(self.manifest.get("as_of_source")).startswith(LAST_CHANGE)

    @property
    def changes(self) -> tuple[str, ...]:
        """The changes, in words, that were tried on the evidence; none if it is as collected."""
        return tuple(self.manifest.get("what_if") or ())

    def lacks(self, name: str) -> bool:
        """Whether a file is missing, or its answer was cut short or is known to lack something."""
        ended = {call["file"]: call["status"] for call in self.manifest["calls"]}
        return name not in self.manifest["files"] or ended.get(name) == "incomplete"

    def bytes(self, name: str) -> bytes | None:
        """Return a file's content, or None if the evidence does not have it."""
        return (self.path / name).read_bytes() if name in self.manifest["files"] else None

    def json(self, name: str) -> Any:
        """Return a file's parsed JSON, or None if the evidence does not have it."""
        content = self.bytes(name)
        return None if content is None else json.loads(content)


@dataclass(frozen=True)
class InMemory(Snapshot):
    """Evidence that no folder holds, such as what would be there after a change."""

    files: Mapping[str, bytes]

    def bytes(self, name: str) -> bytes | None:
        """Return a file's content, or None if the evidence does not have it."""
        return self.files.get(name)


def taken(opened: Snapshot) -> list[str]:
    """Return what a snapshot holds and what is missing from it, as sentences."""
    manifest = opened.manifest
    calls = dict.fromkeys(call["call"] for call in manifest["calls"] if call["file"])
    said = [f"Taken of account {manifest['account_id']}: {', '.join(calls)}"]
    if opened.time_is_guessed:
        source = str(manifest["as_of_source"]).removeprefix(LAST_CHANGE).strip()
        said.append(
            f"No file says when AWS answered. Ages are counted up to {manifest['as_of']}, when "
            f"{source} was last changed; if that is not right, collect again with --as-of"
        )
    return said + [
        f"Missing: {gap['meaning']} ({gap['call']}: {gap['code']})" for gap in manifest["gaps"]
    ]


def in_memory(manifest: Mapping[str, Any], files: Mapping[str, bytes], path: Path) -> InMemory:
    """Return a snapshot of these files without writing it; `path` is where they come from."""
    held = canonical(listing(manifest, files))
    return InMemory(path, json.loads(held), hashlib.sha256(held).hexdigest(), files)


def canonical(value: Any) -> bytes:
    r"""
    JSON as it is stored: sorted keys, no spaces, ASCII, one newline; times as ISO 8601 UTC.

    >>> canonical({"b": 1, "a": datetime(2026, 11, 1, 6, tzinfo=UTC)})
    b'{"a":"2026-11-01T06:00:00Z","b":1}\n'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    return text.encode("ascii") + b"\n"


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return format_time(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def format_time(time: datetime) -> str:
    """Return a time as `2026-11-01T06:00:00Z`, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """
    Return the UTC time that an ISO 8601 text names; one without an offset is UTC.

    Raises `ValueError` for a text that is none, and for a year in which no evidence was taken:
    thresholds of years are added to these times and taken from them.
    """
    time = datetime.fromisoformat(text)
    if time.year not in YEARS:
        raise ValueError(f"its year is not between {YEARS[0]} and {YEARS[-1]}")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def place(out: Path, account_id: str, as_of: datetime) -> Path:
    """Return where the snapshot of an account at a time belongs under `out`."""
    if not is_account(account_id):
        raise SnapshotError(f"{account_id!r} is not an account id: it takes 12 digits, as text")
    return out / account_id / as_of.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ") / FOLDER


def clear_up(target: Path) -> None:
    """Remove what runs that were killed left in the folder of the account of a snapshot's place."""
    remove_left(target.parents[1], PARTIAL, empty=True)


def refuse_existing(target: Path, files: Mapping[str, bytes] | None = None) -> None:
    """
    Raise `SnapshotExistsError` if there is a snapshot at `target` already.

    `files`, if given, are those that would be written: the error says which are other ones.
    """
    if target.exists():
        clear_up(target)  # nothing will be written, which would do it
        differing = () if files is None else _others(target, files)
        raise SnapshotExistsError(
            target,
            f"{target} exists already and evidence is never overwritten; "
            f"`iamkit report {target}` renders it again (AWS makes a new credential report "
            "at most every four hours)",
            differing,
        )


def _others(target: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The files that a snapshot does not hold as they are given, or holds and are not given."""
    there: Mapping[str, Any] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):
        there = json.loads((target / MANIFEST).read_bytes())["files"]
    given = listing({}, files)["files"]
    return tuple(sorted(name for name in {*there, *given} if there.get(name) != given.get(name)))


def listing(manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the manifest with its format and the hash and size of each file."""
    hashes = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in files.items()
    }
    return {**manifest, "format": FORMAT, "files": hashes}


def write(out: Path, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> Path:
    """
    Write a snapshot of `files` under `out` and return its folder.

    `manifest` gives everything but the format, the hashes and the seal. Files get mode 0600 and
    folders 0700. Killed at any moment, it leaves a whole snapshot or none; what an interrupted run
    left behind is a hidden `.partial-…` folder, which the next run removes.

    Raises `SnapshotExistsError` if the snapshot exists, `WriteError` if the disk is full or the
    folder is not writable.
    """
    target = place(out, manifest["account_id"], parse_time(manifest["as_of"]))
    refuse_existing(target, files)
    content_of_manifest = sealed(listing(manifest, files))
    try:
        account_folder = target.parent.parent
        _make_private(account_folder)
        clear_up(target)
        holder, lock = new_folder(account_folder, PARTIAL)
        try:
            partial = holder / "making"
            partial.mkdir(mode=0o700)
            for name, content in {**files, MANIFEST: content_of_manifest}.items():
                _write_private(partial / name, content)
            _sync(partial)
            _make_private(target.parent)
            refuse_existing(target, files)
            partial.rename(target)
            _sync(target.parent)
        finally:
            shutil.rmtree(holder, ignore_errors=True)
            lock.release()
    except OSError as error:
        where = error.filename or target
        raise WriteError(
            f"cannot write {where}: {error.strerror}; nothing was left half-written; "
            "free some space or choose another folder with --out"
        ) from error
    return target


def read(path: Path) -> Snapshot:
    """
    Open a snapshot after checking every file; `path` may also be the folder that holds it.

    Raises `SnapshotError` if there is none, if its format is newer than this iamkit, or naming each
    file that is missing, changed or not listed.
    """
    try:
        if not (path / MANIFEST).is_file() and (path / FOLDER / MANIFEST).is_file():
            path = path / FOLDER
        content = (path / MANIFEST).read_bytes()
    except OSError as error:
        raise SnapshotError(
            f"{path} is no snapshot: {MANIFEST} cannot be read ({error.strerror}); "
            "`iamkit collect` or `iamkit demo` makes one"
        ) from error
    manifest = _unseal(path, content)
    differing = _differences(path, manifest["files"])
    if differing:
        raise SnapshotError(
            f"{path} is not as it was collected: {'; '.join(differing)}. "
            "Take the evidence from its original place, or collect it again"
        )
    return Snapshot(path, manifest, hashlib.sha256(content).hexdigest())


def reports_folder(start: Path) -> Path:
    """Return the nearest `reports/`, of a folder or of one above it; its own if there is none."""
    roots = [folder / "reports" for folder in (start.absolute(), *start.absolute().parents)]
    return next((root for root in roots if root.is_dir()), roots[0])


def under(root: Path, account_id: str | None = None) -> list[Path]:
    """
    Return the snapshots under `root`, of an account if one is given, the one taken last at the end.

    The demo company's come before all others.
    """
    found = []
    for manifest_path in root.glob(f"*/*/{FOLDER}/{MANIFEST}"):
        if _is_hidden(manifest_path.parents[1]):
            continue
        try:
            manifest = json.loads(manifest_path.read_bytes())
            if account_id in (None, manifest["account_id"]):
                rank = (manifest["source"] != "demo", manifest["collected_at"], manifest["as_of"])
                found.append((*rank, manifest_path.parent))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # opening it says what is wrong
    return [path for *_, path in sorted(found)]


NAMES: Final = "latest, previous, last-month, a month such as 2026-10, or a path"
_LIKE_A_MONTH: Final = re.compile(r"\d{4}-\d{1,2}")
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def named(name: str | Path, root: Path, account_id: str | None = None) -> Path:
    """
    Return the snapshot that a word stands for, the same in every command and in `iamkit.load`.

    `latest` is the one collected last under `root`, the demo company's only if alone; `previous`
    the one before it, of the same account; `last-month` the last of the calendar month before its
    own; `2026-10` the last of that month. Anything else is a path and returned as it is.

    Raises `SnapshotError` if there is none, for that account if one is given.
    """
    text = str(name)
    if text not in ("latest", "previous", "last-month") and not _MONTH.fullmatch(text):
        if _LIKE_A_MONTH.fullmatch(text) and not Path(name).exists():
            raise SnapshotError(f"{text} is no month: write it as in 2026-10, from 01 to 12")
        return Path(name)
    found = under(root, account_id)
    if not found:
        whose = f" of account {account_id}" if account_id else ""
        raise SnapshotError(
            f"no snapshot{whose} under {root}; `iamkit demo` or `iamkit collect` makes one"
        )
    last = found[-1]
    audits = sorted((path for path in found if _of_one_account(path, last)), key=_moment)
    moment = _moment(last)
    if text == "latest":
        return last
    if text == "previous":
        chosen = [path for path in audits if _moment(path) < moment]
    else:
        month = _month_before(moment[:7]) if text == "last-month" else text
        chosen = [path for path in audits if _moment(path)[:7] == month]
    if not chosen:
        there = ", ".join(dict.fromkeys(_moment(path)[:7] for path in audits))
        raise SnapshotError(
            f"there is no snapshot {text!r} under {last.parents[1]}; there are some of {there}"
        )
    return chosen[-1]


def _of_one_account(one: Path, other: Path) -> bool:
    return one.parents[1] == other.parents[1]


def _moment(path: Path) -> str:
    """When the evidence was made, as the folder of its audit says: 2026-10-01T060000Z."""
    return path.parent.name


def _month_before(month: str) -> str:
    """
    Return the calendar month before another.

    >>> _month_before("2026-01")
    '2025-12'
    """
    year, number = map(int, month.split("-"))
    return f"{year}-{number - 1:02}" if number > 1 else f"{year - 1}-12"


def audits(account_folder: Path, until: str | None = None) -> list[Path]:
    """
    Return the folders of an account's audits, the oldest evidence first.

    `until` is the name of the last one to return; if left out, all are.
    """
    folders = sorted(path.parents[1] for path in account_folder.glob(f"*/{FOLDER}/{MANIFEST}"))
    there = [folder for folder in folders if not _is_hidden(folder)]
    return [folder for folder in there if until is None or folder.name <= until]


def _is_hidden(audit: Path) -> bool:
    """Whether a folder is not an audit, but is being made or deleted."""
    return audit.name.startswith(".")


def evidence_of(audit: Path) -> str:
    """Return the evidence's hash of an audit's folder. Raises OSError if it cannot be read."""
    return hashlib.sha256((audit / FOLDER / MANIFEST).read_bytes()).hexdigest()


def sealed(manifest: Mapping[str, Any]) -> bytes:
    """Return a manifest's bytes with a hash by which any change to them is found."""
    seal = hashlib.sha256(canonical(manifest)).hexdigest()
    return canonical({**manifest, "seal": seal})


def _unseal(path: Path, content: bytes) -> dict[str, Any]:
    broken = SnapshotError(
        f"{path / MANIFEST} has been changed or cut short since it was written; "
        "take it from its original place, or collect the evidence again"
    )
    try:
        manifest = json.loads(content)
        made_with = manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise broken from error
    if isinstance(made_with, int) and made_with > FORMAT:
        raise SnapshotError(
            f"{path / MANIFEST} has format {made_with} and this iamkit reads up to {FORMAT}: "
            "update iamkit"
        )
    unsealed = {key: value for key, value in manifest.items() if key != "seal"}
    if content != sealed(unsealed) or any(key not in manifest for key in REQUIRED):
        raise broken
    return unsealed


def _differences(path: Path, expected: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say which files are missing, changed or not listed."""
    found = {item.name for item in path.iterdir()} - {MANIFEST}
    different = [f"{name} is not listed in the manifest" for name in sorted(found - set(expected))]
    for name, entry in sorted(expected.items()):
        try:
            content = (path / name).read_bytes()
        except OSError as error:
            different.append(f"{name} cannot be read ({error.strerror})")
            continue
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            sizes = f"{len(content)} bytes, {entry['size']} when collected"
            different.append(f"{name} differs ({sizes})")
    return different


def _make_private(folder: Path) -> None:
    """Make the folder and its missing parents, each readable by its owner only."""
    for step in (*reversed(folder.parents), folder):
        if not step.is_dir():
            step.mkdir(mode=0o700, exist_ok=True)


def _write_private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Flush a folder's entries, so that a rename survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
