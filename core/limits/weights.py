"""What each action that reaches other users costs: ONE budget pays for all of them, the market's `messages` rate.

The budget is the same for events of sockets (realtime/gateway/limits.py has the weight of each event) and for calls (`weight=` in
a marketplace's routes). Whatever has no weight is limited by `per_user` (calls) or by OTHER_EVENTS in realtime/gateway/limits.py.
"""

from typing import Final

import msgspec


class Weight(msgspec.Struct, frozen=True):
    """`base` must be there; `each` of the list `items` of the event or body is charged with it, into debt if need be."""

    base: float
    each: float = 0.0
    items: str = ""

    def rest(self, event: object) -> float:
        """Return what an event or body weighs beyond `base`."""
        return self.each * len(getattr(event, self.items)) if self.items else 0.0


MESSAGE: Final = Weight(1)
EDIT: Final = Weight(1)  # the earlier text is kept
DELETE: Final = Weight(0.5)
REACTION: Final = Weight(0.5)
CONVERSATION: Final = Weight(2)  # of two people
GROUP: Final = Weight(5, 0.1, "participant_ids")
MEMBERS: Final = Weight(2, 0.1, "user_ids")
TEAM: Final = Weight(1)  # one user into a team, which all in its conversation are notified of
NOTICE: Final = Weight(1)  # what else others are notified of: a task, a deliverable and what is said of it, a review
COMMENT: Final = Weight(1, 0.1, "mentions")
REMOVAL: Final = Weight(1)  # of a member, which all others are notified of
