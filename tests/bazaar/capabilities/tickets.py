"""Support."""

from core.market.endpoints.support import agents, tickets
from core.market.market import Route, create, get, patch, post, put
from tests.bazaar.policy import CUSTOMERS, ROLES, STAFF, SUPERVISORS

TICKET = "/tickets/{ticket_id}"

ROUTES: tuple[Route, ...] = (
    create("/tickets", tickets.open_ticket, CUSTOMERS),
    get("/tickets", tickets.list_tickets, ROLES),
    get(TICKET, tickets.get_ticket, ROLES),
    get(TICKET + "/messages", tickets.list_messages, ROLES),
    patch(TICKET, tickets.change_ticket, STAFF),
    put(TICKET + "/state", tickets.set_state, STAFF),
    put(TICKET + "/agent", tickets.assign, STAFF),
    put(TICKET + "/rating", tickets.rate, CUSTOMERS),
    get(TICKET + "/notes", agents.list_notes, STAFF),
    post(TICKET + "/notes", agents.add_note, STAFF),
    get("/agents", agents.list_agents, STAFF),
    put("/agents/me", agents.set_availability, frozenset({"agent"})),
    get("/agents/statistics", agents.get_statistics, SUPERVISORS),
)
