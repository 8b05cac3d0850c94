"""What the events of a marketplace's sockets are called by its clients, and in which namespaces they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# What is sent to all in a conversation, by core's names. These, and what is paged to a client that missed them, are in the
# main namespace: its members are who has joined the conversation there.
OF_CONVERSATIONS: Final = frozenset(
    (
        "message:received",
        "message:edited",
        "message:deleted",
        "message:reacted",
        "conversation:typing",
        "conversation:read",
    )
)


@dataclass(frozen=True, slots=True)
class Spelling:
    """One name for an event. All fields are by core's names in JSON.

    `fixed`: fields that are not sent beside it, because the name says what they are: an event of core with other values has
    another spelling. `only`: the field whose value is sent in place of all.
    """

    name: str
    fixed: Mapping[str, object] = field(default_factory=dict)
    only: str = ""


@dataclass(frozen=True, slots=True)
class SocketDialect:
    """How a marketplace's sockets look; events that are not named here are as core has them.

    `main`: the namespace of conversations and of all that is not `elsewhere`; by namespace, the events of that one.
    `takes`, `gives`: the spellings of events from clients, and from the server. Events are named as core does.
    """

    main: str = "/"
    elsewhere: Mapping[str, frozenset[str]] = field(default_factory=dict)
    takes: Mapping[str, tuple[Spelling, ...]] = field(default_factory=dict)
    gives: Mapping[str, tuple[Spelling, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for namespace, names in self.elsewhere.items():
            if misplaced := names & OF_CONVERSATIONS:
                raise ValueError(f"{', '.join(sorted(misplaced))}: in the main namespace only, not in {namespace}")

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All namespaces, the main one first."""
        return self.main, *self.elsewhere

    def namespace(self, name: str) -> str:
        """Return in which namespace an event of core is."""
        return next((namespace for namespace, names in self.elsewhere.items() if name in names), self.main)

    def taken(self, name: str) -> tuple[Spelling, ...]:
        """Return how clients spell an event of core that they send."""
        return self.takes.get(name) or (Spelling(name),)

    def given(self, name: str) -> tuple[Spelling, ...]:
        """Return how they know an event of core that the server sends."""
        return self.gives.get(name) or (Spelling(name),)
