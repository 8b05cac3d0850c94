"""What a marketplace decides about webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec

from core.limits.budget import Rate

TEST_EVENT: Final = "webhook.test"


class Tested(msgspec.Struct, frozen=True):
    """The data of a test event."""

    message: str = "This is a test"


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """The events of a marketplace by name, each with the struct of its data: ids rather than texts, as they are kept for a month.

    `hear_all`: roles that are told of all events of the marketplace, not only of their own.
    """

    events: Mapping[str, type[msgspec.Struct]]
    hear_all: frozenset[str] = frozenset()
    most: int = 10  # endpoints of a user
    overlap: timedelta = timedelta(days=1)  # for which a former secret signs, too
    tests: Rate = field(default=Rate("webhook-tests", 30, 60 * 60))  # and replays, of a user

    def struct_of(self, event: str) -> type[msgspec.Struct] | None:
        """Return the struct of an event's data; None for one that the marketplace does not have any more."""
        return Tested if event == TEST_EVENT else self.events.get(event)
