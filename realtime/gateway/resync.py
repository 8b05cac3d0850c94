"""How clients resume their rooms without gaps: slow ones that read again, and those that reconnect."""

import contextlib
import logging
from operator import attrgetter
from uuid import UUID

from core.base import errors
from core.messages.catchup import Place
from core.platform.db import Pool
from core.work.context import User
from realtime.concurrency.tasks import Tasks
from realtime.engine.session import RECONNECT
from realtime.gateway import repeats
from realtime.gateway.recovery import Known, Recalled, Recovery
from realtime.log.message_log import MessageLog, event_of
from realtime.rooms.client import Client
from realtime.rooms.room import Room
from realtime.rooms.rooms import Rooms

MOST_RECOVERED = 5000  # messages; a client that missed more loads fresh pages instead

log = logging.getLogger(__name__)


class Resync:
    """Pages the message log to clients until they have caught up with their rooms."""

    def __init__(self, db: Pool, history: MessageLog, rooms: Rooms, recovery: Recovery) -> None:
        self._db = db
        self._log = history
        self._rooms = rooms
        self._recovery = recovery
        self._tasks = Tasks()

    async def recover(self, client: Client, user: User, pid: str, offset: str | None) -> None:
        """Admit a client that reconnects: into its rooms, each from where it stopped receiving."""
        recalled = await self._recovery.recall(pid, user.id.bytes, offset)
        places = await self._places(user, recalled.rooms) if recalled else None
        unheard = await self._unheard(user, pid, recalled, places) if recalled and places else None
        if client.gone:
            return
        client.admit(user, self._recovery.new_pid() if places is None else pid)
        repeats.recovered(client, unheard)
        self._recovery.came(client, {room.key: place for room, place in places or ()})
        for room, place in places or ():
            client.rooms[room.key] = room
            room.lagging[client.session] = (place.seq, place.version)
        self.catch_up(client)

    async def _unheard(self, user: User, pid: str, recalled: Recalled, places: list[tuple[Room, Place]]) -> str | None:
        """Return the client id of a message that the client may repeat because it did not receive the ack."""
        if recalled.heard is None:
            return recalled.unheard
        versions = [(room.id, place.version) for room, place in places]
        return await repeats.unanswered(self._db, user.id, pid, versions, recalled.heard)

    async def _places(self, user: User, known: dict[bytes, Known]) -> list[tuple[Room, Place]] | None:
        """Return where to resume in each room that the user is still in; None if too many messages were missed."""
        places: list[tuple[Room, Place]] = []
        for key, (place, moment) in known.items():
            with contextlib.suppress(errors.AppError):
                room = await self._rooms.awake(UUID(bytes=key))
                if user.id.bytes in room.members and room.market == user.market:
                    stood = await self._log.stood_at(room.id, moment) if moment else place
                    places.append((room, max(place, stood, key=attrgetter("version"))))
        missed = sum(room.version - place.version for room, place in places)
        return places if missed <= MOST_RECOVERED else None

    def enter(self, client: Client, room: Room, seq: int, version: int) -> None:
        """Deliver to a client that has joined a room all that comes after `version`, unless it has left; raises NOT_A_MEMBER."""
        if client.user_key not in room.members:
            client.leave(room)
            raise errors.NOT_A_MEMBER.error()
        is_new = client.session not in room.sockets and client.session not in room.lagging
        if is_new and client.rooms.get(room.key) is room:
            room.enter(client, seq, version)
            self.catch_up(client)

    def catch_up(self, client: Client) -> None:
        """Page to a slow client what it has missed, then deliver its rooms live again."""
        if not client.catching_up and client.lagging_rooms():
            client.catching_up = True
            self._tasks.spawn(self._catch_up(client))

    async def _catch_up(self, client: Client) -> None:
        try:
            while not client.session.behind and (lagging := client.lagging_rooms()):
                await self._page(client, lagging[0])
            if not client.lagging_rooms():
                client.emit_raw(
                    self._rooms.stamps.alone(client.space.encoder)
                )  # it has received all that was paged to it
        except Exception as error:
            log.log(
                logging.WARNING if isinstance(error, errors.AppError) else logging.ERROR,
                "a client could not be caught up",
                exc_info=error,
            )
            client.session.close(RECONNECT)  # it reconnects and recovers what it has missed
        finally:
            client.catching_up = False

    async def _page(self, client: Client, room: Room) -> None:
        """Send one page of a room, or re-enter it: in the very loop turn in which nothing is missing."""
        seq, version = room.lagging[client.session]
        until = room.flushed[1]
        if client.user_key not in room.members:
            client.leave(room)
        elif version >= until:
            room.enter(client, seq, version)
        else:
            page = await self._log.changes(room.id, version, until, room.encoder)
            if client.session in room.lagging:
                client.emit_raw(b"".join(room.encoder.event(event_of(message, seq)) for message in page.messages))
                seq = max([seq, *(message.seq for message in page.messages)])
                room.lagging[client.session] = (seq, until if page.complete else page.messages[-1].version)
