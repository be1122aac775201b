"""
A stand-in for the AWS CLI, as far as remedies.sh uses it: a start costs 50 ms instead of a second.

It speaks IAM's query protocol with the endpoint of the tests, and answers and fails as the AWS CLI
2 does. `tests/remedies/test_script.py` puts it on the path as `aws`.
"""

import html
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

QUERIES = {
    "Policy.DefaultVersionId": "DefaultVersionId",
    "Account": "Account",
}


def pascal(text: str) -> str:
    return "".join(part.capitalize() for part in text.split("-"))


def _apart(word: str) -> list[str]:
    """`--name=value` as name and value."""
    return word.split("=", 1) if re.match(r"--[a-z-]+=", word) else [word]


def parsed(words: list[str]) -> tuple[dict[str, str], str]:
    """Return the parameters and the query of a command line."""
    parameters, query = {}, ""
    at = 0
    words = [part for word in words for part in _apart(word)]
    while at < len(words):
        flag = words[at]
        value = words[at + 1] if at + 1 < len(words) and words[at + 1][:2] != "--" else None
        at += 1 if value is None else 2
        if flag == "--query":
            query = value
        elif flag == "--output":
            continue
        elif value is None:
            name = flag.removeprefix("--")
            on = not name.startswith("no-")
            parameters[pascal(name.removeprefix("no-"))] = str(on).lower()
        elif value.startswith("file://"):
            path = Path(value.removeprefix("file://"))
            parameters[pascal(flag[2:])] = path.read_text(encoding="ascii")
        else:
            parameters[pascal(flag[2:])] = value
    return parameters, query


def asked(service: str, operation: str, parameters: dict[str, str]) -> str:
    """Return the answer's XML, or end as the CLI does."""
    version = "2011-06-15" if service == "sts" else "2010-05-08"
    body = urllib.parse.urlencode({"Action": pascal(operation), "Version": version, **parameters})
    scope = f"testing/20261101/us-east-1/{service}/aws4_request"
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        body.encode(),
        {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=h, Signature=x",
            "Host": f"{service}.amazonaws.com",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        code = re.search(r"<Code>(.*?)</Code>", text)[1]
        said = re.search(r"<Message>(.*?)</Message>", text, re.DOTALL)[1]
        sys.exit(
            f"\naws: [ERROR]: An error occurred ({code}) when calling the {pascal(operation)} "
            f"operation: {html.unescape(said)}"
        )


def shown(xml: str, query: str) -> str:
    """Return what `--query` takes out of an answer."""
    if query in QUERIES:
        return re.search(rf"<{QUERIES[query]}>(.*?)<", xml)[1]
    if query == "PolicyVersion.Document":
        document = re.search(r"<Document>(.*?)</Document>", xml, re.DOTALL)[1]
        return json.dumps(json.loads(urllib.parse.unquote(html.unescape(document))))
    members = re.findall(r"<member>(.*?)</member>", xml, re.DOTALL)
    if query == "Versions[?!IsDefaultVersion].VersionId":
        old = [each for each in members if "<IsDefaultVersion>false<" in each]
        return "\t".join(re.search(r"<VersionId>(.*?)<", each)[1] for each in old)
    made = re.search(r"starts_with\(to_string\(CreateDate\), '(.*?)'\)", query)[1]
    keys = [each for each in members if f"<CreateDate>{made}" in each]
    return "\t".join(re.search(r"<AccessKeyId>(.*?)<", each)[1] for each in keys)


def main() -> None:
    service, operation, *words = sys.argv[1:]
    parameters, query = parsed(words)
    xml = asked(service, operation, parameters)
    if query:
        print(shown(xml, query))


if __name__ == "__main__":
    main()
