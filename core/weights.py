"""What each thing that a user does to others weighs: ONE budget pays for all of it, the market's `messages` rate.

It is the same budget for events of sockets (realtime/limits.py says which event weighs what) and for calls (`weight=` in a
marketplace's routes). What is not here weighs nothing: calls have the rate `per_user`, other events have realtime/limits.py's.
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
CONVERSATION: Final = Weight(2)  # of two: somebody is written to for the first time
GROUP: Final = Weight(5, 0.1, "participant_ids")
MEMBERS: Final = Weight(2, 0.1, "user_ids")
REMOVAL: Final = Weight(1)  # of a member: all others are told
