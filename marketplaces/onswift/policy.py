"""OnSwift's policy: its names, its limits ("Rate Limiting"), and the hooks that core needs."""

from core import reports
from core.limits.budget import Rate, Window
from core.market.personal_data import CORE
from core.work.policy import LoginRates, PasswordRules, Policy
from marketplaces.onswift import access, notices, rules
from marketplaces.onswift.personal_data import PERSONAL_DATA
from marketplaces.onswift.purposes import PURPOSES

PASSWORDS = PasswordRules(
    min_length=8,
    max_length=128,
    kinds={
        "an uppercase letter": str.isupper,
        "a lowercase letter": str.islower,
        "a number": str.isdigit,
        "a special character": lambda character: not character.isalnum() and not character.isspace(),
    },
)

POLICY = Policy(
    name="onswift",
    title="OnSwift",
    roles=rules.ROLES,
    passwords=PASSWORDS,
    login=LoginRates(address=Window("login", count=5, seconds=15 * 60)),
    per_user=Rate("user", count=100, seconds=60),
    messages=Rate("messages", count=30, seconds=30),  # a burst of 30, then one each second
    uploads=Rate("uploads", count=10, seconds=60 * 60),
    feed_path=rules.FEED,
    acquainted=access.acquainted,
    may_converse=rules.may_converse,
    purposes=PURPOSES,
    review_kinds=(reports.REVIEW,),
    notices=notices.ALL,
    still_so=notices.STILL_SO,
    personal_data=(*PERSONAL_DATA, *CORE),
)
