"""OnSwift's rules, as data and pure functions."""

from typing import Literal

from core.identity import PasswordPolicy
from core.limits import Rate

TITLE = "OnSwift"
CREATOR: Literal["creator"] = "creator"
TALENT: Literal["talent"] = "talent"
ROLES = frozenset({CREATOR, TALENT})

PASSWORDS = PasswordPolicy(
    min_length=8,
    max_length=128,
    kinds={
        "an uppercase letter": str.isupper,
        "a lowercase letter": str.islower,
        "a number": str.isdigit,
        "a special character": lambda character: not character.isalnum() and not character.isspace(),
    },
)

LOGIN = Rate("login", count=5, seconds=15 * 60)
PASSWORD_RESET = Rate("password-reset", count=3, seconds=60 * 60)
PER_USER = Rate("user", count=100, seconds=60)
# The document gives no number for callers without an account. Several people may share one address.
PER_ADDRESS = Rate("address", count=300, seconds=60)
# A burst of 30, then one each second.
MESSAGES = Rate("messages", count=30, seconds=30)

# The fields that make a profile complete; each counts the same.
PROFILE_FIELDS: dict[str, tuple[str, ...]] = {
    CREATOR: ("name", "avatar_url", "company_name", "linkedin_url"),
    TALENT: (
        "name",
        "avatar_url",
        "professional_title",
        "bio",
        "skills",
        "portfolio_links",
        "hourly_rate",
        "availability",
        "linkedin_url",
    ),
}


def may_converse(role: str, other: str) -> bool:
    """Say whether two roles may have a conversation of two: one creator and one talent."""
    return {role, other} == ROLES


def profile_completion(role: str, profile: object) -> int:
    """Return how many percent of its fields a profile has."""
    fields = PROFILE_FIELDS[role]
    return 100 * sum(bool(getattr(profile, field)) for field in fields) // len(fields)
