"""JSON, YAML and text of which nothing is certain, as a table and a terminal can take them."""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Hashable, Iterable
from typing import Any, Final

import yaml

try:  # the parser in C, where PyYAML was built with one, is several times as fast
    from yaml import CSafeLoader as _YamlLoader
except ImportError:
    from yaml import SafeLoader as _YamlLoader  # type: ignore[assignment]


MOST_PARTS: Final = 1_000_000


class RepeatedNameError(ValueError):
    """An object in JSON or a mapping in YAML names a member twice."""


def json_of(text: str | bytes) -> Any:
    """
    What JSON says. Raises `ValueError` where it is none, or an object names a member twice.

    The last of two would count in Python; another reader takes the first, and hides the other.

    >>> json_of('{"Effect": "Deny", "Effect": "Allow"}')
    Traceback (most recent call last):
        ...
    iamkit.values.RepeatedNameError: it names "Effect" twice in one object
    """
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RepeatedNameError(f'it names "{twice}" twice in one object')
    return made


class _DistinctLoader(_YamlLoader):
    """YAML's plain values, from mappings that name no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for at, (key, _) in enumerate(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value in names[:at]:
                line = key.start_mark.line + 1
                raise RepeatedNameError(f"line {line}: {key.value} is there twice")
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            if not isinstance(node, yaml.ScalarNode):
                raise  # it has its line already
            line = node.start_mark.line + 1
            raise ValueError(f"line {line}: {str(node.value)[:60]!r}: {error}") from error


def yaml_of(text: str) -> Any:
    r"""
    What YAML says. Raises `ValueError` or `YAMLError` where it is none, or names a key twice.

    So is a value of more than a million parts: a few lines of aliases can stand for that.

    >>> yaml_of("days: 90\nnetworks: []\ndays: 30")
    Traceback (most recent call last):
        ...
    iamkit.values.RepeatedNameError: line 3: days is there twice
    """
    loader = _DistinctLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _parts(node, {}) > MOST_PARTS:
            raise ValueError("its aliases stand for more than a million values")
        return loader.construct_document(node)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    finally:
        loader.dispose()


def _parts(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for, itself included, its aliases written out."""
    if id(node) not in known:
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        if isinstance(node, yaml.MappingNode):
            children = [each for pair in children for each in pair]
        known[id(node)] = 1 + sum(_parts(each, known) for each in children)
    return known[id(node)]


# What acts on a terminal, ends a line, shows nothing, reorders what stands beside it, or has no
# UTF-8 form.
_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060"
    "\u2066-\u2069\ud800-\udfff\ufeff]"
)


def printable(text: str) -> str:
    r"""
    Text as a terminal, a page and a file can show it: what would act on them is written out.

    Tabs and line breaks stay.

    >>> printable("red \x1b[31m, and \u202eback")
    'red \\x1b[31m, and \\u202eback'
    """
    if text.isascii() and text.isprintable():  # most are, and it is known at once
        return text
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def listed(value: Any) -> list[Any]:
    """A list as it is, nothing as empty, anything else as its only item."""
    return value if isinstance(value, list) else [] if value is None else [value]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def as_count(value: Any) -> int | None:
    """A number of things; None for what no table could hold as one."""
    return value if type(value) is int and 0 <= value < 2**63 else None


def few(texts: Iterable[str], most: int = 6, between: str = ", ") -> str:
    """
    Join the first texts of many, and say how many more there are.

    >>> few(["ana", "bo", "cy", "di"], 2), few(["ana", "bo"])
    ('ana, bo and 2 more', 'ana, bo')
    >>> few(["it is old", "it is idle", "it is bare"], 2, "; ")
    'it is old; it is idle; and 1 more'
    """
    given = list(texts)
    more = f"and {len(given) - most:,} more" if len(given) > most else ""
    last = " " if between == ", " else between
    return between.join(given[:most]) + (last + more if more else "")


def joined(items: list[str], most: int = sys.maxsize) -> str:
    """
    Join the first items of a list. Commas stand between names, semicolons between phrases.

    >>> joined(["ana", "bo"]), joined(["it is old", "its key, too, is old"])
    ('ana, bo', 'it is old; its key, too, is old')
    >>> joined(["Delete it.", "Tell ana."])
    'Delete it. Tell ana.'
    """
    if items and all(each.endswith(".") for each in items):
        return few(items, most, " ")
    phrases = any(", " in each or each.count(" ") > 1 for each in items)
    return few(items, most, "; " if phrases else ", ")


def instead(name: object, known: Iterable[str], otherwise: str | None = None) -> str:
    """
    Say what to write instead of a name that is not known: the nearest one, or `otherwise`.

    If that is left out, it is which names there are.

    >>> instead("Stolen-kee", ["stolen-key", "mfa-inside"])
    'did you mean stolen-key?'
    >>> instead("x", ["stolen-key", "mfa-inside"])
    'there are stolen-key, mfa-inside'
    >>> instead("CIS", ["PCI DSS", "CIS AWS Foundations"])
    'did you mean CIS AWS Foundations?'
    """
    names, said = {each.lower(): each for each in known}, str(name).strip().lower()
    begun = [each for each in names if said and each.startswith(said)]
    close = begun or difflib.get_close_matches(said, names, n=1)
    if close:
        return f"did you mean {names[close[0]]}?"
    return f"there are {', '.join(names.values())}" if otherwise is None else otherwise
