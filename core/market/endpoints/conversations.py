"""Conversations and who is in them. A marketplace that shows them in another way has calls of its own around these."""

from uuid import UUID

import msgspec

from core.accounts import identity
from core.base.answers import Answer
from core.base.errors import (
    CONVERSATION_NOT_FOUND,
    FORBIDDEN,
    GROUP_FULL,
    INVITATION_NOT_FOUND,
    NOT_A_MEMBER,
    SAME_USER_TYPE,
    USER_NOT_FOUND,
    USER_UNREACHABLE,
)
from core.base.events import Invitation
from core.base.paging import CursorPagination, CursorQuery
from core.chat import conversations, groups, invitation_lists, invitations
from core.chat.conversations import Conversation
from core.chat.invitation_lists import Pending
from core.limits import weights
from core.market.traits import call
from core.text.fields import Name, PersonIds, view_of
from core.work.context import Ctx

NOT_MINE = (CONVERSATION_NOT_FOUND, NOT_A_MEMBER)


class NewConversation(msgspec.Struct, frozen=True, rename="camel"):
    participant_id: UUID


class NewGroup(msgspec.Struct, frozen=True, rename="camel"):
    title: Name
    participant_ids: PersonIds


class NewMembers(msgspec.Struct, frozen=True, rename="camel"):
    user_ids: PersonIds


class Group(Conversation, frozen=True, rename="camel"):
    """A group after users were to join it. `added`: who is in it now; `invited`: who has been asked and may accept."""

    added: list[UUID]
    invited: list[UUID]


class ConversationPage(msgspec.Struct, frozen=True):
    conversations: list[Conversation]
    pagination: CursorPagination


class InvitationPage(msgspec.Struct, frozen=True):
    invitations: list[Invitation]
    pagination: CursorPagination


class PendingPage(msgspec.Struct, frozen=True):
    invitations: list[Pending]
    pagination: CursorPagination


async def list_conversations(ctx: Ctx, query: CursorQuery) -> ConversationPage:
    """Get the user's conversations, the latest first"""
    return ConversationPage(*await conversations.list_of_user(ctx, query))


@call(SAME_USER_TYPE, USER_NOT_FOUND, USER_UNREACHABLE, statuses=(201, 200), weight=weights.CONVERSATION)
async def create_conversation(ctx: Ctx, body: NewConversation) -> Answer[Conversation]:
    """Create the conversation with another user, or get the existing one"""
    role = await identity.role_of(ctx, body.participant_id)
    if not ctx.policy.may_converse(ctx.user.role, role):
        raise SAME_USER_TYPE.error()
    conversation, created = await conversations.create_pair(ctx, body.participant_id)
    return Answer(201 if created else 200, conversation)


@call(USER_NOT_FOUND, weight=weights.GROUP)
async def create_group(ctx: Ctx, body: NewGroup) -> Group:
    """Create a group conversation, owned by the caller; whom she does not know is invited"""
    return _group(*await groups.create(ctx, body.title, body.participant_ids))


@call(*NOT_MINE)
async def get_conversation(ctx: Ctx, conversation_id: UUID) -> Conversation:
    """Get one conversation"""
    return await conversations.get(ctx, conversation_id)


@call(*NOT_MINE, FORBIDDEN, USER_NOT_FOUND, GROUP_FULL, weight=weights.MEMBERS)
async def add_members(ctx: Ctx, conversation_id: UUID, body: NewMembers) -> Group:
    """Add users to a group; whom the caller does not know is invited"""
    return _group(*await groups.add(ctx, conversation_id, body.user_ids))


@call(*NOT_MINE, FORBIDDEN, USER_NOT_FOUND, weight=weights.REMOVAL)
async def remove_member(ctx: Ctx, conversation_id: UUID, user_id: UUID) -> None:
    """Leave a group or a project's conversation, take someone out of a group that one owns, or take an invitation back"""
    await groups.remove(ctx, conversation_id, user_id)


@call(*NOT_MINE)
async def list_pending(ctx: Ctx, conversation_id: UUID, query: CursorQuery) -> PendingPage:
    """Get who is invited to a group and has not answered, the latest first"""
    return PendingPage(*await invitation_lists.list_of_group(ctx, conversation_id, query))


async def list_invitations(ctx: Ctx, query: CursorQuery) -> InvitationPage:
    """Get the user's open invitations to groups, the latest first"""
    return InvitationPage(*await invitation_lists.list_of_user(ctx, query))


@call(INVITATION_NOT_FOUND, GROUP_FULL)
async def accept_invitation(ctx: Ctx, invitation_id: UUID) -> Conversation:
    """Accept an invitation: the user is a member from now on"""
    return await invitations.accept(ctx, invitation_id)


@call(INVITATION_NOT_FOUND, statuses=(204,))
async def decline_invitation(ctx: Ctx, invitation_id: UUID) -> None:
    """Decline an invitation: for a month nobody can repeat it"""
    await invitations.decline(ctx, invitation_id)


def _group(conversation: Conversation, joining: groups.Joining) -> Group:
    return view_of(Group, conversation, added=joining.added, invited=joining.invited)
