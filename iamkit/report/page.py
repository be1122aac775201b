"""
An executed notebook as one HTML file that loads nothing and runs only its own script.

The template (`data/page/`) is our own and small, and escapes every value it is given. Outputs are
*chosen*, not copied: the tables, sentences and figures of `charts` travel as data and become
HTML only here; images become data addresses; Markdown is rendered without raw HTML; everything
else that could carry markup or code is refused with a visible note. A content security policy is
the second line of defence: it names the one style sheet and the one script by hash.
"""

import base64
import binascii
import datetime as dt
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import mistune
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from nbconvert.exporters.templateexporter import TemplateExporter
from nbformat import NotebookNode

from iamkit.badges import BADGES
from iamkit.counts import counted
from iamkit.evidence import Snapshot
from iamkit.report import glossary
from iamkit.report.table_cells import SAFE_ADDRESS, TRANSPOSED, beyond, cells, transposed
from iamkit.values import few

FOLDER = Path(__file__).parents[1] / "data" / "page"
PORTRAIT = 549  # points of a chart that A4 shows nearly as it is
NARROW = 400  # points of a chart that a phone shows whole
NOSCRIPT_CSS = "tr[hidden]{display:table-row}"
HIDDEN_TAGS = {"parameters", "injected-parameters", "notebook"}  # what a page leaves out
FOLDED_TAG = "folded"  # what a page shows when the reader opens it
TONES = {"plain", "good", "bad", "note"}

# The media types of `charts.display`, which is not imported here because it brings matplotlib.
DATA = {
    "application/vnd.iamkit.table+json": "table",
    "application/vnd.iamkit.figures+json": "figures",
    "application/vnd.iamkit.text+json": "sentence",
    "application/vnd.iamkit.folds+json": "folds",
}

IMAGES = ("image/svg+xml", "image/png", "image/jpeg")

REFUSED = {
    "text/html": "HTML",
    "application/javascript": "JavaScript",
    "application/vnd.jupyter.widget-view+json": "An interactive widget",
}

SOME_RESULTS = "evidence is missing for some results"  # of `charts.table`, as of the media types
_NOTEBOOK = re.compile(r"^([\w-]+)\.ipynb(#[\w-]+)?$")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")


@dataclass(frozen=True)
class Page:
    """One page of a report: its notebook's name, what it is called and what it answers."""

    name: str
    title: str
    question: str = ""
    failure: str = ""
    missing: Sequence[str] = ()  # which evidence some of its answers lack, in words

    @property
    def href(self) -> str:
        """The page's file name."""
        return f"{self.name}.html"


@dataclass(frozen=True)
class Provenance:
    """What each page says about the evidence it rests on."""

    account: str
    alias: str
    as_of: str
    collected_at: str
    collected_by: str
    demo: bool
    guessed: bool
    gaps: Sequence[Mapping[str, Any]]
    digest: str


def provenance(snapshot: Snapshot) -> Provenance:
    """The evidence as pages name it."""
    manifest = snapshot.manifest
    return Provenance(
        account=str(manifest["account_id"]),
        alias=str(manifest.get("alias") or ""),
        as_of=_time(manifest["as_of"]),
        collected_at=_time(manifest["collected_at"]),
        collected_by=str(manifest.get("caller_arn") or ""),
        demo=snapshot.is_demo,
        guessed=snapshot.time_is_guessed,
        gaps=list(manifest["gaps"]),
        digest=snapshot.evidence_hash,
    )


def opening(notebook: NotebookNode, name: str) -> Page:
    """The page a notebook will become: its title and question, from its first Markdown cell."""
    text = next((c.source for c in notebook.cells if c.cell_type == "markdown"), "")
    title = re.search(r"^# +(.+)$", text, re.MULTILINE)
    blocks = [block for block in re.split(r"\n\s*\n|^#.*$", text, flags=re.MULTILINE) if block]
    question = next((block for block in blocks if block.strip()), "")
    question = re.sub(r"^\**Question:?\**:?\s*", "", _plain(question))
    return Page(name, _plain(title[1]) if title else name, question)


def missing_evidence(notebook: NotebookNode) -> list[str]:
    """Which evidence the answers of an executed notebook lack, as its outputs say, once each."""
    found: dict[str, None] = {}
    for output in (each for cell in notebook.cells for each in cell.get("outputs", ())):
        for media in DATA:
            shown = output.get("data", {}).get(media, ())
            for each in shown if isinstance(shown, list) else [shown]:
                said = each.get("missing", "") if isinstance(each, Mapping) else ""
                found |= dict.fromkeys(filter(None, str(said).split("; ")))
    return list(found)


