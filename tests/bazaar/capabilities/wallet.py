"""The bazaar's wallets."""

from core.market.endpoints.payments import ledger
from core.market.market import Route, get
from tests.bazaar.policy import ROLES

ROUTES: tuple[Route, ...] = (
    get("/wallet", ledger.get_wallet, ROLES),
    get("/wallet/entries", ledger.list_entries, ROLES),
)
