"""Which services a stranger may have use a role, and what becomes of those that nobody sorted."""

from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from iamkit.reference import read_data, service_deputies
from tests.accounts import account, details, role

DATA = read_data("service_deputies.yaml")


def names(part: str) -> list[str]:
    return list(chain.from_iterable(entry["services"] for entry in DATA[part]))


def test_a_service_stands_in_one_list_once_and_in_order() -> None:
    both = names("deputies") + names("no_deputies")
    assert len(set(both)) == len(both)
    first = [entry["services"][0] for entry in DATA["deputies"]]
    assert first == sorted(first)
    assert date.fromisoformat(DATA["date"]).year >= 2026


def found(folder: Path, service: str, **condition: Any) -> list[list[str]]:
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [allow | condition]}
    made = account(folder, details(roles=[role("r", trust)]))
    hit = made.check("service_without_source").findings
    return [list(row) for row in hit[["detail", "next_step"]].values]


MINE = {"Condition": {"StringEquals": {"aws:SourceAccount": "012345678901"}}}


@pytest.mark.parametrize("name", ["ec2", "lambda", "iotevents", "edgelambda"])
def test_of_a_service_that_is_no_deputy_nothing_is_asked(name: str, tmp_path: Path) -> None:
    assert service_deputies.is_no_deputy(f"{name}.amazonaws.com")
    assert found(tmp_path, f"{name}.amazonaws.com") == []


@pytest.mark.parametrize(
    "service",
    ["batch.amazonaws.com", "states.eu-west-1.amazonaws.com", "airflow-env.amazonaws.com"],
)
def test_a_deputy_is_asked_for_the_source(service: str, tmp_path: Path) -> None:
    [[detail, step]] = found(tmp_path, service)
    assert detail == f"{service} may assume it for any account"
    assert step.startswith("Add a condition on aws:SourceAccount")
    (tmp_path / "with").mkdir()
    assert found(tmp_path / "with", service, **MINE) == []


def test_a_service_in_neither_list_is_reported_with_the_advice_to_look_it_up(
    tmp_path: Path,
) -> None:
    assert service_deputies.page_about("example.amazonaws.com") is None
    [[_, step]] = found(tmp_path, "example.amazonaws.com")
    assert step.startswith("Look up in the service's guide")
