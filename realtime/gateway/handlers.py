"""What each event of a client does. Messages become commands to a room; what needs the database more runs in a task."""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from uuid import UUID

import msgspec

from core.base import errors
from core.base.events import ConversationRead
from core.base.ids import uuid7
from core.base.publisher import Stored
from core.chat import groups
from core.chat.conversation_updates import publish_to_readers
from core.chat.unread import GONE
from core.market.market import Marketplace, SocketEvent
from core.messages import editing, reactions, sync
from core.messages.reading import MARK_READ, ReadMark, position
from core.messages.sending import checked_content, draft_of, sealer
from core.messages.sync import ReadPosition
from core.platform.db import UNAVAILABLE_ERRORS
from core.platform.observability import logs
from core.platform.observability.logs import Origin
from core.work.context import Ctx, Resources
from core.work.policy import Policy
from realtime import wire
from realtime.concurrency.batch import Batch
from realtime.concurrency.tasks import Tasks
from realtime.gateway import repeats
from realtime.gateway.recovery import Recovery
from realtime.gateway.resync import Resync
from realtime.gateway.spaces import Entries
from realtime.gateway.typing import Typing
from realtime.log.message_log import Changes, MessageLog
from realtime.publishing.publisher import Publisher
from realtime.rooms.client import Client, Reply
from realtime.rooms.presence import Presence
from realtime.rooms.room import Room
from realtime.rooms.rooms import Rooms

log = logging.getLogger(__name__)

READERS_SECONDS = 0.1  # when many read at once, their other devices are notified together


