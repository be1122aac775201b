"""Where a report, or an archive of one, holds a name that it should not: everything is decoded."""

import base64
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.report.pdf_files import opened

DATA = re.compile(rb"data:image/[\w+.-]+;base64,([A-Za-z0-9+/=]+)")
IMAGE = re.compile(rb'"image/png": "([A-Za-z0-9+/=\\n]+)"')


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """Each file below a folder, and each part inside it, decoded: where it is, and its text."""
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        name = str(file.relative_to(path))
        yield "names of files", name
        yield from inside(name, file.read_bytes())


def inside(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """A file's text, and that of what it holds: members of an archive, images, sheets of a PDF."""
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for each in archive.namelist():
                yield f"{name}: names", each
                yield from inside(f"{name}: {each}", archive.read(each))
        return
    if content[:5] == b"%PDF-":
        pdf = opened(content)
        yield f"{name}: facts", " ".join(map(str, (pdf.reader.metadata or {}).values()))
        yield f"{name}: outline", "\n".join(title for title, _, _ in pdf.headings())
        yield f"{name}: alternative texts", "\n".join(pdf.alternatives())
        for number, said in enumerate(pdf.said, start=1):
            yield f"{name}: sheet {number}", unbroken(said)
    yield name, content.decode("utf-8", "replace")
    for number, found in enumerate(DATA.findall(content)):
        yield f"{name}: image {number}", base64.b64decode(found).decode("utf-8", "replace")
    for number, found in enumerate(IMAGE.findall(content)):
        image = base64.b64decode(found.replace(b"\\n", b""))
        yield f"{name}: picture {number}", image.decode("latin-1")


def unbroken(said: str) -> str:
    """A sheet's text, and the same without the ends of lines, where a name may be broken."""
    return said + "\n" + said.replace("\n", "")


def leaks(path: Path, names: Iterable[str]) -> dict[str, set[str]]:
    """The names that are there as whole words, and where."""
    any_name = re.compile(
        rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})"
        rf"(?![A-Za-z0-9])"
    )
    found: dict[str, set[str]] = {}
    for where, text in texts(path):
        for each in any_name.findall(text):
            found.setdefault(each, set()).add(where)
    return found
