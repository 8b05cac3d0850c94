"""The receiving end of the bus: applies what any process publishes to the rooms and users of this hub."""

from collections.abc import Callable

from realtime.bus.deliveries import FORGOTTEN, MEMBERS_CHANGED, TYPES, USER_CHANGED, Delivery, Kind
from realtime.rooms.delivery_trace import Source
from realtime.rooms.rooms import Rooms
from realtime.rooms.users import Users


class BusReceiver:
    """Applies what is published, by this process or over the bus. Keys are the 16 bytes of an id."""

    def __init__(
        self,
        rooms: Rooms,
        users: Users,
        end_session: Callable[[bytes], None],
        reload: Callable[[bytes], None],
        recheck_logins: Callable[[], None],
        admin_request: Callable[[Delivery], None],
        broadcast: Callable[[], None],
    ) -> None:
        self._rooms = rooms
        self._users = users
        self._end_session = end_session
        self._reload = reload
        self._recheck_logins = recheck_logins
        self._admin_request = admin_request
        self.broadcast = broadcast

    def deliver(self, delivery: Delivery) -> None:
        """Apply what another process has published."""
        match delivery.kind:
            case Kind.CHANGE:
                self.change(delivery.key, delivery.number, delivery.frame, delivery.subject, delivery.flags, "bus")
            case Kind.SIGNAL:
                self.signal(delivery.key, delivery.subject, delivery.number, delivery.frame, delivery.flags)
            case Kind.EMIT:
                self.emit(delivery.key, delivery.frame, delivery.subject, delivery.flags)
            case Kind.SESSION_ENDED:
                self.end_session(delivery.subject)
            case Kind.RESYNC:
                if delivery.flags & FORGOTTEN:
                    self.forget(delivery.key)
                self.resync(delivery.key)
            case Kind.ADMIN_REQUEST:
                self._admin_request(delivery)
            case Kind.BROADCAST:
                self.broadcast()

    def change(
        self, conversation: bytes, version: int, frame: bytes, author: bytes, flags: int, source: Source = "own"
    ) -> None:
        """Deliver a committed change of a conversation."""
        self._rooms.apply(conversation, version, frame, author, source)
        if flags & MEMBERS_CHANGED:
            self._rooms.members_changed(conversation)

    def forget(self, conversation: bytes) -> None:
        """Drop the cached frames of a conversation."""
        self._rooms.drop_recent(conversation)

    def resync(self, conversation: bytes) -> None:
        """Compare a conversation with the log; without a key, all conversations of this hub."""
        if conversation:
            self._rooms.repair(conversation)
        else:
            self.resync_all()

    def resync_all(self) -> None:
        """Compare everything with the database: events may have been lost in either direction."""
        self._rooms.repair_all()
        self._recheck_logins()
        self.broadcast()

    def signal(self, conversation: bytes, user: bytes, position: int, frame: bytes, flags: int) -> None:
        """Deliver a read position, or typing (position 0)."""
        self._rooms.signal(conversation, user, position, frame, is_typing=bool(flags & TYPES))

    def emit(self, user: bytes, frame: bytes, unless_joined: bytes, flags: int) -> None:
        """Deliver to a user's sockets."""
        self._users.emit(user, frame, unless_joined)
        if flags & USER_CHANGED:
            self._reload(user)

    def end_session(self, session: bytes) -> None:
        """Close the sockets of a login that has ended."""
        self._end_session(session)
