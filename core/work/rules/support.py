"""What a marketplace decides about its support."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from core.limits.budget import Rate

OPENED: Final = Rate("tickets", 10, 60 * 60)


@dataclass(frozen=True, slots=True)
class SupportRules:
    """Roles of those who take tickets and of those who see all of them; what tickets are about.

    `capacity`: tickets at once of an agent who does not say otherwise. `reopens`: for how long a message of the customer reopens
    a resolved ticket, which is closed then. `opened`: how many a customer may open.
    """

    agents: frozenset[str]
    supervisors: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset({"other"})
    capacity: int = 5
    reopens: timedelta = timedelta(days=7)
    opened: Rate = OPENED
