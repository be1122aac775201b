"""
The README's pictures, and the sample report: the demo company's, as a browser shows it.

    make screenshots

writes docs/pictures/ and docs/sample/ anew; a test says when they are of another version or have
other pages. Pictures are in few colours, to keep them small. Notebooks are left out of the sample:
they are the repository's own with their outputs, which the pages show.
"""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from iamkit import demo
from iamkit.report import render
from tests.browser import Browser, chromium

DOCS = Path(__file__).parent.parent / "docs"
PICTURES, SAMPLE = DOCS / "pictures", DOCS / "sample"
WIDE: Any = {"width": 1280, "height": 1000}
# Name of the picture, page, where its top is, and how it is looked at.
SHOTS: tuple[tuple[str, str, str, Any], ...] = (
    ("overview", "index", "", WIDE),
    ("summary", "00-summary", "", WIDE),
    ("mfa", "01-mfa", "", WIDE),
    ("escalation", "05-escalation", "figure.chart", WIDE),
    ("controls", "07-controls", "", WIDE),
    ("dark", "03-network", "", {**WIDE, "dark": True}),
    ("phone", "index", "", {"width": 390, "height": 1000}),
    ("paper", "01-mfa", "", {"width": 794, "height": 1123, "media": "print"}),
)
COLOURS = 64
MONTHS = 6  # audits of the demo company, so that something has changed


def main() -> None:
    """Render the demo company, keep its files, and photograph some of its pages."""
    if chromium() is None:
        sys.exit("make screenshots needs Chromium, and none is found: apt install chromium")
    with TemporaryDirectory() as folder, Browser() as browser:
        report = render(demo.snapshots(Path(folder), months=MONTHS)).index.parent
        write_sample(report)
        PICTURES.mkdir(exist_ok=True)
        for name, page, top, look in SHOTS:
            photograph(browser, report / f"{page}.html", PICTURES / f"{name}.png", top, look)


def write_sample(report: Path) -> None:
    """Put the pages of a report, and the files that they name, in the place of the old sample."""
    shutil.rmtree(SAMPLE, ignore_errors=True)
    SAMPLE.mkdir()
    for path in report.iterdir():
        if path.is_file() and path.suffix != ".ipynb" and path.name != "report-manifest.json":
            shutil.copyfile(path, SAMPLE / path.name)


def photograph(browser: Browser, page: Path, picture: Path, top: str, look: Any) -> None:
    """Save what a window shows of a page; an element's selector says what is at its top."""
    with browser.open(page, **look) as tab:
        tab.call("Emulation.setScrollbarsHidden", hidden=True)
        if look.get("media"):
            tab.evaluate("void (document.body.style.padding = '14mm')")  # a sheet's margins
        tab.settle()
        if top:
            tab.evaluate(f"document.querySelector('{top}').scrollIntoView({{block: 'center'}})")
            tab.settle()
        tab.screenshot(picture, whole=False)
    few = Image.open(picture).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


if __name__ == "__main__":
    main()
