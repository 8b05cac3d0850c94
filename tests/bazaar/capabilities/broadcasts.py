"""What is told to everybody in the bazaar."""

from core.market.endpoints.hooks import broadcasts
from core.market.market import PUBLIC, Route, get

ROUTES: tuple[Route, ...] = (get("/broadcasts", broadcasts.list_broadcasts, PUBLIC),)
