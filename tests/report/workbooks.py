"""What a workbook holds, read as a spreadsheet reads it: from the XML in its archive."""

import io
import re
import zipfile
from dataclasses import dataclass, field
from xml.etree import ElementTree as Tree

NAMESPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass
class Sheet:
    """A sheet's cells by row and column, from 0: numbers, truths or texts; and its other parts."""

    cells: dict[tuple[int, int], object]
    formats: dict[tuple[int, int], str]
    xml: str
    formulas: int = 0
    rows: list[list[object]] = field(init=False)

    def __post_init__(self) -> None:
        height = 1 + max((row for row, _ in self.cells), default=-1)
        width = 1 + max((column for _, column in self.cells), default=-1)
        self.rows = [[self.cells.get((r, c)) for c in range(width)] for r in range(height)]


def read(content: bytes) -> dict[str, Sheet]:
    """The sheets of a workbook, by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    texts = [
        ESCAPED.sub(lambda found: chr(int(found[1], 16)), "".join(each.itertext()))
        for each in Tree.fromstring(parts["xl/sharedStrings.xml"])
    ]
    names = [each.get("name") for each in _all(parts["xl/workbook.xml"], "m:sheets/m:sheet")]
    styles = _formats(parts["xl/styles.xml"])
    return {
        str(name): _sheet(parts[f"xl/worksheets/sheet{number}.xml"], texts, styles)
        for number, name in enumerate(names, start=1)
    }


def parts(content: bytes) -> dict[str, str]:
    """The text of each file in the archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def _all(xml: str, path: str) -> list[Tree.Element]:
    return Tree.fromstring(xml).findall(path, NAMESPACE)


def _formats(xml: str) -> list[str]:
    """The number format of each style, in words of a spreadsheet."""
    own = {each.get("numFmtId"): str(each.get("formatCode")) for each in _all(xml, ".//m:numFmt")}
    builtin = {"0": "General", "1": "0", "49": "@"}
    used = [str(each.get("numFmtId")) for each in _all(xml, "m:cellXfs/m:xf")]
    return [own.get(each) or builtin[each] for each in used]


def _sheet(xml: str, texts: list[str], styles: list[str]) -> Sheet:
    cells: dict[tuple[int, int], object] = {}
    formats = {}
    for each in _all(xml, "m:sheetData/m:row/m:c"):
        at = _place(str(each.get("r")))
        formats[at] = styles[int(each.get("s", "0"))]
        value = each.find("m:v", NAMESPACE)
        if value is None or value.text is None:
            continue
        kind = each.get("t", "n")
        cells[at] = (
            texts[int(value.text)] if kind == "s"
            else value.text == "1" if kind == "b"
            else float(value.text)
        )  # fmt: skip
    return Sheet(cells, formats, xml, len(_all(xml, ".//m:f")))


def _place(name: str) -> tuple[int, int]:
    letters, digits = re.fullmatch(r"([A-Z]+)(\d+)", name).groups()  # type: ignore[union-attr]
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(digits) - 1, column - 1
