"""What goes over the bus, and on which channels.

A payload is one frame behind a header of 34 bytes, so that a receiving hub parses no JSON: kind (1 byte), origin (8: the
process that sent it), subject (16: an id), number (8), flags (1); what they mean depends on the kind, see `Kind`.
Channels: `c` + 16 bytes of a conversation's id, `u` + 16 bytes of a user's id, `m` + name of a marketplace, `a` (every hub),
`h` + origin (beacons), `q` (admin requests to every hub), `r` + origin (replies to the process that asked).
"""

import enum
import struct

import msgspec

HEADER = struct.Struct("!B8s16sQB")
NOBODY = bytes(16)


class Kind(enum.IntEnum):
    """What a frame on the bus is."""

    CHANGE = 0  # of a conversation; subject: the sender of a new message, or none; number: the version
    SIGNAL = 1  # in a conversation; subject: whose; number: the read position, 0 for typing
    EMIT = 2  # to a user; subject: skip sockets that have joined this conversation, or none
    SESSION_ENDED = 3  # subject: the session
    BEACON = 4
    RESYNC = 5  # compare the conversation with the log; key empty: all conversations, and the logins of all sockets
    ADMIN_REQUEST = 6  # subject: who asks (8 bytes), number of the request (8); frame: JSON, see admin_protocol.py
    ADMIN_REPLY = 7  # subject: that of the request; frame: JSON
    BROADCAST = 8  # there is one to be read


TYPES = 1  # the flag of a signal: its user is typing; without it and with position 0: has stopped typing
MEMBERS_CHANGED = 1  # the flag of a change: reload the members
FORGOTTEN = 1  # the flag of a resync: drop the cached frames of the conversation first
USER_CHANGED = 1  # the flag of an event: reload its user


class Delivery(msgspec.Struct, frozen=True):
    """What another process has published; `key` is the id in the name of the channel."""

    kind: Kind
    key: bytes
    subject: bytes
    number: int
    flags: int
    frame: bytes


def conversation_channel(key: bytes) -> bytes:
    """Return the channel of a conversation's changes and signals."""
    return b"c" + key


def user_channel(key: bytes) -> bytes:
    """Return the channel of one user's events."""
    return b"u" + key


def market_channel(market: str) -> bytes:
    """Return the channel of what is told to all clients of a marketplace."""
    return b"m" + market.encode()


def replies_channel(subject: bytes) -> bytes:
    """Return the channel of replies to an admin request, or to all requests of an origin."""
    return b"r" + subject[:8]


EVERYBODY = b"a"  # every hub
ADMIN_REQUESTS = b"q"  # every hub
