"""Groups and their members. Users whom the caller knows are added, others are invited."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core.base import clock, errors
from core.base.events import ConversationCreated
from core.base.people import Person
from core.chat import blocks, conversations, invitations, notes
from core.chat.conversations import Conversation
from core.chat.membership import ADD_MEMBERS, LOCK, PASS_OWNERSHIP, REMOVE_MEMBER, Standing, require_member
from core.platform.db import Db, Many, Run, Scalar
from core.work.context import Ctx
from core.work.unit_of_work import UnitOfWork, unit_of_work


class Joining(msgspec.Struct, frozen=True):
    """Who of the users of a call is in the group now, and who has been asked.

    In neither: those who were in it already, and those who were asked before and must not be asked again so soon.
    """

    added: list[UUID]
    invited: list[UUID]


class GroupId(msgspec.Struct, frozen=True):
    id: UUID


class Known(msgspec.Struct, frozen=True):
    user_id: UUID


CREATE = Run("insert into conversations (id, market, kind, title, created_by) values ($1, $2, 'group', $3, $4)")
TITLE = Scalar(str, "select title from conversations where id = $1")
COUNT_IN_MARKET = Scalar(
    int, "select count(*) from users where id = any ($1::uuid[]) and market = $2 and deleted_at is null"
)
# Those of users $2 who have taken part in a conversation with user $1, or are in conversation $3 already. A message from $1,
# or being added to the same group by somebody, does not count.
KNOWN = Many(
    Known,
    """
    select u.id as user_id from unnest($2::uuid[]) as u (id)
    where exists (
        select from members theirs
        join members mine on mine.conversation_id = theirs.conversation_id and mine.user_id = $1 and mine.left_at is null
        where theirs.user_id = u.id and theirs.left_at is null and theirs.took_part
    ) or exists (
        select from members m where m.conversation_id = $3 and m.user_id = u.id and m.left_at is null
    )""",
)


# Those of users $2 who have refused: they left group $1 by choice, or since $3 declined an invitation to it; or since $3
# left another group created by user $4, or declined an invitation of $4's.
REFUSED = Many(
    Known,
    """
    with leavers as materialized ( -- few: the conversations of $4 may be many
        select conversation_id, user_id, left_at from members
        where user_id = any ($2::uuid[]) and left_by_choice and left_at is not null
    )
    select user_id from leavers l
    where l.conversation_id = $1 or l.left_at >= $3 and exists (
        select from conversations c where c.id = l.conversation_id and c.created_by = $4
    )
    union
    select user_id from invitations
    where user_id = any ($2::uuid[]) and answer = 'declined' and answered_at >= $3
        and (conversation_id = $1 or invited_by = $4)""",
)

# Groups and tickets that a user is in: which are left, some ($2) at a time, when the account is erased.
GROUPS_OF = Many(
    GroupId,
    """
    select c.id from members m join conversations c on c.id = m.conversation_id and c.kind <> 'pair'
    where m.user_id = $1 and m.left_at is null limit $2""",
)


async def create(ctx: Ctx, title: str, user_ids: Sequence[UUID]) -> tuple[Conversation, Joining]:
    """Create a group of the caller, who owns it, and these users; raises USER_NOT_FOUND, RATE_LIMITED."""
    await _require_people(ctx, user_ids)
    id = ctx.new_id()
    async with unit_of_work(ctx) as work:
        await invitations.lock_caller(ctx, work)
        await CREATE(work.db, id, ctx.policy.name, title, ctx.user.id)
        await ADD_MEMBERS(work.db, id, [ctx.user.id], "owner", ctx.policy.name, ctx.user.id)
        people, invited = await admit(ctx, work, id, user_ids)
        added = [person.id for person in people]
        work.emit([ctx.user.id, *added], ConversationCreated(id))
    return await conversations.get(ctx, id), Joining(added, invited)


async def add(ctx: Ctx, id: UUID, user_ids: Sequence[UUID]) -> tuple[Conversation, Joining]:
    """Add users to a group; existing members stay. Any member may.

    Raises USER_NOT_FOUND, FORBIDDEN, GROUP_FULL, RATE_LIMITED.
    """
    await _require_group(ctx, ctx.db, id)
    await _require_people(ctx, user_ids)
    async with unit_of_work(ctx) as work:
        await _locked_group(ctx, work, id)
        people, invited = await admit(ctx, work, id, user_ids)
        await let_in(ctx, work, id, people)
    return await conversations.get(ctx, id), Joining([person.id for person in people], invited)


async def remove(ctx: Ctx, id: UUID, user_id: UUID) -> None:
    """Remove a user from a group, or withdraw an invitation: the caller and their own invitations, or any as the owner.

    Users may leave the conversation of a subject, but nobody can be removed from it. Raises FORBIDDEN, USER_NOT_FOUND.
    """
    async with unit_of_work(ctx) as work:
        is_owner = (await _locked_group(ctx, work, id, leaves=user_id == ctx.user.id)).role == "owner"
        if await invitations.withdraw(work, id, user_id, None if is_owner else ctx.user.id):
            return
        if user_id != ctx.user.id and not is_owner:
            raise errors.FORBIDDEN.error("Only the owner removes others")
        if not await let_out(ctx, work, id, user_id):
            raise errors.USER_NOT_FOUND.error()


async def welcome(ctx: Ctx, db: Db, user_ids: Sequence[UUID], id: UUID | None = None) -> set[UUID]:
    """Return the users whom the caller may add to a group (group `id` if given) without an invitation.

    These are the users whom the caller knows, except those who have recently refused this group or another one of the caller's.
    """
    others = set(user_ids) - {ctx.user.id}
    known = {row.user_id for row in await KNOWN(db, ctx.user.id, list(others), id)}
    if unknown := others - known:
        known |= unknown & await ctx.policy.acquainted(db, ctx.user.id, list(unknown))
    since = clock.now() - invitations.PAUSE_AFTER_DECLINE
    return known - {row.user_id for row in await REFUSED(db, id, list(known), since, ctx.user.id)}


async def admit(
    ctx: Ctx, work: UnitOfWork, id: UUID, user_ids: Sequence[UUID], *, counted: bool = True
) -> tuple[list[Person], list[UUID]]:
    """Add the users returned by `welcome` to a group, invite the others; `counted` as in invitations.invite.

    Users who have a block with the caller are left out.
    """
    user_ids = await blocks.reachable(work.db, ctx.user.id, user_ids)
    added = await welcome(ctx, work.db, user_ids, id)
    people = await ADD_MEMBERS(work.db, id, list(added), "member", ctx.policy.name, ctx.user.id)
    if not (others := sorted(set(user_ids) - {ctx.user.id} - added)):
        return people, []
    title = await TITLE(work.db, id) or ""
    return people, await invitations.invite(ctx, work, id, title, others, counted=counted)


async def let_in(ctx: Ctx, work: UnitOfWork, id: UUID, people: Sequence[Person]) -> None:
    """Publish new members to a locked group; raises GROUP_FULL."""
    if people:
        await invitations.require_space(work, id)
        await invitations.added(work, id, [person.id for person in people])
        await notes.say_joined(ctx, work, id, people)


async def let_out(ctx: Ctx, work: UnitOfWork, id: UUID, user_id: UUID) -> bool:
    """Remove a member from a locked group, with their invitations; return whether they were in it."""
    gone = await REMOVE_MEMBER(work.db, id, user_id, user_id == ctx.user.id)
    if gone:
        await PASS_OWNERSHIP(work.db, id)
        await invitations.withdraw_all(work, id, user_id)
        await notes.say_left(ctx, work, id, gone)
    return gone is not None


async def leave_some(ctx: Ctx, user_id: UUID, most: int) -> int:
    """Take a user whose account is erased out of groups, each in a unit of its own; return how many these were."""
    groups = await GROUPS_OF(ctx.db, user_id, most)
    for group in groups:
        async with unit_of_work(ctx) as work:
            await LOCK(work.db, group.id)
            if gone := await REMOVE_MEMBER(work.db, group.id, user_id, True):
                await PASS_OWNERSHIP(work.db, group.id)
                await notes.log(work, group.id, gone, "{actor} left")
    return len(groups)


async def _locked_group(ctx: Ctx, work: UnitOfWork, id: UUID, *, leaves: bool = False) -> Standing:
    """Lock a group of the caller until the commit; `leaves`: the caller is leaving it."""
    await invitations.lock_caller(ctx, work)
    await LOCK(work.db, id)
    return await _require_group(ctx, work.db, id, leaves=leaves)


async def _require_group(ctx: Ctx, db: Db, id: UUID, *, leaves: bool = False) -> Standing:
    standing = await require_member(ctx, id, db)
    if standing.kind != "group":
        raise errors.FORBIDDEN.error("The members of a conversation of two are fixed")
    if standing.subject_type and not leaves:
        raise errors.FORBIDDEN.error(f"The members of this conversation are those of its {standing.subject_type}")
    return standing


async def _require_people(ctx: Ctx, user_ids: Sequence[UUID]) -> None:
    others = set(user_ids) - {ctx.user.id}
    if await COUNT_IN_MARKET(ctx.db, list(others), ctx.policy.name) != len(others):
        raise errors.USER_NOT_FOUND.error()
