"""A cache of the newest messages: a client that was disconnected for a short while catches up without the database.

Entries are not invalidated one by one: an edit or a deletion is a version that is missing here, and a client that needs it is
served from the log. Only when a user is erased, all entries of that user's conversations are dropped.
"""

from collections import deque

import msgspec

from core.base.events import Message, MessageReceived
from realtime.engine.transports.frames import unwrap

CAPACITY = 32 * 1024 * 1024  # bytes of frames, of all conversations together
_EVENT = len("42")  # in front of the JSON in an event's frame

_decode = msgspec.json.Decoder(tuple[str, MessageReceived]).decode


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

    def since(self, conversation: bytes, version: int, until: int) -> list[Message] | None:
        """Return the messages after `version` up to `until`, if all are cached and nothing else happened."""
        frames = self._frames.get(conversation, {})
        wanted = range(version + 1, until + 1)
        if len(wanted) > len(frames) or not all(place in frames for place in wanted):
            return None
        try:
            return [self._message(frames, place) for place in wanted]
        except msgspec.DecodeError:  # from a hub of another release
            return None

    def drop(self, conversation: bytes) -> None:
        """Drop the frames of a conversation. Their capacity is freed when they would have been evicted."""
        self._frames.pop(conversation, None)

    def _message(self, frames: dict[int, bytes | Message], place: int) -> Message:
        found = frames[place]
        if isinstance(found, bytes):
            ((_, payload),) = unwrap(found)
            found = frames[place] = _decode(payload[_EVENT:])[1].message
        return found

    def _forget(self, conversation: bytes, version: int, size: int) -> None:
        self._left += size
        frames = self._frames.get(conversation, {})
        if frames.pop(version, None) is not None and not frames:
            del self._frames[conversation]
