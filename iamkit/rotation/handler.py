"""
The rotation as an AWS Lambda function: every step that is due, on a schedule.

It asks nobody. How far each rotation has come is in the tags of the user's secret. What was done,
and what could not be, goes to the log; handovers and failures go to the topic as well.

This module also runs in AWS Lambda: it imports the standard library and boto3 only.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from iamkit.rotation.aws_keys import AwsKeys
from iamkit.rotation.clients import clients
from iamkit.rotation.decisions import Limits
from iamkit.rotation.key_secrets import KeySecrets
from iamkit.rotation.rotator import Rotator, Told

NOTES: Final = Path(__file__).parents[2] / "notes.json"
ENOUGH: Final = 60_000  # milliseconds that the last user may take


def handle(event: Any, context: Any) -> dict[str, Any]:
    """
    Rotate the keys of all users whose path begins with PATH_PREFIX.

    Returns how many users were looked at. Raises `RuntimeError` if anything failed, so that the
    function's own metrics count it; what was done until then is done, and the next run goes on.
    """
    import boto3

    topic = os.environ["TOPIC_ARN"]
    made = clients(boto3.Session(), topic)
    secrets = KeySecrets(made.secrets, os.environ["ROTATOR_ARN"])

    def notify(subject: str, message: str) -> bool:
        made.sns.publish(TopicArn=topic, Subject=subject, Message=message)
        return True

    notes = json.loads(NOTES.read_text(encoding="utf-8")) if NOTES.is_file() else {}
    rotator = Rotator(
        AwsKeys(made.iam, made.maker),
        secrets,
        secrets,
        Limits.of_days(*(int(os.environ[name]) for name in ("MAX_AGE", "UNUSED", "WAIT"))),
        now=lambda: datetime.now(UTC),
        told=Told(lambda question: True, _say, notify),
        hindrance=lambda user: str(notes.get(user["Arn"], "")),
    )
    looked_at, failures = 0, []
    for user in rotator.keys.users(os.environ.get("PATH_PREFIX", "/")):
        if context and context.get_remaining_time_in_millis() < ENOUGH:
            failures.append(
                f"time was up after {looked_at} users; rotate those of a path by themselves"
            )
            break
        looked_at += 1
        try:
            rotator.rotate(user)
        except Exception as error:  # one user's failure stops no other's rotation
            failures.append(f"{user['UserName']}: {' '.join(str(error).split())[:300]}")
            _say(failures[-1])
    if failures:
        notify("Access keys could not be rotated", "\n".join(failures)[:200_000])
        raise RuntimeError(f"{len(failures)} failures, the first: {failures[0]}")
    return {"users": looked_at}


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
