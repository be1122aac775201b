"""
The classes into which patterns cut the values that somebody may have, and an example of each.

A test of a condition key cannot tell two values apart that match the same of its patterns. So it is
enough to try one value of each class that a caller can have; `Form` says which values these are.

The examples are found by following all patterns at once, character by character. The search is
exact; a set of patterns so tangled that it would take too long gives up, and the key counts as
unknown.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" (wildcards).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

DIGITS: Final = frozenset("0123456789")
LOWER: Final = frozenset("abcdefghijklmnopqrstuvwxyz")
NAMES: Final = LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.+=,@") | DIGITS

# A character that stands for one that no pattern names, where they name all others.
_SPARE: Final = "~"

# How many states of all patterns together are followed before the search gives up.
_PATIENCE: Final = 6000


class Piece(NamedTuple):
    """One character, or any number of them, out of `chars`; None: out of all."""

    chars: frozenset[str] | None
    many: bool = False
    fresh: bool = False  # only a character that no pattern names


Form = tuple[Piece, ...]

ANY: Final[Form] = (Piece(None, many=True),)


def text(written: str) -> Form:
    """The form of exactly this text."""
    return tuple(Piece(frozenset(char)) for char in written)


def some(chars: frozenset[str], count: int = 1) -> Form:
    """The form of `count` characters or more."""
    return (*(Piece(chars) for _ in range(count)), Piece(chars, many=True))


def exactly(chars: frozenset[str], count: int) -> Form:
    """The form of this many characters."""
    return tuple(Piece(chars) for _ in range(count))


def unowned(chars: frozenset[str], chosen: int, count: int) -> Form:
    """
    The form of an id that AWS gives out: nobody can have one that a policy writes out.

    The first `chosen` characters may be any, since some stranger's id begins so; the others are
    none that a pattern names, so only wildcards match them.
    """
    rest = tuple(Piece(chars, fresh=True) for _ in range(count - chosen))
    return (*exactly(chars, chosen), *rest)


def glob(written: str, run: frozenset[str] | None = None) -> Form:
    """The form of what a pattern matches; its wildcards stand for characters out of `run`."""
    pieces: list[Piece] = []
    at = 0
    while at < len(written):
        if written.startswith(("${*}", "${?}", "${$}"), at):
            pieces.append(Piece(frozenset(written[at + 2])))
            at += 4
            continue
        char = written[at]
        at += 1
        wild = char in "*?"
        pieces.append(Piece(run, many=char == "*") if wild else Piece(frozenset(char)))
    return tuple(pieces)


class Classes(NamedTuple):
    """One example for each set of patterns that a value can match, and whether all were found."""

    examples: tuple[str, ...]
    complete: bool


@lru_cache(maxsize=4096)
def classes(form: Form, patterns: tuple[Form, ...], excluded: tuple[Form, ...] = ()) -> Classes:
    """
    Return a value of the form for each set of patterns that such a value matches, shortest first.

    Values that match one of `excluded` are left out. `complete` is False where the search gave up.

    >>> classes(some(LOWER), (glob("a*"), glob("*b")))
    Classes(examples=('a', 'b', 'c', 'ab'), complete=True)
    """
    automata = [_Automaton.of(each) for each in (form, *patterns, *excluded)]
    symbols = _symbols(automata, [form, *patterns, *excluded])
    last = 1 + len(patterns)
    start = tuple(each.start for each in automata)
    seen, waiting = {start}, deque([(start, "")])
    found: dict[tuple[bool, ...], str] = {}
    while waiting:
        states, spelled = waiting.popleft()
        if len(seen) > _PATIENCE:
            return Classes(tuple(found.values()), complete=False)
        ended = tuple(bool(s & a.final) for s, a in zip(states, automata, strict=True))
        if ended[0] and not any(ended[last:]):
            found.setdefault(ended[1:last], spelled)
        for char, taken in symbols:
            steps = zip(states, automata, taken, strict=True)
            further = tuple(a.step(s, t) if s else 0 for s, a, t in steps)
            if further[0] and further not in seen:
                seen.add(further)
                waiting.append((further, spelled + char))
    return Classes(tuple(found.values()), complete=True)


@dataclass(frozen=True)
class _Automaton:
    """A form. Position n is before piece n; a set of positions is the bits of an int."""

    pieces: Form
    runs: int
    final: int
    start: int

    @classmethod
    def of(cls, form: Form) -> _Automaton:
        runs = sum(1 << at for at, piece in enumerate(form) if piece.many)
        made = cls(form, runs, 1 << len(form), 1)
        return cls(form, runs, made.final, made.past(1))

    def past(self, states: int) -> int:
        """Also the positions behind runs, which may be empty."""
        while (further := states | (states & self.runs) << 1) != states:
            states = further
        return states

    def step(self, states: int, taken: int) -> int:
        """Go on by a character that the pieces at `taken` have."""
        hit = states & taken
        return self.past((hit & ~self.runs) << 1 | hit & self.runs)

    def taken(self, char: str, *, fresh: bool) -> int:
        """The positions of pieces that have a character; `fresh`: no pattern names it."""
        return sum(
            1 << at
            for at, piece in enumerate(self.pieces)
            if piece.chars is None
            or (char in piece.chars and (fresh or not piece.fresh))
            or (piece.fresh and char == _SPARE)
        )


def _symbols(
    automata: Sequence[_Automaton], forms: Iterable[Form]
) -> list[tuple[str, tuple[int, ...]]]:
    """A character for each way in which the pieces take one, and which pieces do."""
    named = {
        char
        for form in forms
        for piece in form
        if piece.chars is not None and len(piece.chars) == 1
        for char in piece.chars
    }
    found: dict[tuple[int, ...], str] = {}
    for char in sorted(NAMES | named | {":", "/", _SPARE}, key=_plainness):
        taken = tuple(each.taken(char, fresh=char not in named) for each in automata)
        if taken[0]:
            found.setdefault(taken, char)
    return [(char, taken) for taken, char in found.items()]


def _plainness(char: str) -> tuple[bool, bool, str]:
    """Order of characters: those that make an example easy to read come first."""
    return not char.isalnum(), not char.islower(), char
