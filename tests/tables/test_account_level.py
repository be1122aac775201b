"""The small answers as tables: what AWS said, what it said there is none of, what it refused."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iamkit import Account
from iamkit.evidence.requests import CALLER, DETAILS, REPORT, REQUESTS
from iamkit.evidence.responses import Response
from iamkit.tables import schema
from tests.accounts import (
    ACCOUNT,
    ARN,
    account,
    details,
    of_answers,
    policy,
    report,
    role,
    sharing,
    user,
)
from tests.examples import examples

DOCUMENT = {"Version": "2012-10-17", "Statement": []}
FILES = {evidence.file.removesuffix(".json"): evidence for evidence in REQUESTS}
OURS = (
    "service_credentials",
    "server_certificates",
    "identity_providers",
    "contacts",
    "analyzers",
    "organization",
    "organization_accounts",
    "root_management",
)


def answered(**answers: Any) -> Account:
    """
    An account whose calls AWS answered by file name, and refused otherwise.

    `"none"` stands for the error by which AWS says that there is none.
    """
    main = {DETAILS: details([user("ana")]), REPORT: {"Content": report().encode()}}
    by_evidence = main | {FILES[name]: answer for name, answer in answers.items()}
    told = []
    for evidence in REQUESTS:
        answer = by_evidence.get(evidence)
        if answer is None:
            told.append(Response(evidence, "refused", None, "AccessDenied", "not allowed"))
        elif answer == "none":
            none = dict.fromkeys(evidence.members)
            told.append(Response(evidence, "none", none, evidence.none))
        else:
            told.append(Response(evidence, "ok", answer))
    return of_answers(told, source="aws")


@pytest.mark.parametrize("table", OURS)
def test_a_refused_call_leaves_the_table_empty_and_says_so(table: str) -> None:
    made = answered()
    assert len(getattr(made, table)) == 0
    assert "AccessDenied" in made.missing(table)


def test_old_versions_are_missing_with_the_authorization_details() -> None:
    made = answered()
    assert made.missing("policy_old_versions") == ""
    refused = answered(authorization_details=None)
    assert len(refused.policy_old_versions) == 0
    assert "iam:GetAccountAuthorizationDetails" in refused.missing("policy_old_versions")


def test_no_password_policy_is_an_answer_and_a_missing_one_a_gap(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    none = account(tmp_path / "none", password_policy={"PasswordPolicy": None})
    assert set(none.password_policy["origin"]) == {"AWS default"}
    assert none.missing("password_policy") == ""
    (tmp_path / "gap").mkdir()
    gap = account(tmp_path / "gap")
    assert len(gap.password_policy) == 0
    assert "iam:GetAccountPasswordPolicy: not provided" in gap.missing("password_policy")


def test_mfa_devices_are_told_apart_by_their_serial(tmp_path: Path) -> None:
    serials = {
        f"{ARN}mfa/ana": "virtual",
        f"{ARN}u2f/user/ana-K7XMPL": "passkey",
        "GAHT12345678": "hardware",
        "?!": "unknown",
    }
    made = account(
        tmp_path,
        details([user("ana")]),
        mfa_devices={"MFADevices": [{"UserName": "ana", "SerialNumber": s} for s in serials]},
        virtual={
            "VirtualMFADevices": [
                {"SerialNumber": f"{ARN}mfa/ana", "User": {"Arn": f"{ARN}user/ana"}},
                {
                    "SerialNumber": f"{ARN}mfa/root-account-mfa-device",
                    "User": {"Arn": f"{ARN}root"},
                },
                {"SerialNumber": f"{ARN}mfa/spare"},
            ]
        },
    ).mfa_devices
    assert made.set_index("serial")["kind"].head(4).to_dict() == serials
    assert made["user_arn"].isna().sum() == 1
    assert made.query("is_root == True")["serial"].tolist() == [f"{ARN}mfa/root-account-mfa-device"]
    assert len(made) == 6


def test_service_credentials_have_an_owner_an_age_and_perhaps_an_end() -> None:
    def credential(number: int, **members: Any) -> dict[str, Any]:
        return {
            "UserName": "ana",
            "Status": "Active",
            "CreateDate": "2026-10-01T07:00:00Z",
            "ServiceSpecificCredentialId": f"ACCA{number}",
            "ServiceName": "bedrock.amazonaws.com",
            **members,
        }

    made = answered(
        service_specific_credentials={
            "ServiceSpecificCredentials": [
                credential(1),
                credential(2, Status="Inactive", ExpirationDate="2027-01-01T00:00:00Z"),
                credential(3, Status="Expired", UserName="nobody"),
                credential(4, Status="new word", CreateDate=None),
            ]
        },
    )
    assert made.missing("service_credentials") == ""
    table = made.service_credentials.set_index("credential_id")
    assert table["user_arn"].fillna("").tolist() == [*[f"{ARN}user/ana"] * 2, "", f"{ARN}user/ana"]
    assert table["service"].unique().tolist() == ["bedrock.amazonaws.com"]
    assert table["active"].astype(object).fillna("?").tolist() == [True, False, False, "?"]
    assert table["age_days"].fillna(-1).tolist() == [30, 30, 30, -1], "30 days and 23 hours"
    assert table["expires"].notna().tolist() == [False, True, False, False]


def test_a_credential_without_a_name_belongs_to_nobody() -> None:
    made = answered(
        authorization_details=details([user("ana", UserName=None)]),
        service_specific_credentials={"ServiceSpecificCredentials": [{"Status": "Active"}]},
    )
    assert made.service_credentials["user_arn"].isna().tolist() == [True]


def test_a_certificate_has_expired_from_its_last_second_on() -> None:
    ends = {
        "past": "2026-10-31T06:00:00Z",
        "now": "2026-11-01T06:00:00Z",
        "later": "2026-11-01T06:00:01Z",
        "never told": None,
    }
    made = answered(
        server_certificates={
            "ServerCertificateMetadataList": [
                {"ServerCertificateName": name, "Arn": f"{ARN}server-certificate/{name}"}
                | ({"Expiration": end, "UploadDate": "2024-11-01T06:00:00Z"} if end else {})
                for name, end in ends.items()
            ]
        },
    ).server_certificates
    said = made.set_index("name")["expired"].astype(object).fillna("?").to_dict()
    assert said == {"past": True, "now": True, "later": False, "never told": "?"}
    assert made["uploaded"].notna().tolist() == [True, True, True, False]


SAML = {
    "SAMLProviderList": [
        {
            "Arn": f"{ARN}saml-provider/Okta",
            "ValidUntil": "2034-02-21T00:00:00Z",
            "CreateDate": "2024-02-24T00:00:00Z",
        }
    ]
}
GITHUB = f"{ARN}oidc-provider/token.actions.githubusercontent.com"
OPENID = {"OpenIDConnectProviderList": [{"Arn": GITHUB}, {"Arn": f"{ARN}oidc-provider/id.test/x"}]}


def test_providers_of_both_kinds_stand_in_one_table() -> None:
    detail = {
        "Url": "token.actions.githubusercontent.com",
        "ClientIDList": ["sts.amazonaws.com"],
        "ThumbprintList": ["0" * 40, "1" * 40],
        "CreateDate": "2025-01-01T00:00:00Z",
    }
    made = answered(
        saml_providers=SAML,
        open_id_connect_providers=OPENID,
        open_id_connect_details={GITHUB: detail, OPENID["OpenIDConnectProviderList"][1]["Arn"]: 5},
    )
    table = made.identity_providers
    assert table["kind"].tolist() == ["SAML", "OIDC", "OIDC"]
    assert table["name"].tolist() == ["Okta", "token.actions.githubusercontent.com", "id.test/x"]
    assert table["expires"].notna().tolist() == [True, False, False]
    assert table["created"].notna().tolist() == [True, True, False]
    assert table["client_ids"].tolist() == [None, ["sts.amazonaws.com"], None]
    assert table["thumbprints"].fillna(-1).tolist() == [-1, 2, -1]


def test_providers_are_known_without_their_details() -> None:
    made = answered(saml_providers=SAML, open_id_connect_providers=OPENID)
    assert made.missing("identity_providers") == ""
    assert len(made.identity_providers) == 3
    assert made.identity_providers["client_ids"].isna().all()
    only = answered(saml_providers=SAML)
    assert "OpenID Connect providers are not known" in only.missing("identity_providers")


def test_a_contact_is_set_or_not_or_was_not_to_be_seen() -> None:
    person = {"Name": "Ana", "PhoneNumber": "+1", "EmailAddress": "ana@example.com"}
    made = answered(
        contact_information={"ContactInformation": {"FullName": "Example Corp", "City": "Lisbon"}},
        security_contact={"AlternateContact": person},
        operations_contact="none",
    )
    table = made.contacts.set_index("kind")
    assert table["present"].to_dict() == {"account": True, "security": True, "operations": False}
    assert table["email"].fillna("").to_dict() == {
        "account": "",
        "security": "ana@example.com",
        "operations": "",
    }
    assert "billing contact is not known" in made.missing("contacts")
    assert "security contact is not known" not in made.missing("contacts")


def test_of_the_other_contacts_nothing_personal_is_shown() -> None:
    person = {"Name": "Ana", "PhoneNumber": "+1", "EmailAddress": "ana@example.com"}
    made = answered(billing_contact={"AlternateContact": person}).contacts
    assert made.to_dict("records")[0]["present"]
    assert "ana@example.com" not in made.to_string()


def test_an_unreadable_contact_is_neither_set_nor_missing() -> None:
    made = answered(security_contact={"AlternateContact": "call Ana"}).contacts
    assert made["present"].isna().tolist() == [True]


def test_an_analyzer_watches_the_region_in_its_arn() -> None:
    watch = "arn:aws:access-analyzer:eu-west-1:012345678901:analyzer/watch"
    made = answered(
        analyzers={
            "analyzers": [
                {"arn": watch, "name": "watch", "type": "ACCOUNT", "status": "ACTIVE"},
                {"arn": "odd", "name": "odd", "type": "ACCOUNT_UNUSED_ACCESS"},
            ]
        },
    ).analyzers
    assert made["region"].fillna("").tolist() == ["eu-west-1", ""]
    assert made["type"].tolist() == ["ACCOUNT", "ACCOUNT_UNUSED_ACCESS"]
    assert made["status"].fillna("").tolist() == ["ACTIVE", ""]


def test_no_organization_is_an_answer_and_a_refusal_is_a_gap() -> None:
    alone = answered(
        organization="none",
        organization_accounts="none",
        organizations_features="none",
    )
    assert len(alone.organization) == len(alone.organization_accounts) == 0
    assert alone.missing("organization", "organization_accounts", "root_management") == ""
    assert alone.root_management.to_numpy().tolist() == [
        ["RootCredentialsManagement", False],
        ["RootSessions", False],
    ]
    refused = answered()
    assert len(refused.organization) == 0
    assert "it is not known whether the account belongs" in refused.missing("organization")


@pytest.mark.parametrize(
    ("manager", "is_management"), [(ACCOUNT, True), ("999999999999", False), (None, None)]
)
def test_the_management_account_knows_itself(
    manager: str | None, is_management: bool | None
) -> None:
    own = {"Id": "o-abcdefghij", "FeatureSet": "ALL"} | (
        {"MasterAccountId": manager, "MasterAccountEmail": "root@example.com"} if manager else {}
    )
    made = answered(organization={"Organization": own}).organization
    assert made.astype(object).where(made.notna(), None).to_numpy().tolist() == [
        ["o-abcdefghij", manager, is_management, "ALL"]
    ]


def test_accounts_of_the_organization_keep_no_address() -> None:
    shop = {"Id": "444455556666", "Name": "shop", "Email": "shop@example.com"}
    listed = [
        shop | {"Status": "ACTIVE", "State": "PENDING_CLOSURE", "JoinedTimestamp": "2024-05-01"},
        {"Id": "777788889999", "Status": "SUSPENDED"},
        "no object",
    ]
    made = answered(organization_accounts={"Accounts": listed}).organization_accounts
    assert made["account_id"].fillna("").tolist() == ["444455556666", "777788889999", ""]
    assert made["state"].fillna("").tolist() == ["PENDING_CLOSURE", "SUSPENDED", ""]
    assert made["joined"].dt.year.fillna(0).tolist() == [2024, 0, 0]
    assert "shop@example.com" not in made.to_csv()


@pytest.mark.parametrize(
    ("said", "enabled"),
    [
        ({"EnabledFeatures": ["RootSessions"]}, [False, True]),
        ({"EnabledFeatures": []}, [False, False]),
        ({}, [False, False]),
        ({"EnabledFeatures": ["RootSessions", "RootLocks"]}, [False, True, True]),
        ({"EnabledFeatures": "RootSessions"}, ["?", "?"]),
    ],
    ids=["one", "none", "left out", "a new one", "unreadable"],
)
def test_root_management_is_enabled_feature_by_feature(
    said: dict[str, Any], enabled: list[Any]
) -> None:
    answer = {"OrganizationId": "o-abcdefghij", **said}
    made = answered(organizations_features=answer).root_management
    assert made["enabled"].astype(object).fillna("?").tolist() == enabled


def test_old_versions_are_all_but_the_default(tmp_path: Path) -> None:
    versions = [
        {"VersionId": "v3", "IsDefaultVersion": False, "Document": "{not json"},
        {"VersionId": "v2", "IsDefaultVersion": True, "Document": DOCUMENT},
        {
            "VersionId": "v1",
            "IsDefaultVersion": False,
            "Document": "%7B%22Statement%22%3A%20%5B%5D%7D",
            "CreateDate": "2024-05-01T12:00:00Z",
        },
    ]
    policies = [
        policy("three", DOCUMENT, DefaultVersionId=None, PolicyVersionList=versions),
        policy("one", DOCUMENT),
    ]
    made = account(tmp_path, details(policies=policies))
    old = made.policy_old_versions
    assert old["policy_arn"].unique().tolist() == [f"{ARN}policy/three"]
    assert old["version_id"].tolist() == ["v3", "v1"]
    assert old["document"].tolist() == ["{not json", {"Statement": []}]
    assert old["problem"].fillna("").tolist() == ["its document is not JSON", ""]
    assert old["created"].notna().tolist() == [False, True]
    assert len(old) + len(made.policy_versions) == made.policies["versions"].sum()


def test_the_default_is_known_from_the_policy_if_its_versions_do_not_say(tmp_path: Path) -> None:
    versions = [{"VersionId": "v1", "Document": {}}, {"VersionId": "v2", "Document": DOCUMENT}]
    named = policy("two", DOCUMENT, DefaultVersionId="v2", PolicyVersionList=versions)
    made = account(tmp_path, details(policies=[named]))
    assert made.policy_versions["version_id"].tolist() == ["v2"]
    assert made.policy_old_versions["version_id"].tolist() == ["v1"]


def test_trust_has_a_row_per_principal(tmp_path: Path) -> None:
    trust = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": ["999999999999", "*"], "Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "x"}},
            },
            {"Effect": "Deny", "NotPrincipal": {"AWS": f"{ARN}user/ana"}, "Action": "sts:*"},
            {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        ]
    }
    made = account(tmp_path, details(roles=[role("app", trust)])).trust
    assert made[["number", "principal_type", "principal"]].to_numpy().tolist() == [
        [1, "AWS", "999999999999"],
        [1, "*", "*"],
        [1, "Service", "ec2.amazonaws.com"],
        [2, "AWS", f"{ARN}user/ana"],
        [3, "*", "*"],
    ]
    assert made["account_id"].fillna("").tolist() == ["999999999999", "", "", ACCOUNT, ""]
    assert made["negated"].tolist() == [False, False, False, True, False]


def test_trust_names_the_account_of_whoever_comes_from_outside(tmp_path: Path) -> None:
    other = "999999999999"
    named = [other, f"arn:aws:iam::{other}:root", f"arn:aws:sts::{other}:assumed-role/a/b", "AIDAX"]
    condition = {"StringEquals": {"sts:ExternalId": "x"}}
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": named, "Federated": GITHUB},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": condition,
    }
    made = account(tmp_path, details(roles=[role("app", {"Statement": statement})])).trust
    assert made["account_id"].fillna("").tolist() == [other, other, other, "", ""]
    assert made["principal_type"].tolist() == ["AWS"] * 4 + ["Federated"]
    assert all(found == condition for found in made["conditions"])
    assert all(found == ["sts:AssumeRole", "sts:TagSession"] for found in made["actions"])


def test_the_demo_company_has_a_credential_and_a_certificate_too_many(
    demo_account: Account,
) -> None:
    credentials = demo_account.service_credentials.set_index("user_name")
    assert bool(credentials.loc["BedrockAPIKey-k4xq", "active"])
    assert credentials.loc["BedrockAPIKey-k4xq", "age_days"] == 154
    assert credentials["expires"].isna().to_dict()["BedrockAPIKey-k4xq"]
    expired = demo_account.server_certificates.query("expired")
    assert expired["name"].tolist() == ["legacy-shop-2024"]
    assert demo_account.identity_providers["kind"].tolist() == ["SAML", "OIDC", "OIDC"]
    wide = demo_account.policy_old_versions.query("policy_arn.str.endswith('/DeployPipeline')")
    assert wide["version_id"].tolist() == ["v2", "v1"]


WORDS = (
    *("Arn", "arn", "UserName", "Status", "CreateDate", "ExpirationDate", "Expiration", "name"),
    *("ClientIDList", "ThumbprintList", "ValidUntil", "EmailAddress", "Id", "MasterAccountId"),
    *("SerialNumber", "User", "EnableDate", "MinimumPasswordLength", "ServicesLastAccessed"),
    *("LastAuthenticated", "Document", "VersionId", "PolicyVersionList"),
)
VALUES = st.sampled_from(
    ["Active", "ana", GITHUB, "2026-11-01T06:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.just(GITHUB), inner, max_size=4)
    ),
    max_leaves=8,
)
SMALL = [evidence for evidence in REQUESTS if evidence not in (DETAILS, REPORT, CALLER)]


@st.composite
def anything(draw: st.DrawFn) -> dict[str, Any]:
    """A few answers by file name: anything at all, or anything in one of AWS's own members."""
    chosen = draw(st.lists(st.sampled_from(SMALL), min_size=1, max_size=4, unique=True))
    return {
        evidence.file.removesuffix(".json"): draw(
            st.dictionaries(st.sampled_from(evidence.members), JSON, min_size=1)
            if evidence.members
            else st.dictionaries(st.just(GITHUB) | st.text(max_size=3), JSON, min_size=1)
        )
        for evidence in chosen
    }


ONLY_ANA = answered()


@given(answers=anything())
@examples(0.6)
def test_whatever_an_answer_contains_no_table_breaks(answers: dict[str, Any]) -> None:
    made = sharing(answered(**answers), ONLY_ANA, *(FILES[name] for name in answers))
    for table in schema.TABLES:
        assert list(getattr(made, table.name).columns) == table.names
    given_here = answers.get("server_certificates", {}).get("ServerCertificateMetadataList")
    if isinstance(given_here, list):
        assert len(made.server_certificates) == len(given_here), "no row is lost"


@given(policies=JSON)
@examples(0.3)
def test_whatever_the_list_of_policies_is_no_table_breaks(policies: Any) -> None:
    contents = details([user("ana")], policies=policies or None)
    made = sharing(answered(authorization_details=contents), ONLY_ANA, DETAILS)
    for table in schema.TABLES:
        assert list(getattr(made, table.name).columns) == table.names
