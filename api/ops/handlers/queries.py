"""What operators look at: how the hubs do, and where a user, a conversation, a message stands.

What they are shown of people is in the audit log, with the operator's name, before they are shown it.
"""

from uuid import UUID

from api.ops.operators import OperatorCtx
from api.ops.structs import (
    ConversationPage,
    Found,
    Hub,
    HubList,
    HubTrace,
    OneMember,
    Operator,
    OtherProcess,
    ReportList,
    ReportQuery,
    RoomOnHub,
    Search,
    SocketOnHub,
    Trace,
    UserPage,
)
from api.ops.tracing import has_delivered, trace_member
from core import reports
from core.accounts import emails
from core.accounts.contacts import EMAIL, forms
from core.accounts.status.states import OF_USER, STATES
from core.base import errors
from core.limits.outage import REDIS_ERRORS
from core.market.endpoints.review import review
from core.market.endpoints.review.structs import ReviewDetails, ReviewPage, ReviewQuery
from core.market.traits import like
from core.operations import inspection
from core.platform.db import found
from core.platform.redis_pool import server_name
from marketplaces import policy_of
from realtime.operations.admin_client import Replies
from realtime.operations.admin_protocol import RoomSeen, SeeRoom, SeeUser, UserSeen
from realtime.operations.process_status import read_processes

MOST_USERS = 20
MOST_SORTED = 1000
MOST_SESSIONS = 50
MOST_CONVERSATIONS = 50
MOST_MESSAGES = 20
MOST_MEMBERS = 100


async def get_me(ctx: OperatorCtx) -> Operator:
    """Say which operator this is."""
    return Operator(ctx.operator, sorted(ctx.reviewer.queues))


async def list_hubs(ctx: OperatorCtx) -> HubList:
    """Say how each hub, api and worker does, also those that fell silent within the last minute."""
    try:
        hubs, others = await ctx.hubs.hub_statuses(), await read_processes(ctx.resources.redis)
    except REDIS_ERRORS as error:
        server = server_name(ctx.resources.settings.redis_urls[0])
        raise errors.UNAVAILABLE.error(f"Redis {server}, which knows how the hubs do, does not answer.") from error
    return HubList(
        [Hub(one.is_late, one.is_silent, one) for one in hubs],
        [OtherProcess(one.is_late, one.is_silent, one) for one in others],
    )


async def list_reports(ctx: OperatorCtx, query: ReportQuery) -> ReportList:
    """Say what users have reported, the latest first."""
    only = (query.user_id, query.status, query.subject_id)
    rows, total = await reports.page(ctx.resources, query.before, query.limit, *only)
    if rows:
        await ctx.record_look("report.look", query.user_id, reports=[str(row.id) for row in rows])
    return ReportList(rows, total)


@like(review.list_tasks)
async def list_tasks(ctx: OperatorCtx, query: ReviewQuery) -> ReviewPage:
    """List what the operator may decide: undecided tasks by priority and age, decided ones the latest first."""
    page = await review.list_tasks(ctx, query)
    if page.tasks:
        await ctx.record_look("review.look", None, tasks=[str(task.id) for task in page.tasks])
    return page


@like(review.get_task)
async def get_task(ctx: OperatorCtx, task_id: UUID) -> ReviewDetails:
    """Show a task: its pictures, its notes, and what was decided about its subject before."""
    await ctx.record_look("review.look", task_id)
    return await review.get_task(ctx, task_id)


async def search(ctx: OperatorCtx, query: Search) -> Found:
    """Find users by id, e-mail address, or words of their names and addresses, a conversation or a message by id."""
    found = await _found(ctx, query.q.replace("\0", "").strip())  # Postgres cannot store U+0000
    if found.users:  # the query may contain a name, so it is not recorded
        await ctx.record_look("user.search", None, users=[str(user.id) for user in found.users])
    return found


async def _found(ctx: OperatorCtx, text: str) -> Found:
    try:
        return await _found_by_id(ctx, UUID(text))
    except ValueError:
        pass
    markets = list(ctx.resources.settings.marketplaces)
    address, sealing = emails.canonical(text) or text.lower(), ctx.resources.sealing
    known_as = [form for market in markets for form in forms(sealing, policy_of(market), EMAIL, address)]
    users = await inspection.USERS_BY_EMAIL(ctx.db, markets, known_as) if "@" in text else []
    users = users or await inspection.USERS_BY_WORDS(ctx.db, text, MOST_USERS, MOST_SORTED)
    return Found(sealing.opened(users, "email"))


