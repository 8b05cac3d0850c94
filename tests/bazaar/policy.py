"""The bazaar's rules."""

from datetime import timedelta

from core.files import MB, Purpose, kinds
from core.limits.budget import Rate, Window
from core.market.personal_data import CORE
from core.notifications.notifications import MESSAGE_RECEIVED
from core.platform.db import Run
from core.work.account_rules import ApiKeyRules, OAuthRules, OtpRules
from core.work.personal_data import PersonalData, rows_of
from core.work.policy import LedgerRules, LoginRates, PasswordRules, Policy
from tests.bazaar.selling import LISTING_SOLD, RULES

BUYERS, SELLERS = frozenset({"buyer"}), frozenset({"seller"})
ROLES = BUYERS | SELLERS
LISTINGS = PersonalData(
    "listings",
    frozenset({"bazaar.listings"}),
    rows_of("select * from bazaar.listings where seller_id = $1 order by created_at"),
    (Run("delete from bazaar.listings where seller_id = $1"),),
)
PICTURE = Purpose("picture", kinds(1 * MB, "image/png"), may_read=None)

POLICY = Policy(
    name="bazaar",
    title="Bazaar",
    roles=ROLES,
    access_lifetime=timedelta(minutes=5),
    refresh_lifetime=timedelta(days=60),
    per_user=Rate("user", count=60, seconds=60),
    login=LoginRates(address=Window("login", count=3, seconds=60)),
    uploads=Rate("uploads", count=20, seconds=60 * 60),
    purposes=(PICTURE,),
    passwords=PasswordRules(min_length=12),
    issuer="https://bazaar.example",
    audience="bazaar-app",
    may_converse=lambda role, other: role != other,
    otp=OtpRules(calling_codes=frozenset({1}), region="US"),
    oauth=OAuthRules(
        frozenset({"google", "apple"}), callback="/bazaar/api/v1/auth/oauth/{provider}/callback", roles=BUYERS
    ),
    api_keys=ApiKeyRules("baz", frozenset({"listings"})),
    ledger=LedgerRules(
        currencies=frozenset({"USD", "SAR", "JPY", "KWD"}),
        kinds=frozenset({"available", "held", "debt", "fees", "provider", "disputed", "losses"}),
        may_owe=frozenset({"debt"}),
    ),
    payments=RULES,
    notices=(MESSAGE_RECEIVED, LISTING_SOLD),
    personal_data=(LISTINGS, *CORE),
)
