"""Pages in a real browser: nothing an account's text says can act, and the tables work."""

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from iamkit import charts
from iamkit.errors import NotebookError
from iamkit.evidence.snapshot import sealed
from iamkit.report import render
from tests.browser import NOT_FOUND, Browser, Tab, browser, chromium

__all__ = ["browser"]  # the fixture

if chromium() is None and not os.environ.get("IAMKIT_REQUIRE_BROWSER"):
    pytest.skip(NOT_FOUND, allow_module_level=True)

MARK = "window.__ran = (window.__ran || []).concat"
HOSTILE = (
    f"</script></style></title></textarea><script>{MARK}('script')</script>"
    f"<img src=x onerror=\"{MARK}('img')\"><svg onload=\"{MARK}('svg')\"></svg>"
    f"\" autofocus onfocus=\"{MARK}('quote')\" x=' onmouseover='{MARK}(1)"
    "<iframe srcdoc='<script>parent.__ran=[1]</script>'></iframe>"
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>"
    "<link rel=stylesheet href=http://127.0.0.1:9/a.css><base href=http://127.0.0.1:9/>"
    "<form action=http://127.0.0.1:9/><button id=main></form>"
    "{{ 7 * 7 }}{% raw %}<!--"
)

# Every way in which text can reach a page, by name; `BAD` is the text.
WAYS = {
    "table cell": "charts.table(pd.DataFrame({'a': [BAD, BAD], 'b': [1, None]}), 'x')",
    "long table": "charts.table(pd.DataFrame({'a': [f'{i}{BAD}' for i in range(150)]}), 'x')",
    "badge": "charts.table(pd.DataFrame({'a': [BAD], 's': [BAD]}), 'x', severity='s')",
    "list in a cell": "charts.table(pd.DataFrame({'a': [[BAD, {BAD: 1}]]}), 'x')",
    "column name": "charts.table(pd.DataFrame({BAD: [1, 2], (BAD, 'b'): [3, 4]}), 'x')",
    "index name": "charts.table(pd.DataFrame({'a': [1]}, index=pd.Index([BAD], name=BAD)), 'x')",
    "caption": "charts.table(pd.DataFrame({'a': [1, 2]}), BAD)",
    "sentence": "charts.say(BAD, f'`{BAD}`')",
    "tone": "charts.say('x', tone=BAD)",
    "figures": "charts.figures(**{BAD: (BAD, BAD, BAD)})",
    "alternative text": "charts.new(alt=BAD)",
    "chart title": "ax = charts.new(); ax.set_title(BAD, parse_math=False); ax",
    "chart link": "ax = charts.new(); ax.text(0, 0, 'x', url='javascript:alert(1)'); ax",
    "forged table": (
        "display({'application/vnd.iamkit.table+json': {'caption': BAD, 'columns': [{'name': BAD,"
        " 'kind': BAD}], 'data': [[BAD]]}, 'text/plain': ''}, raw=True)"
    ),
    "forged image": (
        "display({'image/png': BAD, 'text/plain': BAD}, metadata={'image/png': {'alt': BAD}},"
        " raw=True)"
    ),
    "forged kind of data": "display({'text/x-' + BAD: BAD, 'text/plain': BAD}, raw=True)",
    "Markdown": "Markdown(BAD)",
    "Markdown link": (
        "Markdown('[a](javascript:alert(1)) [b](JaVaScRiPt&colon;alert(1)) [c](data:text/html,x) '"
        " '<javascript:alert(1)> ![d](http://127.0.0.1:9/d.png) [e](http://127.0.0.1:9/)"
        " [f](//127.0.0.1:9/) [h](https://127.0.0.1:9/)\\n\\n[g]\\n\\n[g]: javascript:alert(1)')"
    ),
    "Markdown code": "Markdown('```mermaid\\n' + BAD + '\\n```\\n\\n```' + BAD + '\\nx\\n```')",
    "Markdown table": "Markdown('|a|\\n|-:|\\n|' + BAD + '|')",
    "Markdown heading": "Markdown('# ' + BAD + '\\n\\n$$' + BAD + '$$')",
    "print": "print(BAD, '\\x1b[31m', BAD, '\\x1b]8;;javascript:alert(1)\\x07link\\x1b]8;;\\x07')",
    "standard error": "import sys; print(BAD, file=sys.stderr)",
    "repr": "type('T', (), {'__repr__': lambda self: BAD})()",
    "pandas": "pd.DataFrame({BAD: [BAD]}, index=[BAD])",
    "HTML": "HTML(BAD)",
    "HTML of pandas": "HTML(pd.DataFrame({'a': [BAD]}).to_html(escape=False, render_links=True))",
    "Styler": "pd.DataFrame({BAD: [BAD]}).style.set_caption(BAD)",
    "SVG": (
        'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)'
        '</script><a href="javascript:alert(1)"><text y="9">x</text></a>'
        '<image href="http://127.0.0.1:9/i.png"/></svg>\')'
    ),
    "JavaScript": "Javascript('window.__ran = [1]; alert(1)')",
    "LaTeX": "Latex('$' + BAD + '$')",
    "JSON": "JSON({'a': BAD})",
    "update": "h = display(HTML(BAD), display_id=True); h.update(HTML(BAD + BAD))",
}
FIRST = """
import pandas as pd
from IPython.display import HTML, JSON, SVG, Javascript, Latex, Markdown, display
from iamkit import charts
BAD = """ + repr(HOSTILE)

