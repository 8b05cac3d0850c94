"""Invitations: strangers are not added to groups but invited, and become members when they accept."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from core.accounts.sessions import LOCK_USER
from core.base import clock, errors
from core.base.events import InvitationAnswered, InvitationReceived
from core.base.people import Person
from core.chat import conversations, membership, notes
from core.chat.conversations import Conversation
from core.chat.invitation_lists import OPEN_AMONG, view
from core.chat.membership import ADD_MEMBERS, LOCK
from core.limits.budget import Rate
from core.platform.db import Many, One, Run, Scalar, found
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.notices import Notice
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import UnitOfWork, unit_of_work

MOST_MEMBERS = 1000
INVITATIONS = Rate("invitations", 50, 24 * 60 * 60)  # of one user, to all groups and teams together
PAUSE = timedelta(days=1)  # after an invitation, until the same user may be invited to the same group again
PAUSE_AFTER_DECLINE = timedelta(days=30)

INVITATION_RECEIVED = Notice(
    "invitation_received",
    "Invitation",
    "{inviter} invites you to the group “{group}”",
    "conversation",
    in_app=False,
    push=False,
)


class Asked(msgspec.Struct, frozen=True):
    """An invitation of a user; without an answer it is open."""

    id: UUID
    conversation_id: UUID
    user_id: UUID
    invited_by: UUID
    answer: str | None


class Before(msgspec.Struct, frozen=True):
    user_id: UUID
    is_open: bool
    spared: bool


_ASKED = "id, conversation_id, user_id, invited_by, answer"
COUNT_MEMBERS = Scalar(int, "select count(*) from members where conversation_id = $1 and left_at is null")
# Those of users $2 invited to group $1 before; `spared`: since $3, declined since $4, or unanswered.
ASKED_BEFORE = Many(
    Before,
    """
    select user_id, answer is null as is_open,
        answer is null or created_at >= $3 or answer = 'declined' and answered_at >= $4 as spared
    from invitations where conversation_id = $1 and user_id = any ($2::uuid[])""",
)
# Users $2 are invited with ids $1.
INVITE = Many(
    Asked,
    f"""
    with people as materialized ( -- locked before their invitations: the erasure of an account deletes those last
        select id from users where id = any ($2::uuid[]) and deleted_at is null order by id for key share
    )
    insert into invitations as i (id, conversation_id, user_id, invited_by, created_at)
    select a.id, $3, a.user_id, $4, $5
    from unnest($1::uuid[], $2::uuid[]) as a (id, user_id) join people p on p.id = a.user_id order by a.user_id
    on conflict (conversation_id, user_id) do update
        set id = excluded.id, invited_by = $4, created_at = $5, answer = null, answered_at = null
        where i.answer is not null
    returning {_ASKED}""",  # noqa: S608 - no input in it
)
OF_USER = One(Asked, f"select {_ASKED} from invitations where id = $1 and user_id = $2")  # noqa: S608 - no input in it
INVITER = One(Person, "select id, name, avatar_url from users where id = $1 and deleted_at is null")
_ANSWER = f"""update invitations set answer = $1, answered_at = $2 where answer is null and {{}} returning {_ASKED}"""  # noqa: S608
ANSWER = One(Asked, _ANSWER.format("id = $3 and user_id = $4"))
ANSWER_OF_USERS = Many(Asked, _ANSWER.format("conversation_id = $3 and user_id = any ($4::uuid[])"))
WITHDRAW = One(Asked, _ANSWER.format("conversation_id = $3 and user_id = $4 and ($5::uuid is null or invited_by = $5)"))
WITHDRAW_BETWEEN = Many(Asked, _ANSWER.format("invited_by = $3 and user_id = $4"))
WITHDRAW_OF_INVITER = Many(Asked, _ANSWER.format("conversation_id = $3 and invited_by = $4"))
# One notification per group, which is read with the answer, and removed with the invitation.
_NOTICES = "type = 'invitation_received' and user_id = any ($1::uuid[]) and entity_id = $2"
FORGET_NOTICES = Run(f"delete from notifications where {_NOTICES}")  # noqa: S608 - no input in it
READ_NOTICES = Run(f"update notifications set read_at = $3 where {_NOTICES} and read_at is null")  # noqa: S608
FORGET_ANSWERED = Run(
    """
    delete from invitations where id in (
        select id from invitations where answered_at < $1 order by answered_at limit $2
    )"""
)
PERSONAL_DATA = PersonalData(
    "invitations",
    frozenset({"invitations"}),
    rows_of(
        """
        select conversation_id, user_id, invited_by, created_at, answer, answered_at
        from invitations where user_id = $1 or invited_by = $1 order by id"""
    ),
    last=(
        # The notifications of users whom the erased user has invited contain the name.
        Run(
            """
            delete from notifications n using invitations i
            where i.invited_by = $1 and n.user_id = i.user_id and n.type = 'invitation_received'
                and n.entity_id = i.conversation_id"""
        ),
        Run("delete from invitations where user_id = $1 or invited_by = $1"),
    ),
)


async def lock_caller(ctx: Ctx, work: UnitOfWork) -> None:
    """Serialise a user's changes of groups; taken before the lock of a conversation, in the same order as the erasure."""
    if await LOCK_USER(work.db, ctx.user.id) is None:
        raise errors.SESSION_ENDED.error()


