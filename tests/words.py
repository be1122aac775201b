"""
Words that have a plainer one, so that no page and no public docstring uses them.

Each is a regular expression of whole words. They are inversions, riddles and private words: the
plain word is AWS's own, or what a good audit report says.
"""

import re

HAVE_A_BETTER_ONE = (
    # names, and the plain ones
    r"(password|key) only(?=\s*[:;,.*\"`|])",  # console only, keys only: the verdicts
    r"escapable",  # bypassable
    r"not by people",  # not assumable by people
    r"holed",  # partly required
    r"fence[ds]?",  # network restriction, restricted
    r"doors?",  # trusted principal
    r"outward|crossings?",  # outbound
    r"powers",  # what a policy grants
    r"holdings",  # policies that apply
    r"hops?",  # step
    r"perhaps",  # possibly
    r"rises|risen",  # reaches administrator access
    r"chokes",  # choke points
    r"thief|thieves",  # exposed if stolen
    r"worth",  # gains, useful
    r"newcomers?",  # new principals
    # sentences
    r"whoever",  # anyone who, an identity that
    r"all but name",
    r"the short of it",
    r"drawn is",
    r"betrays",
    r"no more",
    r"is no hardware",
    r"of when",
    r"who should not come",
    r"nothing but",  # only
    r"for all (that is|anybody) knows?n?",  # possibly
    r"so many",
    r"comes? in by",  # assumes
    r"page 0\d",  # the page by its name
    r"every life",
    r"vouch(es)?",
    r"accuses?",
    r"hangs on",  # depends on
    r"slips? through",
    r"lies (idle|ready)",
    r"one's own",
    r"by hand",
)
_PATTERN = re.compile(rf"\b(?:{'|'.join(HAVE_A_BETTER_ONE)})\b", re.IGNORECASE)


def to_replace(text: str) -> list[str]:
    """The words of a text that have a better one, each with its surroundings."""
    flat = " ".join(text.split())
    return [flat[max(0, at.start() - 40) : at.end() + 40] for at in _PATTERN.finditer(flat)]