class Handlers:
    """One method for each event: it replies, now or later, or raises the error to reply with."""

    def __init__(
        self,
        resources: Resources,
        history: MessageLog,
        rooms: Rooms,
        presence: Presence,
        publisher: Publisher,
        recovery: Recovery,
        resync: Resync,
        policies: Mapping[str, Policy],
    ) -> None:
        self._resources = resources
        self._log = history
        self._rooms = rooms
        self._presence = presence
        self._publisher = publisher
        self._recovery = recovery
        self._resync = resync
        self._policies = policies  # by market
        self._sealers = {name: sealer(resources, policy) for name, policy in policies.items()}
        self.typing = Typing()
        self._reads = Batch(self._mark_read)
        self._notified_readers = Batch(self._notify_readers, gather=READERS_SECONDS)
        self._tasks = Tasks()

    def events(self, market: Marketplace) -> Entries:
        """Return what handles each event of a marketplace's clients: core's, and its own."""
        of_core: dict[type[wire.ClientEvent], Callable[..., None]] = {
            wire.JoinUser: self.join_user,
            wire.JoinConversation: self.join,
            wire.LeaveConversation: self.leave,
            wire.SendMessage: self.send,
            wire.EditMessage: self.edit,
            wire.DeleteMessage: self.delete,
            wire.ReactToMessage: self.react,
            wire.Typing: self.type,
            wire.MarkRead: self.read,
            wire.CreateConversation: self.create,
            wire.AddMembers: self.add,
            wire.RemoveMember: self.remove,
            wire.Sync: self.sync,
        }
        return of_core | {one.event: partial(self._own, one) for one in market.events}

    def _own(self, one: SocketEvent, client: Client, event: wire.ClientEvent, reply: Reply) -> None:
        self._run(one.handler(self._ctx(client), event), reply)

    def send(self, client: Client, event: wire.SendMessage, reply: Reply) -> None:
        """Check a message and append it to the journal; once committed it is acked and delivered."""
        content = checked_content(event.content)
        self._in_room(client, event.conversation_id, reply, partial(self._send, client, event, content, reply))

    def _send(self, client: Client, event: wire.SendMessage, content: str, reply: Reply, room: Room) -> None:
        draft = draft_of(
            self._resources.ids.of(client.user.market),
            client.user.person,
            event.conversation_id,
            content,
            lambda user_id: user_id.bytes in room.members,
            reply_to=event.reply_to,
            mentions=event.mentions,
            client_id=lambda: event.client_id or (repeats.client_id_of(client, event) if reply.acks else None),
            seal=self._sealers[client.user.market],
        )
        client.space.publisher.post(draft, partial(self._sent, client, draft.client_id, reply))
        client.unstored += 1
        client.typing.pop(room.id, None)

    def _sent(self, client: Client, client_id: str | None, reply: Reply, answer: Stored | errors.AppError) -> None:
        repeats.answered(client, client_id, answer)
        reply.either(answer)
        self.typing.stored(client)

    def join(self, client: Client, event: wire.JoinConversation, reply: Reply) -> None:
        """Subscribe a member's socket to a conversation, and answer with the conversation's state."""
        self._in_room(client, event.conversation_id, reply, partial(self._join, client, event, reply))

    def _join(self, client: Client, event: wire.JoinConversation, reply: Reply, room: Room) -> None:
        # The answer goes up to here; later changes are delivered live, but not before the answer. Otherwise a client that loses
        # its connection in between would resume past this answer and silently lose its messages.
        place = room.flushed
        if room.key not in client.rooms:
            self._recovery.joined(client, room.key, *place)
        client.rooms[room.key] = room
        self._run(self._joined(client, event, room, place), reply)

    async def _joined(
        self, client: Client, event: wire.JoinConversation, room: Room, place: tuple[int, int]
    ) -> wire.Joined:
        (seq, version), read = place, room.members.get(client.user_key, 0)
        ids = room.ids
        positions = [ReadPosition(id, room.members.get(key, 0)) for key, id in ids.items()]
        online = await self._presence.online(client.user_key, frozenset(ids)) if ids else set[bytes]()
        gone = await GONE(self._resources.db, room.id, client.user.id, read, seq) or 0 if seq > read else 0
        if event.since is not None:
            page = await self._log.changes(room.id, event.since, version, room.encoder)
        else:
            page = Changes(await self._log.newest(room.id, seq, event.limit), complete=True)
        self._resync.enter(client, room, seq, version)
        return wire.Joined(
            conversation_id=room.id,
            last_seq=seq,
            version=version,
            last_read_seq=read,
            unread_count=max(seq - read - gone, 0),
            positions=positions,
            online=[ids[key] for key in online],
            messages=page.messages if page.complete else [],
            complete=page.complete,
            closed_at=room.closed_at,
        )

    def join_user(self, client: Client, event: wire.JoinUser, reply: Reply) -> None:
        """Confirm that the socket is in its own user's room, as every socket is."""
        if event.user_id != client.user.id:
            raise errors.FORBIDDEN.error("Only one's own room can be joined")
        reply.done(wire.UserJoined(event.user_id))

    def leave(self, client: Client, event: wire.LeaveConversation, reply: Reply) -> None:
        """Unsubscribe a socket from a conversation."""
        if room := client.rooms.get(event.conversation_id.bytes):
            client.leave(room)
            self._recovery.left(client.pid, room.key)
        self.typing.stop(client, event.conversation_id)
        reply.done(wire.Done())

    def type(self, client: Client, event: wire.Typing, reply: Reply) -> None:
        """Publish that a user types, or no longer."""

        def signal(room: Room) -> None:
            room.require_open()
            self.typing.said(client, room.id, is_typing=event.is_typing)
            reply.done(wire.Done())

        self._in_room(client, event.conversation_id, reply, signal)

    def read(self, client: Client, event: wire.MarkRead, reply: Reply) -> None:
        """Move a read position, in one statement with all others of this turn."""
        self._reads.add((event.conversation_id, client.user.id, event.message_id), partial(self._marked, reply))

    async def _mark_read(self, marks: list[tuple[UUID, UUID, UUID]]) -> Sequence[ReadMark | errors.AppError]:
        return await MARK_READ(self._resources.db, *map(list, zip(*marks, strict=True)))

    async def _notify_readers(self, readers: list[tuple[UUID, UUID]]) -> Sequence[None]:
        ids, users = zip(*dict.fromkeys(readers), strict=True)
        await publish_to_readers(self._resources, self._publisher, ids, users)
        return [None] * len(readers)

    def _marked(self, reply: Reply, mark: ReadMark | errors.AppError) -> None:
        try:
            if isinstance(mark, errors.AppError):
                raise mark
            seq = position(mark)
        except errors.AppError as error:
            return reply.refuse(error)
        if mark.moved:
            event = ConversationRead(mark.conversation_id, mark.user_id, mark.message_id, seq)
            reply.space.publisher.signal(mark.conversation_id, event)
            if not self._notified_readers.full:  # the next event updates the list
                self._notified_readers.add((mark.conversation_id, mark.user_id), lambda _answer: None)
        return reply.done(wire.Read(seq))

    def edit(self, client: Client, event: wire.EditMessage, reply: Reply) -> None:
        """Change the text of a message."""
        self._run(self._edit(self._ctx(client), event), reply)

    async def _edit(self, ctx: Ctx, event: wire.EditMessage) -> wire.Edited:
        edit = editing.edit(ctx, event.conversation_id, event.message_id, event.content, event.mentions)
        return wire.Edited(await edit)

    def delete(self, client: Client, event: wire.DeleteMessage, reply: Reply) -> None:
        """Delete a message."""
        self._run(editing.delete(self._ctx(client), event.conversation_id, event.message_id), reply)

    def react(self, client: Client, event: wire.ReactToMessage, reply: Reply) -> None:
        """Add or remove a reaction."""
        self._run(self._react(self._ctx(client), event), reply)

    async def _react(self, ctx: Ctx, event: wire.ReactToMessage) -> wire.Reacted:
        change = await reactions.react(ctx, event.conversation_id, event.message_id, event.emoji, added=event.added)
        return wire.Reacted(change.reactions, change.version)

    def create(self, client: Client, event: wire.CreateConversation, reply: Reply) -> None:
        """Create a group."""
        self._run(self._create(self._ctx(client), event), reply)

    async def _create(self, ctx: Ctx, event: wire.CreateConversation) -> wire.Created:
        conversation, joining = await groups.create(ctx, event.title, event.participant_ids)
        return wire.Created(conversation.id, joining.added, joining.invited)

    def add(self, client: Client, event: wire.AddMembers, reply: Reply) -> None:
        """Add members to a group."""
        self._run(self._add(self._ctx(client), event), reply)

    async def _add(self, ctx: Ctx, event: wire.AddMembers) -> wire.Added:
        _, joining = await groups.add(ctx, event.conversation_id, event.user_ids)
        return wire.Added(joining.added, joining.invited)

    def remove(self, client: Client, event: wire.RemoveMember, reply: Reply) -> None:
        """Remove a member from a group."""
        self._run(_then_done(groups.remove(self._ctx(client), event.conversation_id, event.user_id)), reply)

    def sync(self, client: Client, event: wire.Sync, reply: Reply) -> None:
        """Answer with what a client has missed in all conversations."""
        self._run(sync.changes(self._ctx(client), event.cursor), reply)

    def _in_room(self, client: Client, id: UUID, reply: Reply, command: Callable[[Room], None]) -> None:
        """Run a command in the room of a conversation that the client is a member of, when it is awake."""

        def run(room: Room, is_member: bool | errors.AppError) -> None:
            try:
                if isinstance(is_member, errors.AppError):
                    raise is_member
                if not is_member:
                    raise errors.NOT_A_MEMBER.error()
                if not client.gone:
                    command(room)
            except errors.AppError as error:
                reply.refuse(error)

        def enter(room: Room) -> None:
            try:
                if room.market != client.user.market:
                    raise errors.CONVERSATION_NOT_FOUND.error()
                if client.user_key in room.members:
                    run(room, is_member=True)
                else:
                    self._rooms.admit(room, client.user.id, partial(run, room))
            except errors.AppError as error:
                reply.refuse(error)

        self._rooms.room(id).post(enter, reply.refuse)

    def _run(self, work: Coroutine[None, None, msgspec.Struct], reply: Reply) -> None:
        """Run what needs the database in a task, off the hot path, and reply with its result."""
        self._tasks.spawn(self._finish(work, reply))
        logs.enter(logs.NOBODY)  # the task has copied what _ctx entered

    async def _finish(self, work: Awaitable[msgspec.Struct], reply: Reply) -> None:
        try:
            reply.done(await work)
        except errors.AppError as error:
            reply.refuse(error)
        except UNAVAILABLE_ERRORS:
            reply.refuse(errors.UNAVAILABLE.error())
        except Exception:
            log.exception("an event failed")
            reply.refuse(errors.INTERNAL_ERROR.error())

    def _ctx(self, client: Client) -> Ctx:
        request_id = str(uuid7())
        logs.enter(Origin(request_id, client.user.market, str(client.user.id)))
        return Ctx(
            resources=self._resources,
            publisher=client.space.publisher,
            policy=self._policies[client.user.market],
            request_id=request_id,
            remote=client.session.remote,
            user_agent=client.session.user_agent,
            caller=client.user,
        )


async def _then_done(work: Awaitable[object]) -> wire.Done:
    await work
    return wire.Done()
