"""
Patterns of Resource elements and of condition values: policy variables, then globs.

A `Context` says what is known of a request, `resolve` puts it in the place of variables, and the
`Pattern` that comes out matches texts and is compared with other patterns.

`*` stands for any run of characters, `:` and `/` included, `?` for one character; `[` and `]` are
ordinary, and case counts. `${*}`, `${?}` and `${$}` stand for those characters themselves, which is
how a policy, and a variable's value put into one, holds an asterisk that is no wildcard. Matching
takes time proportional to the text, however many wildcards a policy's author wrote.

Source: IAM User Guide, "IAM JSON policy elements: Resource", "Condition operators", and
"Variables and tags".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from typing import Final, Literal

from iamkit.policy.context import UNKNOWN, Mark, RequestContext


class Wild(Enum):
    """The two wildcards."""

    RUN = "*"
    ONE = "?"


_VARIABLE: Final = re.compile(r"\$\{([^{}]*)\}")
_SPECIAL: Final = ("*", "?", "$")
_UNUSUAL: Final = re.compile(r"[*?$]")
_WRITTEN: Final = re.compile(r"\$\{([*?$])\}|(.)", re.DOTALL)

# How many sets of positions `covers` follows before it gives up and says no.
_PATIENCE: Final = 1000


def literal(text: str) -> str:
    """
    Return the pattern that matches exactly `text`.

    >>> literal("50%*")
    '50%${*}'
    """
    return re.sub(r"[*?$]", r"${\g<0>}", text)


@dataclass(frozen=True)
class Pattern:
    """
    One glob. Build it from its text; what is costly is computed once per text and kept.

    >>> Pattern("arn:aws:s3:::logs/*").matches("arn:aws:s3:::logs/2026/11")
    True
    >>> Pattern("50%${*}").matches("50% off")
    False
    """

    text: str

    @property
    def plain(self) -> str | None:
        """The one text that it matches; None if it has wildcards."""
        text = self.text
        if "$" not in text and "*" not in text and "?" not in text:
            return text  # as most are: no need to compile them
        return _compiled(text).plain

    @property
    def start(self) -> str:
        """What every text that it matches begins with: what stands before its first wildcard."""
        return _UNUSUAL.split(self.text, maxsplit=1)[0]

    @property
    def everything(self) -> bool:
        """It matches every text, the empty one included."""
        return self.text != "" and not self.text.strip("*")

    def matches(self, text: str) -> bool:
        """Whether it matches all of `text`."""
        plain = self.plain
        if plain is not None:
            return text == plain
        if "?" not in self.text and "$" not in self.text:
            return _spelled(self.text.split("*"), text)  # no need to compile an expression
        return _compiled(self.text).regex.fullmatch(text) is not None

    def each(self, texts: Sequence[str]) -> list[bool]:
        """For each of `texts`, whether it matches; sooner than one by one."""
        if not texts:
            return []
        plain = self.plain
        if plain is not None:
            return [text == plain for text in texts]
        found = _compiled(self.text).regex.fullmatch
        return [found(text) is not None for text in texts]

    def covers(self, other: Pattern) -> bool:
        """
        Whether it matches everything that `other` matches.

        Exact, but for pairs so tangled that the search is cut short: those err towards False.

        >>> Pattern("arn:aws:s3:::*").covers(Pattern("arn:aws:s3:::logs/?*"))
        True
        """
        if self.everything or self == other:
            return True
        plain = other.plain
        return self.matches(plain) if plain is not None else _covers(self.text, other.text)

    def overlaps(self, other: Pattern) -> bool:
        """
        Whether some text is matched by both. Exact.

        >>> Pattern("arn:aws:s3:::logs/*").overlaps(Pattern("arn:aws:s3:::*/2026"))
        True
        """
        if self.everything or other.everything:
            return True
        for one, another in ((self, other), (other, self)):
            plain = another.plain
            if plain is not None:
                return one.matches(plain)
        return _overlaps(self.text, other.text)

    def filled(self, run: str, one: str) -> str:
        """
        Return a text that it matches: `run` for each `*`, `one` for each `?`.

        >>> Pattern("logs/*").filled("2026", "-")
        'logs/2026'
        """
        if "$" not in self.text and "**" not in self.text:  # no escape, and no run of runs
            return self.text.translate({ord("*"): run, ord("?"): one})
        fillings: dict[str | Wild, str] = {Wild.RUN: run, Wild.ONE: one}
        return "".join(fillings.get(token, str(token)) for token in _compiled(self.text).tokens)

    @property
    def arn_parts(self) -> tuple[Pattern, ...]:
        """Its parts between the first five colons, which no wildcard stands for: six, or fewer."""
        return tuple(Pattern(part) for part in self.text.split(":", 5))


@lru_cache(maxsize=65536)
def resolve(
    text: str, context: RequestContext, *, variables: bool = True, wildcards: bool = True
) -> Pattern | Literal[Mark.UNKNOWN] | None:
    """
    Return `text` as a pattern with its policy variables replaced: None if one is absent.

    None matches nothing; UNKNOWN says that a variable is unknown. Asterisks in a variable's value
    are ordinary characters, and a key with several values cannot be a variable. Without `variables`
    (policies of another Version than 2012-10-17) `${` is ordinary text; without `wildcards` so are
    `*` and `?`.

    >>> resolve("home/${aws:username}/*", RequestContext({"aws:username": "a*"}))
    Pattern(text='home/a${*}/*')
    """
    keep = _keep_wildcards if wildcards else literal
    if not variables:
        return Pattern(keep(text))
    parts, end, unknown = [], 0, False
    for found in _VARIABLE.finditer(text):
        parts.append(keep(text[end : found.start()]))
        end = found.end()
        name, default = _variable(found[1])
        value = name if name in _SPECIAL else context.get(name)
        if value is UNKNOWN:
            unknown = True
        elif isinstance(value, str):
            parts.append(literal(value))
        elif default is not None:
            parts.append(literal(default))
        else:
            return None
    return UNKNOWN if unknown else Pattern("".join([*parts, keep(text[end:])]))


def _keep_wildcards(text: str) -> str:
    return text.replace("$", "${$}")


def _variable(inside: str) -> tuple[str, str | None]:
    """Name and default of what stands between `${` and `}`."""
    name, _, default = inside.partition(",")
    default = default.strip()
    quoted = len(default) > 1 and default[0] == default[-1] == "'"
    return (name.strip(), default[1:-1]) if quoted else (inside, None)


def variables_in(text: str) -> list[tuple[str, str | None]]:
    """Return name and default of each policy variable in `text`; `${*}` and its like are none."""
    found = (_variable(match[1]) for match in _VARIABLE.finditer(text))
    return [(name, default) for name, default in found if name not in _SPECIAL]


def variable_keys(text: str) -> set[str]:
    """Return the condition keys, in lower case, that `text` takes variables from."""
    return {name.lower() for name, _ in variables_in(text)}


@dataclass(frozen=True)
class _Compiled:
    """
    A glob as an automaton. Position n is before token n; a set of positions is the bits of an int.

    `chars` says for each literal character at which positions it is expected, `ones` where a `?`
    stands and `runs` where a `*` does.
    """

    tokens: tuple[str | Wild, ...]
    plain: str | None
    ones: int
    runs: int

    @cached_property
    def chars(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for position, token in enumerate(self.tokens):
            if not isinstance(token, Wild):
                found[token] = found.get(token, 0) | 1 << position
        return found

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return _regex(self.tokens)

    @property
    def final(self) -> int:
        return 1 << len(self.tokens)

    @property
    def start(self) -> int:
        return self._past_runs(1)

    def _past_runs(self, states: int) -> int:
        return states | (states & self.runs) << 1  # no two runs are neighbours

    def step(self, states: int, accepting: int) -> int:
        """Go on from `states` by a character that tokens at `accepting` take; runs take any."""
        return self._past_runs((states & accepting) << 1 | states & self.runs)


@lru_cache(maxsize=65536)
def _compiled(text: str) -> _Compiled:
    if not any(each in text for each in _SPECIAL):
        return _Compiled(tuple(text), text, 0, 0)
    tokens: list[str | Wild] = []
    for found in _WRITTEN.finditer(text):
        written = found[1] or found[2]
        wild = found[1] is None and written in "*?"
        token = Wild(written) if wild else written
        if token is not Wild.RUN or not tokens or tokens[-1] is not Wild.RUN:
            tokens.append(token)
    ones = runs = 0
    for position, token in enumerate(tokens):
        if token is Wild.RUN:
            runs |= 1 << position
        elif token is Wild.ONE:
            ones |= 1 << position
    plain = None if ones or runs else "".join(str(token) for token in tokens)
    return _Compiled(tuple(tokens), plain, ones, runs)


def _regex(tokens: tuple[str | Wild, ...]) -> re.Pattern[str]:
    """
    Compile to a regular expression that never backtracks far.

    The pieces between two runs have a fixed length, so the leftmost place for each is as good as
    any other, and an atomic group keeps it there; only the last piece is tied to the end.
    """
    pieces = [""]
    for token in tokens:
        if token is Wild.RUN:
            pieces.append("")
        else:
            pieces[-1] += "." if token is Wild.ONE else re.escape(token)
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL)
    first, *middle, last = pieces
    between = "".join(f"(?>.*?{piece})" for piece in middle)
    return re.compile(f"{first}{between}.*{last}", re.DOTALL)


def _spelled(pieces: list[str], text: str) -> bool:
    """Whether a text is the pieces, two or more, in their order, with anything between them."""
    first, *middle, last = pieces
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for piece in middle:
        at = text.find(piece, at, end)  # the leftmost place is as good as any other
        if at < 0:
            return False
        at += len(piece)
    return True


@lru_cache(maxsize=65536)
def _overlaps(text: str, other: str) -> bool:
    """Follow every position that `text` may be at while `other` is read token by token."""
    one = _compiled(text)
    anywhere = (one.final << 1) - 1
    states = one.start
    for token in _compiled(other).tokens:
        if token is Wild.RUN:
            lowest = states & -states
            states = anywhere & ~(lowest - 1)  # a run can spell whatever leads further on
        elif token is Wild.ONE:
            states = one.step(states, anywhere & ~one.runs)
        else:
            states = one.step(states, one.chars.get(token, 0) | one.ones)
        if not states:
            return False
    return bool(states & one.final)


@lru_cache(maxsize=65536)
def _covers(text: str, other: str) -> bool:
    """
    Follow `text` through all that `other` may spell.

    It is enough to let the wildcards of `other` spell a character that `text` does not mention:
    where `text` takes that one, it takes any. A `*` spells it any number of times, which leads to
    several sets of positions; `text` covers `other` if every one of them ends at its end.
    """
    one = _compiled(text)
    reached = {one.start}
    for token in _compiled(other).tokens:
        if token is Wild.RUN:
            pending = list(reached)
            while pending and len(reached) <= _PATIENCE:
                further = one.step(pending.pop(), one.ones)
                if further not in reached:
                    reached.add(further)
                    pending.append(further)
        else:
            known = 0 if token is Wild.ONE else one.chars.get(token, 0)
            reached = {one.step(states, known | one.ones) for states in reached}
        if 0 in reached or len(reached) > _PATIENCE:
            return False
    return all(states & one.final for states in reached)


WILD: Final = re.compile(r"[*?]")
