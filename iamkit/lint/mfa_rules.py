"""
Mistakes in statements about MFA: which requests each allows or does not deny by mistake.

Like the rules of `rules`, which says what a rule is. Each asks whether a statement applies to a
long-term key, to a password without MFA and to a session with MFA.
"""

from __future__ import annotations

from collections.abc import Iterator

from iamkit.lint.rule import Finding, condition_rule
from iamkit.lint.statement import MFA_DENY, WrittenStatement
from iamkit.policy import KEY, MFA_KEYS, PASSWORD, PROTECTED, RequestContext


@condition_rule
def bool_on_mfa(s: WrittenStatement) -> Iterator[Finding]:
    """
    A Deny without MFA that does not apply to long-term access keys.

    Requests made with such a key have no aws:MultiFactorAuthPresent, so `Bool` does not match them
    and `BoolIfExists` does. Silent if another Deny of the policy may catch keys. Source: "AWS
    global condition context keys".
    """
    if s.effect == "Deny" and _reaches(s) == (False, True, False) and not _caught(s, KEY):
        tests = " and ".join(test.said for test in s.tests if test.key in MFA_KEYS)
        said = f"{tests} denies passwords without MFA, but not access keys: they lack the key"
        yield Finding("high", said, MFA_DENY)


@condition_rule
def null_on_mfa(s: WrittenStatement) -> Iterator[Finding]:
    """
    A test of whether aws:MultiFactorAuthPresent is present, as if that meant MFA. It is present,
    and false, in a session that began with a password alone. Silent if another Deny of the policy
    may catch passwords. Source: "AWS global condition context keys".
    """
    tests = " and ".join(test.said for test in s.tests if test.key in MFA_KEYS)
    if s.effect == "Deny" and _reaches(s) == (True, False, False) and not _caught(s, PASSWORD):
        said = f"{tests} denies access keys, but not passwords without MFA: there the key is false"
        yield Finding("high", said, MFA_DENY)
    if s.effect == "Allow" and _reaches(s) == (False, True, True):
        said = f"{tests} also allows passwords without MFA: there the key is false"
        yield Finding("high", said, 'Write "Bool": {"aws:MultiFactorAuthPresent": "true"}')


@condition_rule
def age_on_mfa(s: WrittenStatement) -> Iterator[Finding]:
    """
    A Deny of MFA that is too old, which does not apply to requests without MFA.

    Requests without MFA have no aws:MultiFactorAuthAge, so a numeric test of it does not match
    them, and one with `…IfExists` does. Silent if another Deny of the policy may catch both keys
    and passwords. Source: "AWS global condition context keys", aws:MultiFactorAuthAge.
    """
    tests = [t for t in s.tests if t.key == MFA_KEYS[1] and "greater" in t.name]
    if s.effect != "Deny" or not tests or any(test.if_exists for test in tests):
        return
    key, password, _ = _reaches(s)
    if not (key or password) and not (_caught(s, KEY) and _caught(s, PASSWORD)):
        said = f"{tests[0].said} denies sessions whose MFA is old, but not access keys and "
        said += "passwords without MFA: their requests lack the key"
        operator = tests[0].said.split()[0]
        yield Finding("high", said, f'Write "{operator}IfExists"')


@condition_rule
def mfa_carve_out(s: WrittenStatement) -> Iterator[Finding]:
    """
    A Deny without MFA whose NotAction excepts actions that bypass MFA.

    Registering a device must work without MFA, as in AWS's example "Allows MFA-authenticated IAM
    users to manage their own credentials". Removing a device, or making another credential, must
    not. Errs towards reporting: other statements on these actions are not considered.
    """
    key, password, protected = _reaches(s)
    if s.effect == "Deny" and s.not_actions and (key or password) and not protected:
        listed = s.lookup.listed
        if names := listed.names(listed.bits(s.not_actions) & s.lookup.dangerous):
            said = f"NotAction excepts actions that bypass MFA: {', '.join(names)}"
            yield Finding("high", said, "List only the actions to register a device in NotAction")


def _reaches(s: WrittenStatement) -> tuple[bool, bool, bool]:
    """Whether a statement about MFA may apply to a key, to a password, to a session with MFA."""
    if s.keys.isdisjoint(MFA_KEYS):
        return False, False, False
    key, password, protected = (s.applies(way) is not False for way in (KEY, PASSWORD, PROTECTED))
    return key, password, protected


def _caught(s: WrittenStatement, way: RequestContext) -> bool:
    """Whether another Deny about MFA may catch whom this one leaves out."""
    others = [other for other in s.siblings if other is not s and other.effect == "Deny"]
    about = [other for other in others if not other.keys.isdisjoint(MFA_KEYS)]
    return any(other.applies(way) is not False and other.spans(s) for other in about)
