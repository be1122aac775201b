"""
Evidence and reports in object storage: S3, Google Cloud Storage, Azure, or a folder.

    commits/<account>/<audit>/0001.json       which files the audit has, with their hashes
    files/<account>/<audit>/<sha256>/<name>   each of them, written once
    commits/runs/<run>/0001.json              the same of the page over all accounts of a run
    runs/<run>/                               what a run has done so far; empty at its end
    lock/<number>.json                        which run is at work

An audit is there from the moment its commit is, and a commit is created only where there is none:
a reader finds a whole audit or none, and of two runs one commits. A report that is made again, of
the same evidence, is a further commit, and the highest number holds. Reading means downloading: a
folder that looks as `iamkit run` would have made it, each file checked against its hash.

`objects` is the only module that imports obstore, which the extra `fleet` brings.
"""

from iamkit.storage.address import Storage, is_address, storage
from iamkit.storage.audits import Commit, CommittedError, StoredAudits
from iamkit.storage.cache import audit_named, fetch, local, newest
from iamkit.storage.lease import Lease
from iamkit.storage.objects import Objects, opened

__all__ = [
    "Commit",
    "CommittedError",
    "Lease",
    "Objects",
    "Storage",
    "StoredAudits",
    "audit_named",
    "fetch",
    "is_address",
    "local",
    "newest",
    "opened",
    "storage",
]
