"""What a PDF holds, as a reader sees it: text, its size and place, headings, links."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from math import sqrt
from typing import Any

from pypdf import PdfReader

MARGIN = 36  # points below which a sheet has its number


@dataclass(frozen=True)
class Text:
    """A piece of text on a sheet; size and distance from the lower edge in points."""

    sheet: int
    text: str
    size: float
    height: float


class Pdf:
    """A PDF; sheets are counted from 0. Reading the text of 40 sheets takes ten seconds, once."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.reader = PdfReader(io.BytesIO(content))
        self.sheets = list(self.reader.pages)
        self.texts: list[Text] = []
        self.drawn: set[tuple[int, int]] = set()  # sheet and height of lines, as charts have them

    @cached_property
    def said(self) -> list[str]:
        """The text of each sheet; fills `texts` and `drawn`, too."""
        return [
            sheet.extract_text(
                visitor_text=self._seen(number), visitor_operand_before=self._drawn(number)
            )
            for number, sheet in enumerate(self.sheets)
        ]

    def _seen(self, sheet: int) -> Any:
        def see(text: str, ctm: list[float], tm: list[float], font: object, size: float) -> None:
            if text.strip():
                areas = (tm[0] * tm[3] - tm[1] * tm[2]) * (ctm[0] * ctm[3] - ctm[1] * ctm[2])
                scale = sqrt(abs(areas))
                height = tm[4] * ctm[1] + tm[5] * ctm[3] + ctm[5]
                self.texts.append(Text(sheet, text.strip(), scale * size, height))

        return see

    def _drawn(self, sheet: int) -> Any:
        def see(operator: bytes, operands: list[Any], ctm: list[float], tm: object) -> None:
            if operator == b"m":
                x, y = map(float, operands)
                self.drawn.add((sheet, round(x * ctm[1] + y * ctm[3] + ctm[5])))

        return see

    def headings(self) -> Iterator[tuple[str, int, float]]:
        """Each entry of the outline: its text, sheet, and distance from the lower edge."""

        def walk(entries: list[Any]) -> Iterator[tuple[str, int, float]]:
            for each in entries:
                if isinstance(each, list):
                    yield from walk(each)
                else:
                    sheet = self.reader.get_destination_page_number(each)
                    yield str(each.title), int(sheet or 0), float(each.top or 0)

        yield from walk(self.reader.outline)

    def smallest(self) -> Text:
        """The smallest text of all sheets."""
        assert self.said
        return min(self.texts, key=lambda each: each.size)

    def stranded(self) -> list[str]:
        """Headings below which their sheet has neither text nor a chart."""
        assert self.said

        def below(title: str, sheet: int, top: float) -> bool:
            return any(
                each.sheet == sheet and MARGIN < each.height < top - 10 and each.text not in title
                for each in self.texts
            ) or any(on == sheet and MARGIN < height < top - 20 for on, height in self.drawn)

        return [title for title, sheet, top in self.headings() if not below(title, sheet, top)]

    def alternatives(self) -> list[str]:
        """What is said in place of each image."""
        found = re.findall(rb"/Alt (<[0-9A-F]*>|\((?:[^\\()]|\\.)*\))", self.content)
        return [
            bytes.fromhex(each[1:-1].decode()).decode("utf-16")
            if each[:1] == b"<"
            else each[1:-1].decode("latin-1")
            for each in found
        ]

    def links(self) -> tuple[list[Any], list[str]]:
        """Where links lead: places in the document, and addresses."""
        places, addresses = [], []
        for sheet in self.sheets:
            for each in sheet.get("/Annots") or []:
                found = each.get_object()
                if "/A" in found and "/URI" in found["/A"]:
                    addresses.append(str(found["/A"]["/URI"]))
                else:
                    places.append(found.get("/Dest") or found["/A"].get("/D"))
        return places, addresses


@cache
def opened(content: bytes) -> Pdf:
    """The PDF that these bytes are, read once even if several places hold it."""
    return Pdf(content)
