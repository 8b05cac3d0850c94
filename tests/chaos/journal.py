"""What one client did and saw, in order: all that the checker knows of it. Times are seconds of the wall clock, ids are texts."""

import msgspec


class Seen(msgspec.Struct, frozen=True):
    """A message as it stood at `version`."""

    conversation: str
    seq: int
    version: int
    id: str
    content: str


class Record(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """One line of a journal."""

    at: float


class Connected(Record, frozen=True):
    hub: str


class Disconnected(Record, frozen=True):
    reason: str


class Sent(Record, frozen=True):
    """The client wants this stored: told once, however often it is repeated until it is acked."""

    conversation: str
    client_id: str
    content: str


class Acked(Record, frozen=True):
    conversation: str
    client_id: str
    id: str
    seq: int
    duplicate: bool


class EditAcked(Record, frozen=True):
    seen: Seen


class Joined(Record, frozen=True):
    """The answer to a join with `since`: where the conversation stands, and what had changed."""

    conversation: str
    since: int
    last_seq: int
    version: int
    messages: list[Seen]


class Heard(Record, frozen=True):
    """A live event: a new message, or one that was edited."""

    seen: Seen
    edited: bool = False


class Refused(Record, frozen=True):
    """An error; `client_id` of a send that was given up for it."""

    event: str
    code: str
    retryable: bool
    client_id: str = ""


Line = Connected | Disconnected | Sent | Acked | EditAcked | Joined | Heard | Refused


class Journal(msgspec.Struct):
    """The lines of one client; `conversations` are those that she is a member of in the end."""

    name: str
    user_id: str
    conversations: list[str]
    lines: list[Line] = []
