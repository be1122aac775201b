"""
Evidence from AWS through boto3.

Everything asked is read-only. Requests run side by side, with botocore's standard retries. Only
credentials that do not work, and evidence without either of its two main parts, are errors; any
other refusal or failure is a gap.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, Final

import boto3
from botocore import exceptions, xform_name
from botocore.config import Config
from botocore.parsers import ResponseParserError

from iamkit.counts import part_of
from iamkit.errors import CollectError
from iamkit.evidence import sessions, snapshot
from iamkit.evidence.identity_center import PEOPLE, IdentityCenter
from iamkit.evidence.organization import POLICY_TYPES, Organization, OrganizationPolicies
from iamkit.evidence.requests import (
    CALLER,
    DETAILS,
    LAST_ACCESSED,
    MFA,
    ONE_CALL,
    ORGANIZATION,
    PROVIDER_DETAILS,
    PROVIDERS,
    REPORT,
    Request,
)
from iamkit.evidence.responses import (
    Response,
    ResponseStatus,
    account_of,
    counted,
    cut_short,
    entries,
    join,
    refuse_another,
    report_rows,
    store,
)

Progress = Callable[[str, int, int], None]  # what was done, how many are done, of how many
POLL_SECONDS: float = 2.0
POLLS: Final = 300
THREADS: Final = 8
READ_SECONDS: Final = 60  # that an answer may be silent before it is asked for again
DAMAGED_ANSWER_TRIES: Final = 3

# Clients for IAM Identity Center, by how actions of IAM policies begin.
ASK_FOR_PEOPLE: Final = {
    "sso": "sso-admin",
    "identitystore": "identitystore",
    "accountaccess": "account-access",
}

SESSION: Final = ("profile", "region", "role_arn", "external_id")
NO_REPORT: Final = {"ReportNotPresent", "ReportExpired"}


def from_aws(
    out: Path,
    *,
    profile: str | None = None,
    region: str | None = None,
    role_arn: str | None = None,
    external_id: str | None = None,
    mfa_serial: str | None = None,
    mfa_code: Callable[[], str] | None = None,
    last_accessed: bool = False,
    account_id: str | None = None,
    run: str = "",
    answered: Sequence[Response] = (),
    progress: Progress = lambda what, done, total: None,
) -> Path:
    """
    Collect an account's evidence and return the new snapshot's folder.

    `mfa_code` is asked once, when `mfa_serial` is given with `role_arn`. `last_accessed` adds a job
    per user, group and role, which is slow. `answered` is what is not asked, because somebody else
    was answered: see `organization_of`. `account_id` and `run`: see `responses.store`.

    Raises `CollectError` if the credentials do not work or neither the credential report nor the
    authorization details could be had, `SnapshotExistsError` if the snapshot exists, and
    `WriteError` if it cannot be written.
    """
    try:
        aws = _Aws(sessions.session(profile, region, role_arn, external_id, mfa_serial, mfa_code))
        caller = aws.respond(CALLER)
        # Leaving it does not wait for its threads: one that hangs would outlast Ctrl-C.
        with ThreadPool(THREADS) as pool:
            given = {response.request: response for response in answered}
            asked = [each for each in (DETAILS, *ONE_CALL) if each not in given]
            jobs = [pool.apply_async(aws.respond, (each,)) for each in asked]
            responses = [caller, aws.credential_report()]
            progress(REPORT.call, 1, len(jobs) + 3)
            found, partition = account_of([*responses])
            refuse_another(found, account_id)
            if found and responses[1].content:
                when = responses[1].content["GeneratedTime"]
                snapshot.refuse_existing(snapshot.place(out, found, when))
            for number, job in enumerate(jobs, start=2):
                responses.append(job.get())
                progress(responses[-1].request.call, number, len(jobs) + 3)
            by_others = {each: given[each] for each in ONE_CALL if each in given}
            by_others |= {each: given[each] for each in PEOPLE if each in given}
            responses = counted([*responses, *by_others.values()])
            found, partition = account_of(responses)
            responses += [
                aws.mfa_devices(responses, pool),
                aws.provider_details(responses, pool),
                *aws.policies_of_organization(responses, found, given),
                aws.last_accessed(responses, pool, progress)
                if last_accessed
                else Response(
                    LAST_ACCESSED,
                    ResponseStatus.NOT_ASKED,
                    message="--last-accessed asks for it",
                ),
            ]
            progress("the rest", len(jobs) + 3, len(jobs) + 3)
    except exceptions.BotoCoreError as error:
        raise CollectError(sessions.advice(error)) from error
    report = responses[1].content
    as_of = report["GeneratedTime"] if report else datetime.now(UTC)
    said = "credential report GeneratedTime" if report else "time of collection"
    return store(
        out, responses, "aws", as_of, said, partition=partition, account_id=account_id, run=run
    )


def asking(**session: str | None) -> Callable[[Request], Response]:
    """
    Return what asks AWS one request, with all its pages: the response, or what it was refused for.

    `session`: profile, region, role_arn and external_id, as in `from_aws`. Both raise
    `CollectError` if the credentials do not work.
    """
    profile, region, role_arn, external_id = map(session.get, SESSION)
    try:
        return _Aws(sessions.session(profile, region, role_arn, external_id, None, None)).respond
    except exceptions.BotoCoreError as error:
        raise CollectError(sessions.advice(error)) from error


def organization_of(profile: str | None, region: str | None = None) -> Organization:
    """
    Return the organization of a profile's account.

    Raises `CollectError` if the credentials do not work, or may not list its accounts.
    """
    try:
        aws = _Aws(sessions.session(profile, region, None, None, None, None))
        return Organization(aws, IdentityCenter(aws.identity_center(), aws.identity_center))
    except exceptions.BotoCoreError as error:
        raise CollectError(sessions.advice(error)) from error


class _Aws:
    """The read-only requests. Methods return responses; only credentials that fail raise."""

    def __init__(self, session: boto3.Session) -> None:
        attempts = {} if "AWS_MAX_ATTEMPTS" in os.environ else {"total_max_attempts": 8}
        config = Config(
            retries={"mode": "standard", **attempts},
            connect_timeout=10,
            read_timeout=READ_SECONDS,
            max_pool_connections=2 * THREADS,
        )
        self._session, self._config = session, config
        names = ("sts", "iam", "organizations", "account", "accessanalyzer")
        region = session.region_name or "us-east-1"
        self.clients: dict[str, Any] = {
            name: session.client(name, config=config, region_name=region) for name in names
        }

    def identity_center(self, region: str | None = None) -> _Aws:
        """The same, which can also ask IAM Identity Center, in a Region."""
        made = copy(self)
        where = region or self._session.region_name or "us-east-1"
        made.clients = self.clients | {
            name: self._session.client(service, config=self._config, region_name=where)
            for name, service in ASK_FOR_PEOPLE.items()
            if service in self._session.get_available_services()
        }
        return made

    def ask(self, call: str, *expected: str, **parameters: Any) -> dict[str, Any]:
        """
        One request. An answer without any of the expected members is damaged and asked for again.

        botocore retries neither XML that is cut short nor a proxy's page in place of an answer,
        and takes JSON that is cut short for an answer without members.
        """
        service, operation = call.split(":")
        client = self.clients.get(service.replace("-", ""))
        if client is None:  # a botocore that is older than the service
            known = ", ".join(self.clients)
            raise exceptions.UnknownServiceError(service_name=service, known_service_names=known)
        method = getattr(client, xform_name(operation))
        for _ in range(DAMAGED_ANSWER_TRIES):
            try:
                response: dict[str, Any] = method(**parameters)
            except ResponseParserError:
                continue
            if any(member in response for member in expected):
                del response["ResponseMetadata"]
                return response
        raise ResponseParserError(f"{operation}: the answer is damaged, after several tries")

    def ask_all(self, request: Request, **parameters: Any) -> tuple[dict[str, Any], bool]:
        """
        Every page of an answer, lists joined, and whether AWS ended it before its end.

        botocore's paginators stop silently at a page that says there is more but not where.
        """
        marker_name = "Marker" if request.call.startswith("iam:") else "NextToken"
        if request.call.startswith(("access-analyzer:", "account-access:")):
            marker_name = "nextToken"
        whole: dict[str, Any] = {}
        seen: set[str] = set()
        parameters = {**request.parameters, **parameters}
        while True:
            page = self.ask(request.call, *request.members, **parameters)
            join(whole, page, request.members)
            marker = page.get(marker_name)
            more = bool(page.get("IsTruncated")) or bool(marker)
            if not more or not marker or marker in seen:
                return whole, more
            seen.add(marker)
            parameters[marker_name] = marker

    def attempt(self, request: Request, take: Callable[[], Response]) -> Response:
        """The response, or what AWS's refusal or failure means; see `_attempt`."""
        return _attempt(request, take)

    def respond(self, request: Request) -> Response:
        """The response to one request."""
        return _attempt(request, lambda: self._whole(request))

    def _whole(self, request: Request) -> Response:
        content, cut = self.ask_all(request)
        if cut:
            return cut_short(request, content)
        return Response(request, ResponseStatus.OK, content)

    def credential_report(self) -> Response:
        """AWS's report, made anew where there is none, waited for while it is being made."""

        def take() -> Response:
            refusal: Exception | None = None
            try:
                self.ask("iam:GenerateCredentialReport", "State")
            except exceptions.ClientError as error:
                refusal = error  # a report made earlier may still be had
            for _ in range(POLLS):
                try:
                    return Response(REPORT, ResponseStatus.OK, self.ask(REPORT.call, "Content"))
                except exceptions.ClientError as error:
                    code = error.response["Error"]["Code"]
                    if code in NO_REPORT and refusal is None:
                        self.ask("iam:GenerateCredentialReport", "State")
                    elif code != "ReportInProgress":
                        raise (refusal or error) from error
                time.sleep(POLL_SECONDS)
            waited = round(POLLS * POLL_SECONDS)
            return Response(
                REPORT, ResponseStatus.FAILED, None, "ReportInProgress", f"not made in {waited} s"
            )

        return _attempt(REPORT, take)

    def mfa_devices(self, responses: Sequence[Response], pool: ThreadPool) -> Response:
        """The devices of each user whom the credential report says to have one."""
        rows = report_rows(responses)
        if rows is None:
            names = [user["UserName"] for user in entries(responses, "UserDetailList")]
        else:
            names = [row["user"] for row in rows if row.get("mfa_active", "").lower() == "true"]
        names = [name for name in names if name != "<root_account>"]
        return _attempt(MFA, lambda: self._each(MFA, "UserName", names, pool))

    def _each(
        self, request: Request, parameter: str, values: Iterable[str], pool: ThreadPool
    ) -> Response:
        """One request per value, the lists joined."""
        whole: dict[str, Any] = {member: [] for member in request.members}
        cut = False
        refused = threading.Event()

        def one(value: str) -> tuple[dict[str, Any], bool]:
            return ({}, True) if refused.is_set() else self.ask_all(request, **{parameter: value})

        for job in [pool.apply_async(one, (value,)) for value in values]:
            try:
                content, ended_early = job.get()
            except exceptions.ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchEntity":
                    continue  # gone since the report was made
                refused.set()  # whoever is refused once is refused for all
                raise
            cut = cut or ended_early
            join(whole, content, request.members)
        return cut_short(request, whole) if cut else Response(request, ResponseStatus.OK, whole)

    def provider_details(self, responses: Sequence[Response], pool: ThreadPool) -> Response:
        """Each OpenID Connect provider's clients and thumbprints, by ARN."""
        listed = next(response for response in responses if response.request is PROVIDERS)
        if listed.is_gap:
            return replace(listed, request=PROVIDER_DETAILS, content=None)

        def take() -> Response:
            arns = [entry["Arn"] for entry in listed.content["OpenIDConnectProviderList"]]
            asked = pool.imap(
                lambda arn: self.ask(PROVIDER_DETAILS.call, "Url", OpenIDConnectProviderArn=arn),
                arns,
            )
            return Response(
                PROVIDER_DETAILS, ResponseStatus.OK, dict(zip(arns, asked, strict=True))
            )

        return _attempt(PROVIDER_DETAILS, take)

    def policies_of_organization(
        self, responses: Sequence[Response], account_id: str, given: Mapping[Request, Response]
    ) -> list[Response]:
        """The SCPs and RCPs on the account, on each OU above it and on the organization's root."""
        organization = next(response for response in responses if response.request is ORGANIZATION)
        if organization.status == ResponseStatus.NONE:
            return [Response(kind, ResponseStatus.NONE, {"Targets": []}) for kind in POLICY_TYPES]
        asked = OrganizationPolicies(self)
        return [given.get(kind) or asked.of(account_id, kind) for kind in POLICY_TYPES]

    def last_accessed(
        self, responses: Sequence[Response], pool: ThreadPool, progress: Progress
    ) -> Response:
        """When each user, group and role last used each service and tracked action; a job each."""

        def one(arn: str) -> dict[str, Any]:
            asked = {"Arn": arn, "Granularity": "ACTION_LEVEL"}
            made = self.ask("iam:GenerateServiceLastAccessedDetails", "JobId", **asked)
            whole = replace(LAST_ACCESSED, members=("JobStatus", "ServicesLastAccessed", "Error"))
            for _ in range(POLLS):
                content, _incomplete = self.ask_all(whole, JobId=made["JobId"])
                if content.get("JobStatus") != "IN_PROGRESS":
                    return content
                time.sleep(POLL_SECONDS)
            return {"JobStatus": "IN_PROGRESS"}

        def take() -> Response:
            lists = ("UserDetailList", "GroupDetailList", "RoleDetailList")
            arns = [entry["Arn"] for name in lists for entry in entries(responses, name)]
            found = {}
            for number, (arn, content) in enumerate(
                zip(arns, pool.imap(one, arns), strict=True), start=1
            ):
                found[arn] = content
                progress(LAST_ACCESSED.call, number, len(arns))
            undone = sum(content.get("JobStatus") != "COMPLETED" for content in found.values())
            if undone:
                said = f"{part_of(undone, len(found), 'jobs')} did not complete"
                return Response(
                    LAST_ACCESSED, ResponseStatus.INCOMPLETE, found, "JobsIncomplete", said
                )
            return Response(LAST_ACCESSED, ResponseStatus.OK, found)

        return _attempt(LAST_ACCESSED, take)


def _attempt(request: Request, take: Callable[[], Response]) -> Response:
    """The response, or what AWS's refusal or failure means; credentials that fail are an error."""
    try:
        return take()
    except exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code in sessions.BAD_CREDENTIALS:
            raise CollectError(sessions.advice(error)) from error
        if code == request.none:
            return Response(request, ResponseStatus.NONE, dict.fromkeys(request.members), code)
        status = ResponseStatus.REFUSED if code in sessions.REFUSALS else ResponseStatus.FAILED
        said = f"{error.operation_name}: {error.response['Error'].get('Message', code)}"
        return Response(request, status, None, code, said)
    except (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
    ) as error:
        raise CollectError(sessions.advice(error)) from error
    except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError) as error:
        if request is CALLER:
            raise CollectError(sessions.advice(error)) from error
        return Response(request, ResponseStatus.FAILED, None, type(error).__name__, str(error))
    except (exceptions.BotoCoreError, ResponseParserError) as error:
        return Response(
            request, ResponseStatus.FAILED, None, type(error).__name__, sessions.one_line(error)
        )
