"""The cost of each action that reaches other users: all are charged to ONE budget, the market's `messages` rate.

The budget is the same for events of sockets (realtime/gateway/limits.py has the weight of each event) and for calls (`weight=`
in a marketplace's routes). Actions without a weight are limited by `per_user` (calls) or by OTHER_EVENTS in
realtime/gateway/limits.py.
"""

from typing import Final

import msgspec


class Weight(msgspec.Struct, frozen=True):
    """`base` must be available; `each` entry of the list `items` is charged with it, into debt if necessary."""

    base: float
    each: float = 0.0
    items: str = ""

    def rest(self, event: object) -> float:
        """Return the weight of an event or body beyond `base`."""
        return self.each * len(getattr(event, self.items)) if self.items else 0.0


MESSAGE: Final = Weight(1)
EDIT: Final = Weight(1)  # the earlier text is kept
DELETE: Final = Weight(0.5)
REACTION: Final = Weight(0.5)
CONVERSATION: Final = Weight(2)  # a conversation of two
GROUP: Final = Weight(5, 0.1, "participant_ids")
MEMBERS: Final = Weight(2, 0.1, "user_ids")
TEAM: Final = Weight(1)  # adding one user to a team, of which all in its conversation are notified
NOTICE: Final = Weight(1)  # other changes that notify users: a task, a deliverable and comments on it, a review
COMMENT: Final = Weight(1, 0.1, "mentions")
REMOVAL: Final = Weight(1)  # removing a member, of which all others are notified