def render_page(
    notebook: NotebookNode,
    page: Page,
    pages: Sequence[Page],
    evidence: Provenance,
    *,
    failed_cell: int | None = None,
    changed: Mapping[str, object] | None = None,
    version: str = "",
) -> str:
    """
    The HTML of one page.

    Parameters
    ----------
    notebook : NotebookNode
        Executed. Its parameter cells are left out.
    page, pages : Page, sequence of Page
        This page, and all pages of the report in order.
    evidence : Provenance
        What the page rests on.
    failed_cell : int, optional
        Position in the notebook of the cell that failed; later cells are marked as not run.
    changed : mapping, optional
        Parameters that differ from the notebook's own, shown at the top.
    version : str
        Of iamkit.
    """
    headings: list[tuple[int, str, str]] = []
    markdown = _markdown(headings)
    used: dict[str, glossary.Term] = {}
    prose = {
        number: Markup(glossary.marked(str(markdown(cell.source)), used))  # noqa: S704
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown" and not _hidden(cell)
    }
    resources = {
        "evidence": evidence,
        "page": page,
        "pages": pages,
        "contents": [(anchor, text) for level, anchor, text in headings if level == 2],
        "prose": prose,
        "terms": list(used.values()),
        "failed_cell": failed_cell,
        "changed": changed or {},
    }
    exporter = _exporter()
    exporter.environment.globals["version"] = version
    # `from_notebook_node` would copy the notebook twice, for preprocessors that there are none of.
    return str(exporter.template.render(nb=notebook, resources=resources))


def render_index(
    pages: Sequence[Page],
    evidence: Provenance,
    *,
    files: Sequence[str] = (),
    pdf: str = "",
    incomplete: int = 0,
    notes: Sequence[str] = (),
    overview: Mapping[str, Any] | None = None,
    version: str = "",
) -> str:
    """
    The HTML of the page that says how the account stands and lists the others and the files.

    `pdf` is the file that has all pages as one document, if there is one.

    A page that lacks evidence is not complete; so is none, where the evidence says too little of
    `incomplete` users, roles or policies. `notes` are sentences to show beside the list.
    `overview` is what `pages.overview.facts` returns; without it, the page only lists.
    """
    environment = _exporter().environment
    environment.globals["version"] = version
    failed = [page for page in pages if page.failure]
    template = environment.get_template("index.html.j2")
    cut = (
        f"the evidence about {incomplete:,} of the users, groups, roles and policies is incomplete"
    )
    too = [cut] if incomplete else []
    counted = (overview or {}).get("pages", {})
    lacking = {}
    for page in pages:
        told = counted.get(page.name, {}).get("not assessed")  # by the number beside it
        said = [each for each in page.missing if not (told and each == SOME_RESULTS)]
        lacking[page.name] = few([*said, *too], 2, "; ")
    shown = {"pages": pages, "failed": failed, "lacking": lacking, "notes": notes}
    shown |= {"files": files, "pdf": pdf}
    titles = {page.name: page.title for page in pages}
    found = overview or {}
    return str(template.render(evidence=evidence, titles=titles, overview=found, **shown))


def render_glossary(pages: Sequence[Page], evidence: Provenance, *, version: str = "") -> str:
    """The HTML of the page that says what words mean; `data/page/glossary.md` is its text."""
    environment = _exporter().environment
    environment.globals["version"] = version
    written = glossary.WRITTEN.read_text("utf-8")
    text = Markup(_markdown([])(written))  # noqa: S704 - escaped there
    template = environment.get_template("glossary.html.j2")
    return str(template.render(evidence=evidence, pages=pages, text=text))


def templates(version: str) -> Environment:
    """Return the environment of the templates in `data/page/`, which escapes every value."""
    environment: Environment = _exporter().environment
    environment.globals["version"] = version
    return environment


@cache
def _exporter() -> TemplateExporter:
    """The exporter of nbconvert with our template, escaping by default."""
    exporter = TemplateExporter(  # type: ignore[no-untyped-call]
        template_file="page.html.j2",
        template_paths=[],
        extra_loaders=[FileSystemLoader(FOLDER)],
        default_preprocessors=[],
        filters={
            "cells": cells,
            "safe_address": lambda address: address if SAFE_ADDRESS.fullmatch(address) else "",
            "code_marks": _code_marks,
            "counted": counted,
            "hidden": _hidden,
            "folded": _folded,
            "shown": _shown,
            "beyond": beyond,
            "beyond_transposed": lambda table: beyond(table, TRANSPOSED),
            "transposed": transposed,
            "badge": lambda name: BADGES.get(name, "accepted"),
            "tone": lambda tone: tone if tone in TONES else "plain",
        },
    )
    environment = exporter.environment
    environment.autoescape = True
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals["assets"] = _assets()
    return exporter


def _hidden(cell: NotebookNode) -> bool:
    """Whether a page leaves a cell out."""
    return bool(HIDDEN_TAGS & set(cell.metadata.get("tags", ())))


def _folded(cell: NotebookNode) -> bool:
    """Whether a page shows a cell's tables only when the reader opens them."""
    return FOLDED_TAG in cell.metadata.get("tags", ())


def _assets() -> dict[str, str]:
    """The style sheet and the script, and the policy that allows these and nothing else."""
    css = "".join((FOLDER / name).read_text("utf-8") for name in ("page.css", "print.css"))
    script = (FOLDER / "page.js").read_text("utf-8")

    policy = (
        f"default-src 'none'; img-src data:; style-src {allowed(css)} {allowed(NOSCRIPT_CSS)}; "
        f"script-src {allowed(script)}; base-uri 'none'; form-action 'none'"
    )
    return {
        "css": Markup(css),  # noqa: S704
        "noscript_css": Markup(NOSCRIPT_CSS),  # noqa: S704
        "policy": policy,
        "script": Markup(script),  # noqa: S704
    }


