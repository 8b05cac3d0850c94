"""OnSwift: creators hire talent for projects. The document it follows is in contract.yaml."""

from core.market.market import Marketplace
from marketplaces.onswift.policy import POLICY
from marketplaces.onswift.routes import EVENTS, PERIODIC_TASKS, ROUTES

MARKETPLACE = Marketplace(POLICY, ROUTES, EVENTS, PERIODIC_TASKS)