async def invite(
    ctx: Ctx, work: UnitOfWork, id: UUID, title: str, user_ids: Sequence[UUID], *, counted: bool = True
) -> list[UUID]:
    """Invite users to a group; group and caller must be locked. Return those who have an open invitation now.

    `counted`: charged to INVITATIONS; adding somebody to a team has been charged already. Raises RATE_LIMITED: too many today.
    """
    now = clock.now()
    before = await ASKED_BEFORE(work.db, id, list(user_ids), now - PAUSE, now - PAUSE_AFTER_DECLINE)
    spared = {row.user_id for row in before if row.spared}
    invited = {row.user_id for row in before if row.is_open}
    if strangers := [user_id for user_id in user_ids if user_id not in spared]:
        if counted:
            await _check_day(ctx, len(strangers))
        new = await INVITE(work.db, [ctx.new_id() for _ in strangers], strangers, id, ctx.user.id, now)
        await _notify_invited(ctx, work, id, title, new)
        invited |= {row.user_id for row in new}
    return [user_id for user_id in user_ids if user_id in invited]


async def accept(ctx: Ctx, id: UUID) -> Conversation:
    """Join the group that the caller is invited to; a repeat changes nothing.

    Raises INVITATION_NOT_FOUND, GROUP_FULL.
    """
    async with unit_of_work(ctx) as work:
        await lock_caller(ctx, work)
        asked = found(await OF_USER(work.db, id, ctx.user.id), errors.INVITATION_NOT_FOUND.error())
        await LOCK(work.db, asked.conversation_id)
        if answered := await ANSWER(work.db, "accepted", clock.now(), id, ctx.user.id):
            me = [ctx.user.id]
            added = await ADD_MEMBERS(work.db, asked.conversation_id, me, "member", ctx.policy.name, ctx.user.id)
            await require_space(work, asked.conversation_id)
            inviter = await INVITER(work.db, asked.invited_by)
            await notes.say_joined(ctx, work, asked.conversation_id, added, inviter)
            await _publish_answer(work, asked.conversation_id, [answered])
        elif not await _is_member(ctx, work, asked):
            raise errors.INVITATION_NOT_FOUND.error()
    return await conversations.get(ctx, asked.conversation_id)


async def decline(ctx: Ctx, id: UUID) -> None:
    """Decline an invitation of the caller; a repeat changes nothing. Raises INVITATION_NOT_FOUND."""
    async with unit_of_work(ctx) as work:
        if answered := await ANSWER(work.db, "declined", clock.now(), id, ctx.user.id):
            await _publish_answer(work, answered.conversation_id, [answered])
            return
        asked = await OF_USER(work.db, id, ctx.user.id)
        if asked is None or asked.answer != "declined":
            raise errors.INVITATION_NOT_FOUND.error()


