"""
The README's picture: the demo company's summary as a browser shows it.

    python -m tests.screenshot

writes docs/summary.png anew, in few colours to keep it small.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from iamkit import demo
from iamkit.report import render
from tests.browser import Browser

PICTURE = Path(__file__).parent.parent / "docs" / "summary.png"


def main() -> None:
    """Render the demo company and photograph its summary."""
    with TemporaryDirectory() as folder, Browser() as browser:
        page = render(demo.snapshots(Path(folder))).pages[0]
        with browser.open(page, width=1180, height=1040) as tab:
            tab.screenshot(PICTURE, whole=False)
    picture = Image.open(PICTURE).convert("RGB").quantize(48, dither=Image.Dither.NONE)
    picture.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
