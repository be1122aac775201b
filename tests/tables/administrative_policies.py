"""
The list of AWS managed policies that the kit knows by name, made anew from moto's copy of AWS's.

`python -m tests.tables.administrative_policies` renews `data/administrative_policies.json.gz`,
after an update of moto and after a new escalation method.
"""

import gzip
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from iamkit.reference import FOLDER
from tests.accounts import account, details, policy

FILE = FOLDER / "administrative_policies.json.gz"
CHOSEN = (
    "AWS's own documents, as iam:GetPolicyVersion returns them; those that alone allow a way to "
    "gain permissions, without those of service-linked roles"
)


def administrative_policies() -> dict[str, Any]:
    """The content of the file: which policies, by the methods of `data/escalation.yaml`."""
    known: dict[str, Any] = {
        name: {
            "PolicyName": name,
            "Arn": f"arn:aws:iam::aws:policy{each['Path']}{name}",
            **{key: each[key] for key in ("Path", "DefaultVersionId", "UpdateDate", "Document")},
        }
        for name, each in sorted(json.loads(aws_managed_policies_data).items())
    }
    listed = [policy(name, each["Document"], Arn=each["Arn"]) for name, each in known.items()]
    with tempfile.TemporaryDirectory() as folder:
        grants = account(Path(folder), details(policies=listed)).policy_grants
    able = set(grants.loc[grants["escalations"].map(bool), "policy_name"])
    return {
        "source": f"moto {version('moto')}, moto/iam/aws_managed_policies.py: {CHOSEN}",
        "date": max(each["UpdateDate"] for each in known.values())[:10],
        "policies": [
            each
            for name, each in known.items()
            if name in able and not each["Path"].startswith("/aws-service-role/")
        ],
    }


def embedded() -> dict[str, Any]:
    """The content of the file as it is."""
    content: dict[str, Any] = json.loads(gzip.decompress(FILE.read_bytes()))
    return content


if __name__ == "__main__":
    made = json.dumps(administrative_policies(), separators=(",", ":"))
    FILE.write_bytes(gzip.compress(made.encode(), mtime=0))
