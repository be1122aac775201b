"""
A report as one archive for an auditor: its files, its manifest, and how to verify it.

The archive holds what the manifest lists and nothing else of the folder: no evidence, no notes, no
mapping of pseudonyms. `README.txt` says what is in it and how to tell that nothing was changed,
with iamkit or without; `SHA256SUMS` is for those without. The same report gives the same bytes.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from iamkit.errors import WriteError, one_line
from iamkit.evidence import snapshot as snapshots
from iamkit.report import manifest
from iamkit.report.manifest import MANIFEST
from iamkit.report.printing import PDF
from iamkit.report.verify import checked

COVER, SUMS = "README.txt", "SHA256SUMS"
UNIX, PRIVATE = 3, 0o100600 << 16  # who made an entry, and that only its owner reads it

TEXT: Final = """\
Identity and access of AWS account {account_id}, as of {as_of}
{rule}

Open index.html in a browser: it lists the pages, the verdicts and what could not be assessed. The
pages load nothing from anywhere and work offline. report.xlsx has the tables for a spreadsheet,
findings.json and findings.ocsf.json the findings for other programs, and the .ipynb files the
notebooks as they ran.
{paper}{redacted}{failed}
This report says where an account is weak. Handle it as you handle a password.

How to tell that nothing was changed
------------------------------------

The evidence of this report has the SHA-256
    {evidence}
and the report itself, that is its {manifest}, the SHA-256
    {report}

1. Ask whoever sent it for these two hashes by another way, such as by telephone: anybody who can
   change the archive can change this text, too.
2. With iamkit, in the folder of this file:
       iamkit verify . --expect {report}
   Without it, where sha256sum is there:
       sha256sum --check {sums}
       sha256sum {manifest}
   The last line is the hash of the report.
3. Whoever has the evidence can make every byte of the report again and compare:
       iamkit rebuild . --snapshot FOLDER_OF_THE_EVIDENCE
{printed}
Made with iamkit {version}.
"""
PRINTED: Final = """\
   The bytes of report.pdf also depend on the Chromium that printed it and on the machine's fonts;
   where these are others, it is said that it was not compared.
"""


def archive(report: Path, target: Path, *, redacted: bool = False) -> str:
    """
    Write the report in a folder as a ZIP archive, for its owner only; return its SHA-256.

    `redacted` says on the cover that names are pseudonyms. Raises `ReportError` if the report is
    not as it was made, `WriteError` if there is another file in the archive's place or it cannot be
    written.
    """
    facts, sealed = checked(report)
    content = _zipped(report, facts, sealed, redacted=redacted)
    if target.exists() and manifest.sha256_of(target) != manifest.sha256(content):
        raise WriteError(f"{target} exists already and is another file; name another with --zip")
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        partial.replace(target)
    except OSError as error:
        raise WriteError(f"{target} cannot be written: {one_line(error)}") from error
    return manifest.sha256(content)


def _zipped(report: Path, facts: Mapping[str, Any], sealed: bytes, *, redacted: bool) -> bytes:
    """The bytes of the archive: a folder with the report's files and the two that explain them."""
    moment = snapshots.parse_time(facts["as_of"])
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(facts["files"].items()))
    files = {
        COVER: _cover(facts, sealed, redacted=redacted).encode(),
        SUMS: sums.encode(),
        MANIFEST: sealed,
        **{name: (report / name).read_bytes() for name in sorted(facts["files"])},
    }
    folder = f"iamkit-{facts['account_id']}-{moment:%Y-%m-%d}"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for name, held in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", moment.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = UNIX, PRIVATE
            made.writestr(entry, held)
    return content.getvalue()


def _cover(facts: Mapping[str, Any], sealed: bytes, *, redacted: bool) -> str:
    title = TEXT.partition("\n")[0].format_map(facts)
    pseudonyms = (
        "\nNames, account ids, addresses and tags in it are pseudonyms. Only the account's owner "
        "can turn\nthem back into names.\n"
    )
    failures = "".join(f"    {each}\n" for each in facts["failures"])
    return TEXT.format(
        account_id=facts["account_id"],
        as_of=facts["as_of"],
        rule="=" * len(title),
        paper="report.pdf is all pages as one document, for paper.\n" * (PDF in facts["files"]),
        redacted=pseudonyms if redacted else "",
        failed=f"\nWhen it was made, this failed:\n{failures}" if failures else "",
        evidence=facts["evidence_sha256"],
        report=manifest.sha256(sealed),
        manifest=MANIFEST,
        sums=SUMS,
        printed=PRINTED if PDF in facts["files"] else "",
        version=facts["versions"]["iamkit"],
    )
