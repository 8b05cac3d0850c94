"""OnSwift: creators hire talent for projects. The document it follows is in contract.yaml."""

from core.market.market import Marketplace
from marketplaces.onswift import access, notices, rules
from marketplaces.onswift.personal_data import PERSONAL_DATA
from marketplaces.onswift.purposes import PURPOSES
from marketplaces.onswift.routes import EVENTS, PERIODIC_TASKS, ROUTES

MARKETPLACE = Marketplace(
    name="onswift",
    title=rules.TITLE,
    routes=ROUTES,
    per_user=rules.PER_USER,
    per_address=rules.PER_ADDRESS,
    per_address_changes=rules.PER_ADDRESS_CHANGES,
    per_holder=rules.PER_HOLDER,
    messages=rules.MESSAGES,
    purposes=PURPOSES,
    uploads=rules.UPLOADS,
    personal_data=PERSONAL_DATA,
    acquainted=access.acquainted,
    events=EVENTS,
    periodic_tasks=PERIODIC_TASKS,
    still_so=notices.STILL_SO,
)
