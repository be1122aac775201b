"""
AWS's policy simulator on a loopback port, which answers from the kit's evaluator on evidence.

It knows of a request only what it is told, refuses what AWS refuses, answers in pages and in either
form, and decides those requests otherwise that a test plants.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from iamkit import Account
from iamkit.policy import Policy, PolicyLayers, decide

SAID = {
    "Allowed": "allowed",
    "ExplicitlyDenied": "explicitDeny",
    "ImplicitlyDenied": "implicitDeny",
}
SEVERITY = ("explicitDeny", "implicitDeny", "allowed")  # the most restrictive first
READS = {
    "string": str,
    "numeric": float,
    "boolean": ["true", "false"].index,
    "ip": ip_network,
    "binary": lambda text: base64.b64decode(text, validate=True),
    "date": lambda text: text.isdecimal() or datetime.fromisoformat(text),
}


@dataclass
class Simulator:
    """The account it knows, how it answers, and what it was asked."""

    account: Account
    new_form: bool = False
    page: int = 3  # results of an answer
    account_id: str = ""
    planted: dict[tuple[str, str, str], str] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)  # of the next requests
    always: tuple[int, str] | None = None
    organization: bool | None = None  # what it says of service control policies
    calls: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, form: dict[str, str]) -> tuple[int, str]:
        operation = form["Action"]
        self.calls.append(operation)
        if operation == "GetCallerIdentity":
            number = self.account_id or self.account.account_id
            arn = f"arn:aws:iam::{number}:user/audit"
            body = f"<Account>{number}</Account><Arn>{arn}</Arn><UserId>AIDAX</UserId>"
            return 200, whole(operation, body)
        assert operation == "SimulatePrincipalPolicy", operation
        if self.faults or self.always:
            status, code = self.faults.pop(0) if self.faults else self.always
            return (
                status,
                f"<ErrorResponse><Error><Code>{code}</Code><Message>not &lt;now&gt;"
                "</Message></Error></ErrorResponse>",
            )
        problem = self.problem(form)
        if problem:
            return 400, (
                "<ErrorResponse><Error><Code>InvalidInput</Code>"
                f"<Message>{escape(problem)}</Message></Error></ErrorResponse>"
            )
        results = self.results(form)
        first = int(form.get("Marker", "0"))
        shown, more = results[first : first + self.page], first + self.page < len(results)
        body = f"<EvaluationResults>{''.join(shown)}</EvaluationResults>"
        body += f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        body += f"<Marker>{first + self.page}</Marker>" if more else ""
        return 200, whole(operation, body)

    def problem(self, form: dict[str, str]) -> str:
        """What AWS would refuse."""
        if form["PolicySourceArn"] not in set(self.account.principals["principal_arn"]):
            return f"no such principal {form['PolicySourceArn']}"
        for each in members(form, "ActionNames") + members(form, "ResourceArns"):
            if each != "*" and ("*" in each or ":" not in each):
                return f"cannot be simulated: {each}"
        excluded = exclusions(form)
        if len(excluded) > 256 or any(not valid(*each) for each in excluded):
            return "the list of excluded policies is not valid"
        for name, kind, values in entries(form):
            if not 5 <= len(name) <= 256:
                return f"{name} has a wrong length"
            if len(values) != 1 and not kind.endswith("List"):
                return f"{name} has several values"
            try:
                for value in values:
                    READS[kind.removesuffix("List")](value)
            except ValueError:
                return f"{name} is no {kind}"
        return ""

    def results(self, form: dict[str, str]) -> list[str]:
        arn, resources = form["PolicySourceArn"], members(form, "ResourceArns")
        context = {
            name: values if kind.endswith("List") else values[0]
            for name, kind, values in entries(form)
        }
        layers = self.layers(form, arn)._asdict()
        found = []
        for action in members(form, "ActionNames"):
            effects = {
                resource: self.planted.get((arn, action, resource))
                or SAID[decide(action, resource, context, **layers).effect]
                for resource in resources
            }
            if self.new_form:
                top = min(effects.values(), key=SEVERITY.index)
                inside = "".join(
                    f"<member><EvalResourceName>{escape(resource)}</EvalResourceName>"
                    f"<EvalResourceDecision>{effect}</EvalResourceDecision>{MATCHED}</member>"
                    for resource, effect in effects.items()
                )
                found.append(
                    f"<member><EvalActionName>{action}</EvalActionName>"
                    f"<EvalDecision>{top}</EvalDecision>{self.by_organization()}"
                    f"<ResourceSpecificResults>{inside}</ResourceSpecificResults></member>"
                )
            else:
                found += [
                    f"<member><EvalActionName>{action}</EvalActionName>"
                    f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
                    f"<EvalDecision>{effect}</EvalDecision>{MATCHED}{self.by_organization()}"
                    "</member>"
                    for resource, effect in effects.items()
                ]
        return found

    def layers(self, form: dict[str, str], arn: str) -> PolicyLayers:
        """What binds a principal, less what is excluded, and with what is given besides."""
        layers = self.account.callers.layers(arn)
        rows = self.account.policy_assignments
        mine = rows.loc[rows["principal_arn"].eq(arn), "policy_arn"].unique()
        versions = self.account.policy_versions.set_index("policy_arn")["document"]
        excluded = exclusions(form)
        types = {value for kind, value in excluded if kind == "PolicyType"}
        kept = [each for each in mine if not any(excludes(*one, each) for one in excluded)]
        given = [json.loads(each) for each in members(form, "PolicyInputList")]
        documents = [*(versions[each] for each in kept), *given]
        return PolicyLayers(
            tuple(Policy("p", each) for each in documents),
            None if "permission-boundary" in types else layers.boundary,
            () if "scp" in types else layers.scps,
        )

    def by_organization(self) -> str:
        if self.organization is None:
            return ""
        said = str(self.organization).lower()
        return (
            f"<OrganizationsDecisionDetail><AllowedByOrganizations>{said}"
            "</AllowedByOrganizations></OrganizationsDecisionDetail>"
        )


MATCHED = (
    "<MatchedStatements><member><SourcePolicyId>pol &amp; icy</SourcePolicyId>"
    "<SourcePolicyType>IAM Policy</SourcePolicyType>"
    "<StartPosition><Line>3</Line><Column>1</Column></StartPosition>"
    "<EndPosition><Line>9</Line><Column>6</Column></EndPosition></member></MatchedStatements>"
)


def whole(operation: str, body: str) -> str:
    result = f"<{operation}Result>{body}</{operation}Result>"
    return f"<{operation}Response>{result}<ResponseMetadata/></{operation}Response>"


def members(form: dict[str, str], name: str) -> list[str]:
    found = []
    while (key := f"{name}.member.{len(found) + 1}") in form:
        found.append(form[key])
    return found


TYPES = ("inline", "aws-managed", "user-managed", "permission-boundary", "scp", "rcp")
Excluded = tuple[str, Any]  # PolicyType, PolicyArn or InlinePolicyIdentifier, and its value


def exclusions(form: dict[str, str]) -> list[Excluded]:
    """The identifiers of policies that are left out; each is one of three kinds."""
    found: list[Excluded] = []
    while names := [
        name for name in form if name.startswith(f"PolicyExclusionList.member.{len(found) + 1}.")
    ]:
        inside = {name.split(".", 3)[3]: form[name] for name in names}
        kinds = {name.partition(".")[0] for name in inside}
        if len(kinds) != 1:
            return [("several", inside)]
        (kind,) = kinds
        of = {name.partition(".")[2]: value for name, value in inside.items()}
        found.append((kind, of if kind == "InlinePolicyIdentifier" else inside[kind]))
    return found


def valid(kind: str, value: Any) -> bool:
    if kind == "PolicyType":
        return value in TYPES
    if kind == "PolicyArn":
        head, _, name = value.partition(":policy/")
        return value.startswith("arn:") and bool(name) and "*" not in head and name.count("*") <= 1
    wanted = {"PolicyName", "AttachmentType", "AttachmentName"}
    return kind == "InlinePolicyIdentifier" and value.keys() == wanted


def excludes(kind: str, value: Any, policy: str) -> bool:
    """Whether an identifier is of an attached policy; what matches none is ignored."""
    inline = "#" in policy
    if kind == "PolicyType":
        aws = ":iam::aws:policy/" in policy
        return value == ("inline" if inline else "aws-managed" if aws else "user-managed")
    if kind == "PolicyArn":
        return not inline and fnmatchcase(policy, value.replace("[", "[[]"))
    owner, _, name = policy.partition("#")
    of, _, path = owner.rpartition(":")[2].partition("/")
    at = path.rpartition("/")[2]
    return (
        inline
        and (name, of) == (value["PolicyName"], value["AttachmentType"])
        and fnmatchcase(at, value["AttachmentName"].replace("[", "[[]"))
    )


def entries(form: dict[str, str]) -> list[tuple[str, str, list[str]]]:
    found = []
    while (key := f"ContextEntries.member.{len(found) + 1}") + ".ContextKeyName" in form:
        values = members(form, f"{key}.ContextKeyValues")
        found.append((form[f"{key}.ContextKeyName"], form[f"{key}.ContextKeyType"], values))
    return found


@contextmanager
def serving(simulator: Simulator) -> Iterator[Simulator]:
    """Serve it; `url` says where."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            status, body = simulator.answer(form)
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    simulator.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield simulator
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
