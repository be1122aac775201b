"""How many examples each property is tried with."""

from hypothesis import settings


def examples(share: float) -> settings:
    """
    Try a property with this share of the profile's examples: more if cheap, fewer if costly.

    `make test` counts from 25 and `make test-large` from 2000, as `tests/conftest.py` says.
    """
    return settings(max_examples=max(1, round(settings().max_examples * share)))


def thorough() -> bool:
    """Whether this is `make test-large`, which also tries what takes long and seldom differs."""
    return settings().max_examples > 25