MANIFEST = {
    "format": 1,
    "account_id": "111122223333",
    "alias": HOSTILE,
    "as_of": "2026-11-01T06:00:00Z",
    "collected_at": HOSTILE,
    "caller_arn": HOSTILE,
    "source": "demo",
    "calls": [],
    "files": {},
    "gaps": [{"call": HOSTILE, "code": HOSTILE, "message": HOSTILE, "meaning": HOSTILE}],
}


def assert_inert(tab: Tab) -> None:
    """The page opened in the tab did nothing: nothing ran, nothing was asked for, nothing could."""
    tab.settle()
    assert tab.dialogs == []
    assert tab.evaluate("window.__ran ?? null") is None, "a script of the account's has run"
    assert tab.requests == []
    assert len(tab.files) == 1, "the page read another file"
    assert tab.complaints == []
    acting = """[...document.querySelectorAll('*')].flatMap(element => [...element.attributes]
        .filter(({name, value}) => /^on/i.test(name) || name === 'style' || name === 'srcdoc'
            || /^\\s*(javascript|vbscript|data:text)/i.test(value))
        .map(({name}) => `${element.tagName} ${name}`))"""
    assert tab.evaluate(acting) == []
    strange = """[...document.querySelectorAll(
        'iframe, object, embed, form, base, video, audio, svg, math, canvas, template, textarea')]
        .map(element => element.tagName)"""
    assert tab.evaluate(strange) == []
    count = (
        "['script', 'style', 'title', 'link', 'main'].map(n => document.querySelectorAll(n).length)"
    )
    assert tab.evaluate(count) == [1, 1, 1, 1, 1]
    assert tab.evaluate("document.querySelectorAll('meta[http-equiv]').length") == 1
    links = "[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"
    for link in tab.evaluate(links):
        link = re.sub(r"^\d{12}/[\w-]+/", "", link)  # of an account, on the page over all of them
        beside = link.partition("#")[0].endswith((".html", ".csv", ".json", ".xlsx", ".pdf"))
        assert link.startswith(("#", "https://docs.")) or ("/" not in link and beside), link
    images = "[...document.images].every(i => i.src.startsWith('data:image/'))"
    assert tab.evaluate(images), "an image comes from elsewhere"


