"""A cache of the newest messages: a client that was disconnected for a short while catches up without the database.

Entries are not invalidated one by one: an edit or a deletion is a version that is missing here, and a client that needs it is
served from the log. Only when a user is erased, all entries of that user's conversations are dropped.
"""

from collections import deque

import msgspec

from core.base.events import Message
from realtime.dialect.encoder import Encoder
from realtime.engine.transports.frames import unwrap

CAPACITY = 32 * 1024 * 1024  # bytes of frames, of all conversations together


class Recent:
    """The frames of the newest messages of all conversations (by key), within `capacity` bytes; decoded when first asked for."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._left = capacity
        self._frames: dict[bytes, dict[int, bytes | Message]] = {}
        self._order: deque[tuple[bytes, int, int]] = deque()

    def add(self, conversation: bytes, version: int, frame: bytes) -> None:
        """Keep the frame of the new message that was change number `version`."""
        frames = self._frames.setdefault(conversation, {})
        if version in frames:
            return
        frames[version] = frame
        self._order.append((conversation, version, len(frame)))
        self._left -= len(frame)
        while self._left < 0:
            self._forget(*self._order.popleft())

    def since(self, conversation: bytes, version: int, until: int, encoder: Encoder) -> list[Message] | None:
        """Return the messages after `version` up to `until`, if there was nothing else and all are here."""
        frames = self._frames.get(conversation, {})
        wanted = range(version + 1, until + 1)
        if len(wanted) > len(frames) or not all(place in frames for place in wanted):
            return None
        try:
            return [_message(frames, place, encoder) for place in wanted]
        except (msgspec.DecodeError, ValueError):  # from a hub of another release
            return None

    def drop(self, conversation: bytes) -> None:
        """Drop the frames of a conversation. Their capacity is freed when they would have been evicted."""
        self._frames.pop(conversation, None)

    def _forget(self, conversation: bytes, version: int, size: int) -> None:
        self._left += size
        frames = self._frames.get(conversation, {})
        if frames.pop(version, None) is not None and not frames:
            del self._frames[conversation]


def _message(frames: dict[int, bytes | Message], place: int, encoder: Encoder) -> Message:
    found = frames[place]
    if isinstance(found, bytes):
        ((_, payload),) = unwrap(found)
        found = frames[place] = encoder.message(payload)
    return found
