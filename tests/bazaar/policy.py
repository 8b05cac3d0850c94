"""The bazaar's rules."""

from datetime import timedelta
from uuid import UUID

from core.accounts import identity
from core.files import MB, File, Purpose, kinds
from core.limits.budget import Rate, Window
from core.market.personal_data import CORE
from core.notifications.notifications import MESSAGE_RECEIVED
from core.platform.db import Db, Run
from core.verification.kinds import Kind
from core.verification.local import LocalProvider
from core.work.account_rules import ApiKeyRules, OAuthRules, OtpRules
from core.work.notices import Notice
from core.work.personal_data import PersonalData, rows_of
from core.work.policy import LoginRates, PasswordRules, Policy
from tests.bazaar.texts import TEXTS


async def is_seller(db: Db, user_id: UUID, _file: File) -> bool:
    """Let sellers look at each other's papers."""
    return await identity.ROLE_OF(db, user_id, "bazaar") in SELLERS


BUYERS, SELLERS = frozenset({"buyer"}), frozenset({"seller"})
ROLES = BUYERS | SELLERS
LISTING_SOLD = Notice("listing_sold", "Sold", "'{title}' is sold", "listing")
LISTINGS = PersonalData(
    "listings",
    frozenset({"bazaar.listings"}),
    rows_of("select * from bazaar.listings where seller_id = $1 order by created_at"),
    (Run("delete from bazaar.listings where seller_id = $1"),),
)
PICTURE = Purpose("picture", kinds(1 * MB, "image/png"), may_read=None)
IDENTITY, SHOP = "identity", "shop"
VERIFIED = Notice("verified", "Verification", "Your verification is {state}", "verification")
LOCAL = LocalProvider()
PAPERS = Purpose("papers", kinds(1 * MB, "image/png"), may_read=is_seller)

POLICY = Policy(
    name="bazaar",
    title="Bazaar",
    roles=ROLES,
    access_lifetime=timedelta(minutes=5),
    refresh_lifetime=timedelta(days=60),
    per_user=Rate("user", count=60, seconds=60),
    login=LoginRates(address=Window("login", count=3, seconds=60)),
    uploads=Rate("uploads", count=20, seconds=60 * 60),
    purposes=(PICTURE, PAPERS),
    verifications=(
        Kind(IDENTITY, provider=LOCAL, claims=frozenset({"name"}), notice=VERIFIED),
        Kind(SHOP, documents=PAPERS.name, notice=VERIFIED),
    ),
    passwords=PasswordRules(min_length=12),
    issuer="https://bazaar.example",
    audience="bazaar-app",
    may_converse=lambda role, other: role != other,
    otp=OtpRules(calling_codes=frozenset({1}), region="US", texts=TEXTS),
    oauth=OAuthRules(
        frozenset({"google", "apple"}), callback="/bazaar/api/v1/auth/oauth/{provider}/callback", roles=BUYERS
    ),
    api_keys=ApiKeyRules("baz", frozenset({"listings"})),
    notices=(MESSAGE_RECEIVED, LISTING_SOLD, VERIFIED),
    personal_data=(LISTINGS, *CORE),
)