def allowed(text: str) -> str:
    """How a content security policy names a style sheet or a script: by its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _shown(output: NotebookNode) -> dict[str, Any]:
    """One output as the template shows it: chosen by what we can make safe, else refused."""
    if output.output_type == "stream":
        return {"kind": "printed", "text": _uncoloured(output.text)}
    if output.output_type == "error":
        lines = output.traceback or [f"{output.ename}: {output.evalue}"]
        return {"kind": "error", "text": _uncoloured("\n".join(lines))}
    data = output.data
    for media, kind in DATA.items():
        if media in data:
            return {"kind": kind, "data": data[media]}
    for media in IMAGES:
        if media in data and (encoded := _encoded(data[media], media)):
            details = output.metadata.get(media) or {}
            source = f"data:{media};base64,{encoded}"
            alt, look = (
                details.get("alt", ""),
                _look(str(data[media]), fine=bool(details.get("fine"))),
            )
            return {"kind": "image", "source": source, "alt": alt, "look": look}
    if "text/markdown" in data:
        safe = _markdown([], links=False)(data["text/markdown"])
        return {"kind": "prose", "text": Markup(safe)}  # noqa: S704
    shown: dict[str, Any] = {"kind": "printed", "text": _uncoloured(data.get("text/plain", ""))}
    for media, what in REFUSED.items():
        if media in data:
            shown["refused"] = (
                f"{what} output is left out: a page shows only text, images and the tables, "
                "sentences and figures of iamkit."
            )
    return shown


def _look(svg: str, *, fine: bool) -> str:
    """
    How a chart is shown: a narrow one whole on a phone, one with small text as it is on paper.

    Paper shows that on a turned sheet if it is wide.
    """
    found = re.search(r'<svg [^>]*?width="([\d.]+)pt"', svg[:2000])
    width = float(found[1]) if found else 0.0
    narrow = " narrow" if 0 < width <= NARROW else ""
    return f"{narrow} fine{' turned' if width > PORTRAIT else ''}" if fine else narrow


def _code_marks(text: str) -> Markup:
    """Escaped text in which `backticks` set code type."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _encoded(content: str, media: str) -> str:
    """An image in base64; empty if a raster image is not valid base64."""
    if media == "image/svg+xml":
        return base64.b64encode(content.encode()).decode()
    try:
        return base64.b64encode(base64.b64decode("".join(content.split()), validate=True)).decode()
    except binascii.Error:
        return ""


class _Prose(mistune.HTMLRenderer):
    """Markdown without raw HTML, images or inline styles; links only to pages and https."""

    def __init__(self, headings: list[tuple[int, str, str]], *, links: bool) -> None:
        super().__init__(escape=True)
        self._headings = headings
        self._links = links

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """A heading with an anchor, noted for the list of contents."""
        plain = html.unescape(re.sub(r"<[^>]*>", "", text))
        anchor = re.sub(r"\W+", "-", plain.lower()).strip("-") or "section"
        taken = {a for _, a, _ in self._headings}
        number = 1
        while (unique := anchor if number == 1 else f"{anchor}-{number}") in taken:
            number += 1
        self._headings.append((level, unique, plain))
        return f'<h{level} id="{escape(unique)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link if it may be followed, else its text; of a notebook, a link to its page."""
        url = _NOTEBOOK.sub(r"\1.html\2", url)
        if not (self._links and SAFE_ADDRESS.fullmatch(url)):
            return text
        return f'<a href="{escape(url)}" rel="noreferrer">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """The alternative text: images come from outputs only."""
        return text

    def block_code(self, code: str, info: str | None = None) -> str:
        """Code as it stands."""
        return f'<pre tabindex="0"><code>{escape(code)}</code></pre>\n'

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        """A cell; the alignment is dropped, because it would be an inline style."""
        tag = "th" if head else "td"
        return f"<{tag}>{text}</{tag}>\n"


def _markdown(headings: list[tuple[int, str, str]], *, links: bool = True) -> mistune.Markdown:
    """A renderer of safe HTML that adds (level, anchor, text) of each heading to the list."""
    return mistune.create_markdown(
        renderer=_Prose(headings, links=links), plugins=["table", "strikethrough"]
    )


def _plain(text: str) -> str:
    """A line of Markdown as plain text."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"[`*]", "", text).split())


def _uncoloured(text: str) -> str:
    """Text without terminal colours, links and other control characters."""
    text = _ANSI.sub("", text)
    return "".join(c for c in text if c >= " " or c in "\n\t")


def _time(value: object) -> str:
    """An ISO time as "2026-11-01 06:00 UTC"; anything else as it is."""
    try:
        time = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return str(value or "")
    time = time.astimezone(dt.UTC) if time.tzinfo else time
    return time.strftime("%Y-%m-%d %H:%M UTC")
