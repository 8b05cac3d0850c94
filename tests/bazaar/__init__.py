"""The bazaar: sellers list things, buyers ask for them. A marketplace of the tests alone, unlike OnSwift wherever it can be.

It was written by following CONTRIBUTING.md ("Add a marketplace").
"""

from core.market.market import Marketplace
from tests.bazaar.dialect import DIALECT
from tests.bazaar.policy import POLICY
from tests.bazaar.routes import ROUTES

MARKETPLACE: Marketplace = Marketplace(POLICY, ROUTES, prefixes=("/api/v1", "/api"), dialect=DIALECT)
