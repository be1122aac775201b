"""
axe-core finds what keeps people from using a page; here it is, as published, for tests alone.

`axe.min.js.gz` is `axe.min.js` of axe-core 4.14.1 as its npm package has it, packed by gzip, so
that tests need no network; the hash below is that of the file itself. It is under the Mozilla
Public License 2.0, its source at https://github.com/dequelabs/axe-core; see the license files.
"""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from tests.browser import Tab

SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
RUN = """axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map(
    each => `${each.id}: ${each.nodes.length} such as ${each.nodes[0].html.slice(0, 120)}`))"""
# What is hidden is not looked at, and would only be passed over again and again.
HIDDEN = "document.querySelectorAll('tr[hidden]').forEach(row => row.remove())"


@cache
def script() -> str:
    """The script, once its hash is known to be the published one's."""
    content = gzip.decompress((Path(__file__).parent / "axe.min.js.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() == SHA256
    return content.decode("utf-8")


def violations(tab: Tab) -> list[Any]:
    """What axe-core finds wrong with the page in the tab, a line each; the page's rows may go."""
    tab.evaluate(f"{script()}; 0")
    tab.evaluate(HIDDEN)
    return tab.evaluate(RUN)