def notebook(*cells: nbformat.NotebookNode) -> str:
    return nbformat.writes(new_notebook(cells=list(cells)))


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of four notebooks: hostile outputs, a hostile failure, plain tables, a cut one."""
    folder = tmp_path_factory.mktemp("pages")
    snapshot, notebooks = folder / "snapshot", folder / "notebooks"
    snapshot.mkdir()
    notebooks.mkdir()
    (snapshot / "manifest.json").write_bytes(sealed(MANIFEST))
    parameters = new_code_cell("who = ''  # type: str", metadata={"tags": ["parameters"]})
    (notebooks / "00-hostile.ipynb").write_text(
        notebook(
            new_markdown_cell(f"# Title {HOSTILE}\n\n{HOSTILE}"),
            parameters,
            new_code_cell(FIRST),
            *(new_code_cell(f"# {name} {HOSTILE}\n{way}") for name, way in WAYS.items()),
            new_markdown_cell(
                f"## {HOSTILE}\n\n[x](javascript:alert(1)) <b onclick=alert(1)>b</b>"
            ),
        )
    )
    (notebooks / "01-failing.ipynb").write_text(
        notebook(
            new_markdown_cell("# Fails"),
            new_code_cell(f"{FIRST}\n\ndef f(text):\n    raise ValueError(text)\n\nf(BAD)"),
        )
    )
    (notebooks / "02-tables.ipynb").write_text(
        notebook(
            new_markdown_cell("# Tables\n\n## Keys"),
            new_code_cell(
                "import pandas as pd\nfrom iamkit import charts\n"
                "n = 250\n"
                "charts.table(pd.DataFrame({\n"
                "    'user': [f'user-{i:03d}' for i in range(n)],\n"
                "    'age': [None if i == 7 else (i * 37) % n for i in range(n)],\n"
                "    'severity': [['low', 'critical', 'high'][i % 3] for i in range(n)],\n"
                "}), 'Keys', severity='severity')"
            ),
            new_code_cell("charts.table(pd.DataFrame({'a': [3, 1, 2]}), 'Short')"),
        )
    )
    (notebooks / "03-cut.ipynb").write_text(
        notebook(
            new_markdown_cell("# Cut"),
            new_code_cell(
                "import pandas as pd\nfrom iamkit import charts\n"
                "users = pd.DataFrame({'user': [f'user-{i}' for i in range(300)]})\n"
                "charts.table(users, 'Users', rows=12, file='findings.csv')"
            ),
        )
    )
    with pytest.raises(NotebookError, match="01-failing: Cell 2 failed: ValueError"):
        render(snapshot, notebooks=notebooks, parameters={"who": HOSTILE})
    return folder


@pytest.mark.parametrize("name", ["index", "00-hostile", "01-failing", "02-tables"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_hostile_text_does_nothing(browser: Browser, pages: Path, name: str, scripts: bool):
    with browser.open(pages / f"{name}.html", scripts=scripts) as tab:
        if scripts:
            assert_inert(tab)
        assert (tab.dialogs, tab.requests, len(tab.files)) == ([], [], 1)


def test_every_way_was_tried_and_shown(pages: Path):
    page = (pages / "00-hostile.html").read_text()
    assert page.count('<details class="code">') == len(WAYS) + 1
    assert "Traceback" not in page
    assert page.count("output is left out") >= 5
    text = "&lt;script&gt;"
    assert page.count(text) > 2 * len(WAYS), "the text is shown, escaped, where it is data"


def test_the_check_sees_a_page_that_acts(browser: Browser, pages: Path, tmp_path: Path):
    """Without the policy and the escaping, the same text does act, and the check says so."""
    staying = HOSTILE.replace("http-equiv=refresh", "name=refresh")
    acting = tmp_path / "acting.html"
    acting.write_text(f"<!doctype html><title>x</title><main>{staying}</main>")
    with browser.open(acting) as tab, pytest.raises(AssertionError, match="account's has run"):
        assert_inert(tab)


def test_the_policy_alone_stops_what_escaping_would_miss(browser: Browser, pages: Path, tmp_path):
    page = (pages / "02-tables.html").read_text()
    leak = f"<script>{MARK}(1)</script><img src=http://127.0.0.1:9/x onerror='{MARK}(2)'>"
    leaking = tmp_path / "leaking.html"
    leaking.write_text(page.replace('<main id="main">', f'<main id="main">{leak}'))
    with browser.open(leaking) as tab:
        tab.settle()
        assert tab.evaluate("window.__ran ?? null") is None
        assert tab.complaints != []


VISIBLE = "[...document.querySelectorAll('tbody')[0].rows].filter(row => row.offsetParent !== null)"
FIRST_CELLS = f"{VISIBLE}.slice(0, 3).map(row => row.cells[0].textContent)"
ALL = ".controls button:first-of-type"
STATUS = "document.querySelector('.controls output').value"


def test_a_long_table_opens_at_ten_rows(browser: Browser, pages: Path):
    with browser.open(pages / "02-tables.html") as tab:
        assert tab.evaluate(f"{VISIBLE}.length") == 10
        assert tab.evaluate(STATUS) == "1–10 of 250"
        label = f"document.querySelector({json.dumps(ALL)}).textContent"
        assert tab.evaluate(label) == "Show all 250 rows"
        tab.click(ALL)
        assert tab.evaluate(label) == "Show 10 rows"
        tab.press("Enter")
        assert tab.evaluate(f"{VISIBLE}.length") == 10


def test_paging(browser: Browser, pages: Path):
    with browser.open(pages / "02-tables.html") as tab:
        tab.click(ALL)
        assert tab.evaluate(f"{VISIBLE}.length") == 100
        assert tab.evaluate(STATUS) == "1–100 of 250"
        for _ in range(2):
            tab.click(".controls button:last-of-type")
        assert tab.evaluate(STATUS) == "201–250 of 250"
        assert tab.evaluate(FIRST_CELLS) == ["user-200", "user-201", "user-202"]
        assert tab.evaluate("document.querySelector('.controls button:last-of-type').disabled")
        tab.click(".controls button:nth-last-of-type(2)")
        assert tab.evaluate(STATUS) == "101–200 of 250"


def test_filtering(browser: Browser, pages: Path):
    with browser.open(pages / "02-tables.html") as tab:
        tab.type("USER-24", "input[type=search]")
        assert tab.evaluate(STATUS) == "1–10 of 10 found in 250"
        assert tab.evaluate(FIRST_CELLS) == ["user-240", "user-241", "user-242"]
        tab.type("x")
        assert tab.evaluate(STATUS) == "0–0 of 0 found in 250"
        assert tab.evaluate(f"{VISIBLE}.length") == 0


def test_a_filter_that_finds_nothing_says_where_more_rows_are(browser: Browser, pages: Path):
    with browser.open(pages / "03-cut.html") as tab:
        tab.type("user-1", "input[type=search]")
        assert tab.evaluate(STATUS) == "1–3 of 3 found in 12"
        tab.type("99")
        said = "0–0 of 0 found in 12. 288 more rows are in findings.csv."
        assert tab.evaluate(STATUS) == said


def test_sorting(browser: Browser, pages: Path):
    with browser.open(pages / "02-tables.html") as tab:
        age, severity = "thead th:nth-child(2) [role=button]", "thead th:nth-child(3) [role=button]"
        column = f"{VISIBLE}.map(row => row.cells[%d].textContent)"
        tab.click(ALL)
        tab.click(age)
        assert tab.evaluate(column % 1)[:3] == ["0", "1", "2"]
        tab.click(age)
        assert tab.evaluate(column % 1)[:3] == ["249", "248", "247"]
        assert tab.evaluate("document.querySelector('[aria-sort]').ariaSort") == "descending"
        missing = "[...document.querySelectorAll('tbody')[0].rows].at(-1).cells[1].textContent"
        assert tab.evaluate(missing) == "–", "missing values come last either way"
        tab.evaluate(f"document.querySelector({json.dumps(severity)}).focus()")
        tab.press("Enter")
        assert set(tab.evaluate(column % 2)[:83]) == {"critical"}
        tab.type("low", "input[type=search]")
        assert tab.evaluate(STATUS) == "1–84 of 84 found in 250", "filter and order go together"


def test_a_short_table_has_no_controls(browser: Browser, pages: Path):
    with browser.open(pages / "02-tables.html") as tab:
        assert tab.evaluate("document.querySelectorAll('.controls').length") == 1


def test_all_rows_show_without_scripts(browser: Browser, pages: Path):
    with browser.open(pages / "02-tables.html", scripts=False) as tab:
        tree = tab.call("Accessibility.getFullAXTree")["nodes"]
        names = {node.get("name", {}).get("value") for node in tree}
        assert {"user-000", "user-249"} <= names


@pytest.mark.parametrize("name", ["index", "00-hostile", "01-failing", "02-tables"])
def test_what_scrolls_on_a_phone_can_be_scrolled_by_keyboard(
    browser: Browser, pages: Path, name: str
):
    unreachable = """[...document.querySelectorAll('main, main *')]
        .filter(e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX))
        .filter(e => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight)
        .filter(e => e.tabIndex < 0).map(e => e.outerHTML.slice(0, 80))"""
    with browser.open(pages / f"{name}.html", width=390) as tab:
        tab.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert tab.evaluate(unreachable) == []


def test_on_a_phone_each_row_is_a_block_whose_cells_have_labels(browser: Browser, pages: Path):
    with browser.open(pages / "02-tables.html", width=390) as tab:
        second = f"{VISIBLE}[0].cells[1]"
        assert tab.evaluate(f"getComputedStyle({second}, '::before').content") == '"Age"'
        assert tab.evaluate(f"{second}.dataset.label") == "Age"
        assert tab.evaluate(f"{second}.offsetTop > {VISIBLE}[0].cells[0].offsetTop")
        tree = tab.call("Accessibility.getFullAXTree")["nodes"]
        roles = {node.get("role", {}).get("value") for node in tree}
        assert {"table", "row", "cell", "rowheader", "columnheader"} <= roles
        tab.click(ALL)
        last = f"{VISIBLE}.at(-1).cells[2]"
        assert tab.evaluate(f"{last}.dataset.label") == "Severity", "rows that were hidden, too"
    with browser.open(pages / "02-tables.html") as tab:
        assert tab.evaluate(f"{VISIBLE}[0].cells[1].offsetTop === {VISIBLE}[0].cells[0].offsetTop")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["index", "00-hostile", "02-tables"])
def test_the_page_fits_its_window(browser: Browser, pages: Path, width: int, name: str):
    with browser.open(pages / f"{name}.html", width=width) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read_on_its_background(browser: Browser, pages: Path, dark: bool):
    """Contrast of at least 4.5 to 1 (WCAG 2 AA) wherever a page has text of its own."""
    measure = """(() => {
        const parse = c => c.match(/[\\d.]+/g).map(Number);
        const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
        const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
        const behind = e => {
            for (; e; e = e.parentElement) {
                const c = parse(getComputedStyle(e).backgroundColor);
                if (c[3] !== 0) return c;
            }
        };
        return [...document.querySelectorAll('main *, header *, nav *, footer *')]
            .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
            .filter(e => e.offsetParent !== null && !e.disabled)
            .map(e => [light(parse(getComputedStyle(e).color)), light(behind(e)), e])
            .filter(([a, b]) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05) < 4.5)
            .map(([a, b, e]) => e.tagName + '.' + e.className);
    })()"""
    for name in ("index", "00-hostile", "01-failing", "02-tables"):
        with browser.open(pages / f"{name}.html", dark=dark) as tab:
            assert tab.evaluate(measure) == [], name


def test_the_way_to_the_failure(browser: Browser, pages: Path):
    with browser.open(pages / "01-failing.html") as tab:
        tab.click(".banner a")
        assert tab.evaluate("location.hash") == "#failed"
        error = "document.querySelector(':target pre.error').textContent"
        assert "ValueError: </script>" in tab.evaluate(error)


def test_the_style_sheet_sets_no_colour_of_a_chart_apart():
    """Charts stay readable on white: each series colour has a contrast of 3 to 1 or more."""

    def light(colour: str) -> float:
        values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in (*charts.SERIES, *charts.SEVERITY_COLORS.values()):
        assert 1.05 / (light(colour) + 0.05) >= 3, colour
