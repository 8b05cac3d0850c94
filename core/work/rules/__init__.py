"""What a marketplace decides about capabilities of core: a value of its policy for each; none: it has none of it.

Rules with functions that take a `Ctx` are above it, in the folder of their capability; the policy knows their names (`Named`).
"""

from typing import TypeVar

Rules = TypeVar("Rules")


def required(rules: Rules | None) -> Rules:
    """Return the rules of a capability; that a policy has those which its routes need is checked at start (api/manifest.py)."""
    if rules is None:
        raise RuntimeError("a call was made that needs rules which the policy does not have")
    return rules
