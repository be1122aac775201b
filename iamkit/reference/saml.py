"""
The audience of SAML assertions for AWS.

Source: IAM User Guide, "Configure SAML assertions for the authentication response".
"""

from __future__ import annotations

_SIGN_IN = {
    "aws-cn": "https://signin.amazonaws.cn/saml",
    "aws-us-gov": "https://signin.amazonaws-us-gov.com/saml",
}


def sign_in_audience(partition: str) -> str:
    """
    Return what `SAML:aud` is in assertions for the console of a part of AWS, at its usual endpoint.

    >>> sign_in_audience("aws"), sign_in_audience("aws-cn")
    ('https://signin.aws.amazon.com/saml', 'https://signin.amazonaws.cn/saml')
    """
    return _SIGN_IN.get(partition, "https://signin.aws.amazon.com/saml")
