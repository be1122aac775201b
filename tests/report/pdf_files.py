"""What a PDF holds, as a reader sees it: text, its size and place, headings, links."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
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
    """A PDF, read once; sheets are counted from 0."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.reader = PdfReader(io.BytesIO(content))
        self.sheets = list(self.reader.pages)
        self.said: list[str] = []
        self.texts: list[Text] = []
        for number, sheet in enumerate(self.sheets):
            self.said.append(sheet.extract_text(visitor_text=self._seen(number)))

    def _seen(self, sheet: int) -> Any:
        def see(text: str, ctm: list[float], tm: list[float], font: object, size: float) -> None:
            if text.strip():
                scale = sqrt(abs((tm[0] * tm[3] - tm[1] * tm[2]) * (ctm[0] * ctm[3] - ctm[1] * ctm[2])))
                height = tm[4] * ctm[1] + tm[5] * ctm[3] + ctm[5]
                self.texts.append(Text(sheet, text.strip(), scale * size, height))

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

    def stranded(self) -> list[str]:
        """Headings below which their sheet has nothing."""
        return [
            title
            for title, sheet, top in self.headings()
            if not any(
                each.sheet == sheet and MARGIN < each.height < top - 10 and each.text not in title
                for each in self.texts
            )
        ]

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
