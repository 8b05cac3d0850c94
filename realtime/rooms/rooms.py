"""The rooms awake on this hub: wakes them, flushes them once a loop turn, fills their gaps, lets idle ones sleep."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import time
from uuid import UUID

from core.base import errors
from core.chat.rooms import MEMBERSHIPS, ROOM_MEMBERS, ROOM_STATES, RoomState
from core.platform.db import Pool
from realtime.bus.bus import Bus
from realtime.bus.deliveries import NOBODY, conversation_channel
from realtime.concurrency.batch import Batch
from realtime.concurrency.periodic import Periodic
from realtime.dialect.encoders import Encoders
from realtime.engine.outbox import Outbox
from realtime.log.message_log import MessageLog, event_of
from realtime.rooms.delivery_trace import DeliveryTrace, Source
from realtime.rooms.room import Room
from realtime.rooms.stamps import Stamps, forget_old
from realtime.rooms.typing import Typists

GAP_SECONDS = 0.05  # most gaps fill by themselves: the change is on the bus, or in a batch of our own
SIGNAL_SECONDS = 0.05
IDLE_SECONDS = 60.0
SWEEP_SECONDS = 2.0
# Rooms compared with the log in each sweep, to find what was committed but never published: its process crashed, or cannot reach
# the bus. One statement for each sweep while that covers all rooms in 20 s, else as many as needed.
COMPARED = 500
SWEEPS_AROUND = 10


class Rooms:
    """The rooms of one hub."""

    def __init__(self, db: Pool, log: MessageLog, bus: Bus, outbox: Outbox, encoders: Encoders) -> None:
        self._db = db
        self._encoders = encoders
        self._log = log
        self._bus = bus
        self._outbox = outbox
        self.stamps = Stamps(bus)
        self._typists = Typists(outbox)
        self.trace = DeliveryTrace()
        self._rooms: dict[bytes, Room] = {}
        self._waking = Batch(self._wake)
        self._repairs = Batch(self._repair)
        self._reloading = Batch(self._reload)
        self._admitting = Batch(self._admit)
        self._dirty: list[Room] = []
        self._with_gaps: set[Room] = set()
        self._signalling: list[Room] = []
        self.deliveries = 0
        self.gaps = 0
        self._uncompared: list[bytes] = []
        self._outdated: set[bytes] = set()  # rooms whose list of members may be stale
        self._sweeper = Periodic(self._sweep, SWEEP_SECONDS)

    def start(self) -> None:
        """Start sweeping."""
        self._sweeper.start()

    async def stop(self) -> None:
        """Stop sweeping."""
        await self._sweeper.stop()

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, key: bytes) -> Room | None:
        """Return a room if it is awake or waking."""
        return self._rooms.get(key)

    def room(self, id: UUID) -> Room:
        """Return the room of a conversation, waking it if needed; it may not exist, so post commands to it."""
        key = id.bytes
        room = self._rooms.get(key)
        if room is None:
            room = Room(id)
            self._waking.add(room, lambda answer: self._woken(room, answer))
            self._rooms[key] = room
        room.wanted = True  # keeps it awake until the one who asked has entered
        return room

    async def awake(self, id: UUID) -> Room:
        """Return the room of a conversation when it is awake; raises CONVERSATION_NOT_FOUND, UNAVAILABLE."""
        woken: asyncio.Future[Room] = asyncio.get_running_loop().create_future()
        self.room(id).post(woken.set_result, woken.set_exception)
        return await woken

    def apply(self, key: bytes, version: int, frame: bytes, author: bytes, source: Source) -> None:
        """Apply a committed change of a conversation, if its room is here."""
        room = self._rooms.get(key)
        if room is None:
            return
        if author != NOBODY:
            self._log.recent.add(key, version, frame)
        if version > room.version:
            self.trace.arrivals.append((room.key, version - 1, version, time(), source))
        if author in room.typing:
            self._typists.end(room, author)
        if room.apply(version, frame, author):
            self._notice_gap(room)
        self._gathered(room)

    def drop_recent(self, key: bytes) -> None:
        """Drop the cached messages of a conversation; the log has them with current names."""
        self._log.recent.drop(key)

    def signal(self, key: bytes, user_key: bytes, position: int, frame: bytes, *, is_typing: bool = False) -> None:
        """Apply a read position, or typing (position 0); of each kind and user, the latest within 50 ms is sent."""
        room = self._rooms.get(key)
        if room is None:
            return
        if position and user_key in room.members:
            room.members[user_key] = max(position, room.members[user_key])
        if not room.small:
            return
        if is_typing:
            self._typists.types(room, user_key)
        elif not position:
            self._typists.stops(room, user_key)
        if not room.signals:
            if not self._signalling:
                asyncio.get_running_loop().call_later(SIGNAL_SECONDS, self._flush_signals)
            self._signalling.append(room)
        room.signals[user_key, position > 0] = frame

    def members_changed(self, key: bytes) -> None:
        """Reload the members of a conversation; sockets of former members leave the room."""
        room = self._rooms.get(key)
        if room and room.awake:
            self._reloading.add(room, partial(self._reloaded, room))
        elif room:
            self._outdated.add(key)  # its members may have been loaded already: again when it is awake

    def admit(self, room: Room, user_id: UUID, done: Callable[[bool | errors.AppError], None]) -> None:
        """Check in the database whether a user is a member whom the room does not know: it may hear of a new one late."""
        self._admitting.add((room, user_id), done)

    async def _admit(self, asked: list[tuple[Room, UUID]]) -> Sequence[bool]:
        rows = await MEMBERSHIPS(self._db, [room.id for room, _ in asked], [user_id for _, user_id in asked])
        members = {(row.conversation_id, row.user_id) for row in rows}
        await self._load_members({room for room, user_id in asked if (room.id, user_id) in members})
        return [user_id.bytes in room.members for room, user_id in asked]

    def _reloaded(self, room: Room, answer: errors.AppError | None) -> None:
        if answer is None:
            self._outdated.discard(room.key)
        else:
            self._outdated.add(room.key)  # retried by the next sweep

    def repair(self, key: bytes) -> None:
        """Compare a room with the log: events may have been lost."""
        room = self._rooms.get(key)
        if room and room.awake:
            self._repairs.add(room, lambda _answer: None)

    def repair_all(self) -> None:
        """Compare every room with the log."""
        for key in list(self._rooms):
            self.repair(key)

    # waking

    async def _wake(self, rooms: list[Room]) -> Sequence[RoomState | errors.AppError]:
        # Subscribe first, then load: what is committed in between comes over the bus and is held.
        await self._bus.subscribe([conversation_channel(room.key) for room in rooms])
        ids = [room.id for room in rooms]
        states = {state.id: state for state in await ROOM_STATES(self._db, ids)}
        await self._load_members(rooms)
        missing = errors.CONVERSATION_NOT_FOUND.error()
        return [states.get(room.id, missing) for room in rooms]

    def _woken(self, room: Room, answer: RoomState | errors.AppError) -> None:
        if isinstance(answer, errors.AppError):
            self._forget(room)
            room.refuse(answer)
        else:
            room.update(answer)
            room.wake(answer.market, self._encoders.of(answer.market), answer.last_seq, answer.version)
            self._gathered(room)
            if room.key in self._outdated:
                self.members_changed(room.key)

    async def _load_members(self, rooms: Iterable[Room]) -> None:
        members: dict[UUID, dict[bytes, int]] = {room.id: {} for room in rooms}
        ids: dict[bytes, UUID] = {}
        for row in await ROOM_MEMBERS(self._db, list(members)):
            key = row.user_id.bytes
            ids[key] = row.user_id
            members[row.conversation_id][key] = row.last_read_seq
        for room in rooms:
            room.members = members[room.id]
            room.ids = {key: ids[key] for key in room.members} if room.small else {}

    async def _reload(self, rooms: list[Room]) -> Sequence[None]:
        await self._load_members(rooms)
        states = {state.id: state for state in await ROOM_STATES(self._db, [room.id for room in rooms])}
        for room in rooms:
            if state := states.get(room.id):
                room.update(state)
            self._typists.recheck(room)
            for client in [client for client in room.sockets.values() if client.user_key not in room.members]:
                client.leave(room)
        return [None] * len(rooms)

    def _forget(self, room: Room) -> None:
        self._bus.unsubscribe(conversation_channel(room.key))
        self._rooms.pop(room.key, None)
        self._outdated.discard(room.key)
        self.drop_recent(room.key)  # this hub no longer hears of its erasures

    # delivering

    def _gathered(self, room: Room) -> None:
        if room.frames and not room.dirty:
            room.dirty = True
            if not self._dirty:
                self._outbox.before_flush(self._flush)
            self._dirty.append(room)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        written = time()
        for room in dirty:
            room.dirty = False
            self.deliveries += len(room.frames) * len(room.sockets)
            self.trace.writings.append((room.key, room.flushed[1], room.version, written, len(room.sockets)))
            room.frames.append(self.stamps.frame(room, written))
            self._outbox.broadcast(room.sockets, room.gathered())

    def _flush_signals(self) -> None:
        self._flush()  # typing after a message must not overtake it
        signalling, self._signalling = self._signalling, []
        for room in signalling:
            signals, room.signals = room.signals, {}
            for (user_key, is_position), frame in signals.items():
                # Typing is not sent to the user who types; read positions are, for other devices.
                self._outbox.broadcast(room.sockets if is_position else room.others(user_key), frame)

    # resyncing with the log

    def _notice_gap(self, room: Room) -> None:
        if not self._with_gaps:
            asyncio.get_running_loop().call_later(GAP_SECONDS, self._fill_gaps)
        self._with_gaps.add(room)

    def _fill_gaps(self) -> None:
        with_gaps, self._with_gaps = self._with_gaps, set()
        for room in with_gaps:
            if room.held:
                self.gaps += 1
                self._repairs.add(room, lambda _answer: None)

    async def _repair(self, rooms: list[Room]) -> Sequence[None]:
        by_id = {room.id: room for room in rooms}
        for state in await ROOM_STATES(self._db, list(by_id)):
            by_id[state.id].update(state)
            self._typists.recheck(by_id[state.id])
            if state.version > by_id[state.id].version:
                await self._read_log(by_id[state.id], state)
        return [None] * len(rooms)

    async def _read_log(self, room: Room, state: RoomState) -> None:
        complete = False
        while not complete and room.version < state.version:
            since = room.version
            page = await self._log.changes(room.id, since, state.version, room.encoder)
            complete = page.complete
            missed = [message for message in page.messages if message.version > room.version]
            for key in {message.sender.id.bytes for message in missed if message.seq > room.seq} & room.typing:
                self._typists.end(room, key)
            frames = [room.encoder.event(event_of(message, room.seq)) for message in missed]
            seq = max([room.seq, *(message.seq for message in missed)])
            if complete:
                self._jump(room, max(seq, state.last_seq), state.version, frames)
            else:
                self._jump(room, seq, page.messages[-1].version, frames)
            if any(message.kind == "system" for message in missed):
                self.members_changed(room.key)

    def _jump(self, room: Room, seq: int, version: int, frames: list[bytes]) -> None:
        if version > room.version:
            self.trace.arrivals.append((room.key, room.version, version, time(), "log"))
        room.jump(seq, version, frames)
        self._gathered(room)

    async def _sweep(self) -> None:
        for key in list(self._rooms):
            if not self._bus.hears(conversation_channel(key)):
                self.repair(key)
        self._compare_some()
        for key in list(self._outdated):
            self.members_changed(key)
        now, moment = asyncio.get_running_loop().time(), time()
        for room in list(self._rooms.values()):
            forget_old(room, moment)
            if room.wanted or room.sockets or room.lagging or not room.awake:
                room.wanted = False
                room.idle_since = now
            elif now - room.idle_since > IDLE_SECONDS:
                self._forget(room)

    def _compare_some(self) -> None:
        """Compare the next few rooms with the log."""
        if not self._uncompared:
            self._uncompared = list(self._rooms)
        some = max(COMPARED, len(self._rooms) // SWEEPS_AROUND)
        for key in self._uncompared[-some:]:
            self.repair(key)
        del self._uncompared[-some:]
