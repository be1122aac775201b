"""A YAML file that somebody wrote, and the lines of its parts."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from iamkit.errors import SettingsError
from iamkit.values import yaml_of

UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class YamlFile:
    """What a file holds, and where: a part is named by the keys and numbers that lead to it."""

    path: Path
    content: Mapping[str, Any]
    _root: yaml.Node | None

    def line(self, *where: str | int) -> int | None:
        """
        Return the line, from 1, of a part; None of one that is not there.

        `line("accepted", 0)` is that of the first entry of `accepted`.
        """
        node, line = self._root, None
        for step in where:
            if isinstance(node, yaml.MappingNode):
                found = [pair for pair in node.value if str(pair[0].value) == str(step)]
                if not found:
                    return None
                line, node = found[0][0].start_mark.line + 1, found[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                if step >= len(node.value):
                    return None
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                return None
        return line

    def error(self, said: object, *where: str | int) -> SettingsError:
        """Return an error about a part, with the file's name and its line."""
        text, line = str(said), self.line(*where)
        at = "" if line is None or "line " in text else f"line {line}: "
        return SettingsError(f"settings file {self.path}: {at}{text}")


def opened(path: Path) -> YamlFile:
    """
    Return what a file holds; nothing, if it is empty.

    Raises `SettingsError` if it cannot be read or is no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = yaml_of(text)
    except OSError as error:
        raise SettingsError(f"settings file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        said = "is UTF-16 text" if error.object[:2] in UTF_16 else f"is not UTF-8 text ({error})"
        raise SettingsError(f"settings file {path} {said}; save it as UTF-8") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"settings file {path} is not YAML: {_said(error, text)}") from error
    if content is None:
        return YamlFile(path, {}, None)
    if not isinstance(content, Mapping):
        raise SettingsError(f"settings file {path} should hold lines such as max_key_age_days: 60")
    return YamlFile(path, content, yaml.compose(text, Loader=yaml.SafeLoader))


def _said(error: Exception, text: str) -> str:
    """What is wrong with YAML, and in which line, as one line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    context, problem = getattr(error, "context", None), getattr(error, "problem", error)
    said = " ".join(f"{context or ''} {problem}".split())
    lines = text.splitlines()
    if mark.line < len(lines) and lines[mark.line].lstrip(" ").startswith("\t"):
        said = "it is indented with a tab; take spaces"
    return f"line {mark.line + 1}: {said}"
