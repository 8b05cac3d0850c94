"""The bazaar's rules."""

from datetime import timedelta
from uuid import UUID

from core.files import MB, File, Purpose, kinds
from core.limits.budget import Rate, Window
from core.limits.quotas import Quota
from core.market.personal_data import CORE
from core.notifications.notifications import MESSAGE_RECEIVED
from core.platform.db import Connection, Db, Run
from core.support.desk import TICKET_ASSIGNED
from core.verification.kinds import Kind
from core.verification.local import LocalProvider
from core.webhooks import WebhookRules
from core.webhooks.deliveries import DISABLED
from core.work.notices import Notice
from core.work.personal_data import PersonalData, rows_of
from core.work.policy import LoginRates, PasswordRules, Policy
from core.work.rules.accounts import ApiKeyRules, OAuthRules, OtpRules
from core.work.rules.ledger import LedgerRules
from core.work.rules.support import SupportRules
from tests.bazaar import queries
from tests.bazaar.capabilities import review_kinds
from tests.bazaar.selling import LISTING_SOLD, RULES
from tests.bazaar.structs import Sold
from tests.bazaar.texts import TEXTS


async def is_owner(_db: Db, user_id: UUID, file: File) -> bool:
    """Let nobody look at others' papers; moderators see those of their tasks."""
    return user_id == file.owner_id


BUYERS, SELLERS = frozenset({"buyer"}), frozenset({"seller"})
CUSTOMERS = BUYERS | SELLERS
AGENTS, SUPERVISORS = frozenset({"agent"}), frozenset({"supervisor"})
STAFF = AGENTS | SUPERVISORS
ROLES = CUSTOMERS | STAFF | review_kinds.MODERATORS
LISTINGS = PersonalData(
    "listings",
    frozenset({"bazaar.listings"}),
    rows_of("select * from bazaar.listings where seller_id = $1 order by created_at"),
    (Run("delete from bazaar.listings where seller_id = $1"),),
)
MEMBERS = PersonalData(
    "members",
    frozenset({"bazaar.members"}),
    rows_of("select * from bazaar.members where user_id = $1"),
    (Run("delete from bazaar.members where user_id = $1"),),
)
LISTINGS_A_DAY = Quota("listings", 20, "day", "Asia/Riyadh")
PICTURE = Purpose("picture", kinds(1 * MB, "image/png"), may_read=None)
IDENTITY, SHOP = "identity", "shop"
VERIFIED = Notice("verified", "Verification", "Your verification is {state}", "verification")
LOCAL = LocalProvider()
PAPERS = Purpose("papers", kinds(1 * MB, "image/png"), may_read=is_owner)


async def joined(db: Connection, user_id: UUID, _role: str) -> None:
    """Store what the bazaar keeps of a user beside the account."""
    await queries.JOIN(db, user_id)


POLICY = Policy(
    name="bazaar",
    title="Bazaar",
    roles=CUSTOMERS,
    staff_roles=STAFF | review_kinds.MODERATORS,
    review_kinds=review_kinds.KINDS,
    support=SupportRules(AGENTS, SUPERVISORS, frozenset({"payment", "other"}), capacity=2),
    quotas=(LISTINGS_A_DAY,),
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
    joined=joined,
    may_converse=lambda role, other: role != other,
    otp=OtpRules(calling_codes=frozenset({1}), region="US", texts=TEXTS),
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
    webhooks=WebhookRules({"listing.sold": Sold}),
    broadcasts=frozenset({"flags", "maintenance"}),
    notices=(MESSAGE_RECEIVED, LISTING_SOLD, TICKET_ASSIGNED, VERIFIED, DISABLED),
    personal_data=(LISTINGS, MEMBERS, *CORE),
)