async def _found_by_id(ctx: OperatorCtx, id: UUID) -> Found:
    user = await inspection.USER(ctx.db, id)
    conversation = await inspection.CONVERSATION(ctx.db, id)
    sealing = ctx.resources.sealing
    users = sealing.opened([user] if user else [], "email")
    (conversation,) = sealing.opened([conversation], "title") if conversation else (None,)
    return Found(users, conversation, await inspection.MESSAGE(ctx.db, id))


async def get_user(ctx: OperatorCtx, user_id: UUID) -> UserPage:
    """Show a user: her sessions, where their sockets are, and her newest conversations."""
    user = found(await inspection.USER(ctx.db, user_id), errors.USER_NOT_FOUND.error())
    (user,) = ctx.resources.sealing.opened([user], "email")
    await ctx.record_look("user.look", user_id)
    answers = await ctx.hubs.ask(SeeUser(user_id))
    standing = await OF_USER(ctx.db, user_id)
    return UserPage(
        user,
        standing,
        sorted(STATES[standing.status].next) if standing else [],
        await inspection.LOGINS(ctx.db, user_id, MOST_SESSIONS),
        [
            SocketOnHub(hub, one)
            for hub, seen in answers.seen.items()
            if isinstance(seen, UserSeen)
            for one in seen.sockets
        ],
        ctx.resources.sealing.opened(
            await inspection.CONVERSATIONS_OF_USER(ctx.db, user_id, MOST_CONVERSATIONS), "title"
        ),
        answers.unheard,
        answers.heard_all,
    )


async def get_conversation(ctx: OperatorCtx, conversation_id: UUID) -> ConversationPage:
    """Show a conversation: who has read least, the newest messages without their texts, and each hub's room."""
    missing = errors.CONVERSATION_NOT_FOUND.error()
    conversation = found(await inspection.CONVERSATION(ctx.db, conversation_id), missing)
    (conversation,) = ctx.resources.sealing.opened([conversation], "title")
    await ctx.record_look("conversation.look", conversation_id)
    members = await inspection.MEMBERS(ctx.db, conversation_id, None, MOST_MEMBERS)
    ids = [member.id for member in members]
    answers = await ctx.hubs.ask(SeeRoom(conversation_id, ids, conversation.version))
    return ConversationPage(
        conversation,
        members,
        await inspection.MESSAGES_AFTER(ctx.db, conversation_id, conversation.last_seq - MOST_MESSAGES),
        [RoomOnHub(hub, room) for hub, room in _rooms(answers).items()],
        answers.unheard,
        answers.heard_all,
    )


async def trace(ctx: OperatorCtx, message_id: UUID, query: OneMember) -> Trace:
    """Follow a message: which hubs have told it, and what became of it for each member, or for one alone."""
    message = found(await inspection.MESSAGE(ctx.db, message_id), errors.MESSAGE_NOT_FOUND.error())
    await ctx.record_look("message.look", message_id)
    missing = errors.CONVERSATION_NOT_FOUND.error()
    members = await inspection.MEMBERS(ctx.db, message.conversation_id, query.user_id, MOST_MEMBERS)
    ids = [member.id for member in members]
    answers = await ctx.hubs.ask(SeeRoom(message.conversation_id, ids, message.version))
    # Read after the hubs have replied: a message delivered in between then counts as delivered, not as late.
    conversation = found(await inspection.CONVERSATION(ctx.db, message.conversation_id), missing)
    rooms = _rooms(answers)
    return Trace(
        message,
        message.changed_at,
        conversation,
        [HubTrace(hub, has_delivered(room, message), room) for hub, room in rooms.items()],
        [trace_member(member, message, rooms, heard_all=answers.heard_all) for member in members],
        answers.unheard,
        answers.heard_all,
    )


def _rooms(answers: Replies) -> dict[str, RoomSeen]:
    return {hub: seen for hub, seen in sorted(answers.seen.items()) if isinstance(seen, RoomSeen)}
