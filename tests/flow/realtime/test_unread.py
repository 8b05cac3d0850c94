"""What counts as unread, wherever it is told: in the list, in one conversation, after a join and by sync."""

from uuid import UUID

from core.base.paging import CursorQuery
from core.base.publisher import Draft
from core.chat import conversations, groups
from core.messages import editing, reading, sync
from core.work.context import User
from tests.flow.conftest import Chatter, Environment, acquainted, over_markets

pytestmark = over_markets


async def say(env: Environment, who: User, room: UUID, *texts: str) -> list[UUID]:
    new = env.resources.ids.of
    return [(await env.publisher.append(Draft(new(env.market), room, who.person, text))).id for text in texts]


async def unread(env: Environment, who: Chatter, room: UUID) -> int:
    """Return what all that tell it agree on."""
    ctx = env.ctx(who.user)
    told: set[int] = {(await conversations.get(ctx, room)).unread_count, (await who.join(room))["unreadCount"]}
    told |= {one.unread_count for one in (await conversations.list_of_user(ctx, CursorQuery()))[0] if one.id == room}
    made_at = (await conversations.get(ctx, room)).created_at
    epoch = sync.encode(sync.Cursor(made_at, made_at))
    told |= {one.unread_count for one in (await sync.changes(ctx, epoch)).conversations if one.conversation_id == room}
    (count,) = told
    return count


async def test_a_deleted_message_is_not_unread(env: Environment, hub: str) -> None:
    ann, bob = await env.chatter("Ann", hub), await (await env.chatter("Bob", hub)).connect()
    room = await env.group(ann.user, bob.user)
    ids = await say(env, ann.user, room, "one", "two", "three")
    assert await unread(env, bob, room) == 3
    for left, id in ((2, ids[1]), (1, ids[2])):
        await editing.delete(env.ctx(ann.user), room, id)
        assert await unread(env, bob, room) == left
    await reading.mark_read(env.ctx(bob.user), room, ids[0])
    assert await unread(env, bob, room) == 0


async def test_a_new_member_starts_with_nothing_unread_and_has_what_comes_then(env: Environment, hub: str) -> None:
    ann, bob, eve = [await (await env.chatter(name, hub)).connect() for name in ("Ann", "Bob", "Eve")]
    room = await env.group(ann.user, bob.user)
    await say(env, ann.user, room, *map(str, range(30)))
    await groups.add(acquainted(env.ctx(ann.user)), room, [eve.user.id])
    assert await unread(env, eve, room) == 0
    await say(env, ann.user, room, "welcome")
    assert await unread(env, eve, room) == 1


async def test_who_comes_back_starts_with_nothing_unread(env: Environment, hub: str) -> None:
    ann, bob = [await (await env.chatter(name, hub)).connect() for name in ("Ann", "Bob")]
    room = await env.group(ann.user, bob.user)
    await groups.remove(env.ctx(ann.user), room, bob.user.id)
    await say(env, ann.user, room, "behind his back")
    await groups.add(acquainted(env.ctx(ann.user)), room, [bob.user.id])
    assert await unread(env, bob, room) == 0


async def test_who_adds_or_removes_somebody_has_nothing_unread_from_it_and_the_others_have(
    env: Environment, hub: str
) -> None:
    ann, bob, eve = [await (await env.chatter(name, hub)).connect() for name in ("Ann", "Bob", "Eve")]
    room = await env.group(ann.user, bob.user)
    await groups.add(acquainted(env.ctx(ann.user)), room, [eve.user.id])
    assert (await unread(env, ann, room), await unread(env, bob, room)) == (0, 1)
    await say(env, bob.user, room, "hello")
    await groups.remove(env.ctx(ann.user), room, eve.user.id)
    assert await unread(env, ann, room) == 1, "what Bob said, and not her own note behind it"