async def added(work: UnitOfWork, id: UUID, user_ids: Sequence[UUID]) -> None:
    """Close the invitations of users who have been added to the group by somebody who knows them."""
    await _publish_answer(work, id, await ANSWER_OF_USERS(work.db, "accepted", clock.now(), id, list(user_ids)))


async def withdraw(work: UnitOfWork, id: UUID, user_id: UUID, invited_by: UUID | None) -> bool:
    """Withdraw the open invitation of a user to a group, if there is one: by this inviter, or by anybody."""
    withdrawn = await WITHDRAW(work.db, "withdrawn", clock.now(), id, user_id, invited_by)
    if withdrawn:
        await _publish_withdrawal(work, id, [withdrawn])
    return withdrawn is not None


async def withdraw_all(work: UnitOfWork, id: UUID, invited_by: UUID) -> None:
    """Withdraw all open invitations by a former member of the group."""
    await _publish_withdrawal(work, id, await WITHDRAW_OF_INVITER(work.db, "withdrawn", clock.now(), id, invited_by))


async def withdraw_between(work: UnitOfWork, invited_by: UUID, user_id: UUID) -> None:
    """Withdraw all open invitations of one user by another, to any group."""
    withdrawn = await WITHDRAW_BETWEEN(work.db, "withdrawn", clock.now(), invited_by, user_id)
    for row in withdrawn:
        await _publish_withdrawal(work, row.conversation_id, [row])


async def require_space(work: UnitOfWork, id: UUID) -> None:
    """Raise GROUP_FULL if a locked group has more members than allowed."""
    if (await COUNT_MEMBERS(work.db, id) or 0) > MOST_MEMBERS:
        raise errors.GROUP_FULL.error()


async def _check_day(ctx: Ctx, more: int) -> None:
    """Charge invitations; raises RATE_LIMITED, without a retry time for more than are ever allowed at once."""
    user, settings = str(ctx.user.id), ctx.resources.settings
    most = ctx.resources.limits.rate_of(INVITATIONS, user).count
    if more > most and settings.rate_limits == "on":
        ctx.resources.offenders.limited(INVITATIONS.name, user)
        raise errors.RATE_LIMITED.error(f"At most {most} invitations a day")
    await limits.take(ctx, INVITATIONS, user, more)


async def _is_member(ctx: Ctx, work: UnitOfWork, asked: Asked) -> bool:
    standing = await membership.STANDING(work.db, asked.conversation_id, ctx.user.id, ctx.policy.name)
    return standing is not None and standing.role is not None


async def _notify_invited(ctx: Ctx, work: UnitOfWork, id: UUID, title: str, new: Sequence[Asked]) -> None:
    users = [row.user_id for row in new]
    await FORGET_NOTICES(work.db, users, id)
    await work.notify(INVITATION_RECEIVED, users, id, inviter=ctx.user.person, group=title)
    views = {row.id: view(row) for row in await OPEN_AMONG(work.db, [row.id for row in new])}
    for row in new:
        work.emit([row.user_id], InvitationReceived(views[row.id]))


async def _publish_answer(work: UnitOfWork, id: UUID, answered: Sequence[Asked]) -> None:
    await READ_NOTICES(work.db, [row.user_id for row in answered], id, clock.now())
    for row in answered:
        work.emit([row.invited_by, row.user_id], _answered(row))


async def _publish_withdrawal(work: UnitOfWork, id: UUID, withdrawn: Sequence[Asked]) -> None:
    await FORGET_NOTICES(work.db, [row.user_id for row in withdrawn], id)
    for row in withdrawn:
        work.emit([row.user_id], _answered(row))


def _answered(row: Asked) -> InvitationAnswered:
    assert row.answer  # noqa: S101 - for the type checker: it has been answered
    return InvitationAnswered(row.id, row.conversation_id, row.user_id, row.answer)
