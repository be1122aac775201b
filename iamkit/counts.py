"""Numbers and what is counted, in words that agree."""

from __future__ import annotations

import re
from typing import Final

_PLURAL: Final = re.compile(r"\b(?:(people)|([a-z]+)ies|([a-z]+[^\Ws])s)\b")
_OF_THEM: Final = re.compile(r" (?:who|with|without|that|of|in|kept|by|is|from|for)\b")
_AGREEING: Final = re.compile(r"\[([^|\]]+)\|([^|\]]+)\]")


def singular(nouns: str) -> str:
    """
    Return what one of some things is called; what describes them stays.

    >>> singular("console users"), singular("attached AWS managed policies")
    ('console user', 'attached AWS managed policy')
    >>> singular("users, groups and roles"), singular("users with active keys")
    ('user, group or role', 'user with active keys')
    """
    found = _OF_THEM.search(nouns)
    head, rest = (nouns[: found.start()], nouns[found.start() :]) if found else (nouns, "")

    def one(word: re.Match[str]) -> str:
        return "person" if word[1] else f"{word[2]}y" if word[2] else str(word[3])

    return _PLURAL.sub(one, head).replace(" and ", " or ") + rest


def noun(number: float, nouns: str) -> str:
    """Return what a number of things is called: one of them in the singular."""
    return singular(nouns) if number == 1 else nouns


def counted(number: int, nouns: str) -> str:
    """
    Return a number with what is counted, which is given in the plural.

    >>> counted(1, "identities"), counted(1260, "users"), counted(0, "roles")
    ('1 identity', '1,260 users', '0 roles')
    """
    return f"{number:,} {noun(number, nouns)}"


def days_ago(number: float) -> str:
    """
    Return how many days ago, in words.

    >>> days_ago(0), days_ago(1), days_ago(505)
    ('today', 'yesterday', '505 days ago')
    """
    near = "today" if number <= 0 else "yesterday" if number == 1 else ""
    return near or f"{counted(int(number), 'days')} ago"


def part_of(part: int, whole: int, nouns: str) -> str:
    """
    Return a part of a whole with what is counted; of nothing, that there is nothing.

    >>> part_of(3, 50, "console users"), part_of(0, 1, "roles"), part_of(0, 0, "roles")
    ('3 of 50 console users', '0 of 1 role', 'no roles')
    """
    return f"{part:,} of {counted(whole, nouns)}" if whole else f"no {nouns}"


def agreeing(text: str, *numbers: int) -> str:
    """
    Return a text with those of its words in brackets that agree: the first if a number is one.

    >>> agreeing("2 of 9 users [has|have] a key", 2), agreeing("1 of 9 [has|have] one", 1, 9)
    ('2 of 9 users have a key', '1 of 9 has one')
    """
    return _AGREEING.sub(lambda of: of[1] if 1 in numbers else of[2], text)
