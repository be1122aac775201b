"""
What words mean, where a page uses them: a term is a button, and a small box has its definition.

`data/page/glossary.md` is the one home of the definitions. The box is a popover, which needs no
script: click and Enter open it, Escape closes it. Each term is marked once a page, where it first
occurs; words that are common English, such as *enforced*, only where they are emphasised.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from markupsafe import escape

WRITTEN: Final = Path(__file__).parents[1] / "data" / "page" / "glossary.md"
_DEFINED: Final = re.compile(r"\*\*([^*]+)\.\*\* (.+?)(?= \*\*[^*]+\.\*\*|$)", re.MULTILINE)
_TAG: Final = re.compile(r"(<[^>]*>)")
_NOT_IN: Final = frozenset({"a", "button", "code", "h1", "h2", "h3", "h4", "pre", "th"})
_PLAIN: Final = frozenset({"principal", "witness", "snapshot", "SCP"})  # single words, yet terms


@dataclass(frozen=True)
class Term:
    """A word of the glossary, and what it means."""

    name: str
    text: str

    @property
    def anchor(self) -> str:
        """The id of its box; no heading has such an id."""
        return "term--" + re.sub(r"\W+", "-", self.name.lower())


@cache
def terms() -> dict[str, Term]:
    """Return each term of the glossary, by its name in small letters."""
    found = {}
    for names, text in _DEFINED.findall(WRITTEN.read_text("utf-8")):
        plain = re.sub(r"[*`]", "", text)
        for name in _names(names):
            found[name.lower()] = Term(name, plain)
    return found


def _names(written: str) -> Iterator[str]:
    """
    The names that a definition is for.

    >>> list(_names("Service control policy (SCP)")), list(_names("Console only, keys only"))
    (['Service control policy', 'SCP'], ['Console only', 'keys only'])
    """
    for name in re.split(r", | \(", written.rstrip(")")):
        yield name.strip()


def marked(rendered: str, used: dict[str, Term]) -> str:
    """
    Safe HTML in which the first use of each term that is not in `used` opens its definition.

    `used` gets what is marked. Nothing in headings, links and code is.
    """
    parts, within = [], list[str]()
    for part in _TAG.split(rendered):
        if part.startswith("</"):
            if within and within[-1] == part[2:-1]:
                within.pop()
        elif part.startswith("<"):
            name = re.split(r"[\s>]", part[1:], maxsplit=1)[0]
            if not part.endswith("/>") and name not in ("br", "hr", "img"):
                within.append(name)
        elif part.strip() and not _NOT_IN.intersection(within):
            parts.append(_marked_text(part, used, emphasised="em" in within))
            continue
        parts.append(part)
    return "".join(parts)


def _marked_text(text: str, used: dict[str, Term], *, emphasised: bool) -> str:
    def button(match: re.Match[str]) -> str:
        term = _of(html.unescape(match[0]))
        if term is None or term.anchor in used:
            return match[0]
        used[term.anchor] = term
        opens = f'type="button" class="term" popovertarget="{escape(term.anchor)}"'
        return f"<button {opens}>{match[0]}</button>"

    return _pattern(emphasised=emphasised).sub(button, text)


def _of(word: str) -> Term | None:
    """The term that a word, maybe a plural, stands for."""
    small = word.lower()
    singular = small.removesuffix("ies") + "y" if small.endswith("ies") else small.removesuffix("s")
    return terms().get(small) or terms().get(singular)


@cache
def _pattern(*, emphasised: bool) -> re.Pattern[str]:
    """What may be a term: any in emphasised text; else those that are no common English."""
    known = [
        name
        for name in terms()
        if emphasised or " " in name or name in {each.lower() for each in _PLAIN}
    ]
    either = "|".join(
        re.escape(name.removesuffix("y")) + "(?:y|ies)" if name.endswith("y") else re.escape(name)
        for name in sorted(known, key=len, reverse=True)
    )
    return re.compile(rf"\b(?:{either})s?\b", re.IGNORECASE)
