"""
All pages of a report as one HTML document, from which its PDF is printed.

Of each page it has what paper shows: the main part, without code, without the rows that a table has
beyond those that are printed, and of folds their headings, to which links to a fold lead. Ids begin
with the name of their page, and links between pages lead to a place in the document. A link to
anything else of this machine, such as a CSV file, is left as text: printed, it would be an address
with the folder in which the report was made.

Pages are our own templates' output, in which text of an account is escaped: what looks like a tag
here is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from iamkit.report.page import FOLDER, Provenance, allowed, templates
from iamkit.report.table_cells import PRINTED

STYLES: Final = ("page.css", "print.css", "combined.css")
_MAIN: Final = re.compile(r'<main id="main">\n?(.*)</main>', re.DOTALL)
_SCREEN: Final = re.compile(
    r'<details class="code">.*?</details>|<div popover .*?</div>|</?button[^>]*>'
    r'|<figure class="table broad".*?</figure>',
    re.DOTALL,
)
_FOLD: Final = re.compile(  # shut: a place in it would be on no sheet
    r'<details class="fold"><summary>(.*?)</summary><div id="([^"]*)">.*?</div></details>',
    re.DOTALL,
)
_BODY: Final = re.compile(r"<tbody>(.*?)</table>(</div>)?", re.DOTALL)  # of `figure.table`
_ROW: Final = re.compile(r"(?=<tr[ >])")
_ID: Final = re.compile(r'(<[a-z][^<>]*? id=")')
_LINK: Final = re.compile(r'<a href="([^"]*)"([^>]*)>(.*?)</a>', re.DOTALL)
_PAGE: Final = re.compile(r"([\w-]+)\.html(?:#(.+))?")


def combined(pages: Mapping[str, str], evidence: Provenance, *, version: str) -> str:
    """
    Return the document of these pages, HTML by name without `.html`, in their order.

    The same pages give the same text.
    """
    style = "".join((FOLDER / name).read_text("utf-8") for name in STYLES)
    parts = {name: Markup(_part(name, html, pages)) for name, html in pages.items()}  # noqa: S704
    template = templates(version).get_template("combined.html.j2")
    css = Markup(style)  # noqa: S704
    shown = {"parts": parts, "evidence": evidence, "css": css, "allowed": allowed(style)}
    return str(template.render(**shown))


def _part(name: str, html: str, pages: Mapping[str, str]) -> str:
    """The main part of a page, as a part of the document."""
    found = _MAIN.search(html)
    main = found[1] if found else ""
    main = _SCREEN.sub("", main)
    main = _FOLD.sub(r'<p class="fold" id="\2">\1</p>', main)
    main = _BODY.sub(_cut, main)
    main = _ID.sub(rf"\g<1>{name}--", main)

    def link(given: re.Match[str]) -> str:
        address, rest, text = given.groups()
        place = _place(address, name, pages)
        return f'<a href="{place}"{rest}>{text}</a>' if place else text

    return _LINK.sub(link, main)


def _cut(body: re.Match[str]) -> str:
    """A table's body with the rows that are printed; as it is, if paper cuts it nowhere."""
    if not body[2]:
        return body[0]
    return f"<tbody>{''.join(_ROW.split(body[1])[: PRINTED + 1])}</table></div>"


def _place(address: str, name: str, pages: Mapping[str, str]) -> str:
    """
    Where a link of a page leads in the document; empty if nowhere.

    >>> _place("01-mfa.html#roles", "index", {"index": "", "01-mfa": ""})
    '#01-mfa--roles'
    >>> _place("#roles", "01-mfa", {}), _place("findings.csv", "index", {})
    ('#01-mfa--roles', '')
    """
    if address.startswith("https://"):
        return address
    if address.startswith("#"):
        return f"#{name}--{address[1:]}"
    page = _PAGE.fullmatch(address)
    if not page or page[1] not in pages:
        return ""
    return f"#{page[1]}--{page[2]}" if page[2] else f"#{page[1]}"
