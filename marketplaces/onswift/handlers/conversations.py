"""Conversations: of a creator and a talent, and of groups."""

from uuid import UUID

import msgspec

from core.accounts import identity
from core.base import errors
from core.base.answers import Answer
from core.base.paging import CursorQuery
from core.base.people import Person
from core.chat import conversations, groups, invitations, subjects
from core.chat.conversations import Conversation
from core.chat.groups import Joining
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from marketplaces.onswift import access, rules
from marketplaces.onswift.queries import projects as queries
from marketplaces.onswift.structs.conversations import (
    ConversationPage,
    ConversationView,
    GroupView,
    InvitationPage,
    NewConversation,
    NewGroup,
    NewMembers,
    PendingPage,
)


async def list_conversations(ctx: Ctx, query: CursorQuery) -> ConversationPage:
    """Get the user's conversations, the latest first"""
    page, place = await conversations.list_of_user(ctx, query)
    return ConversationPage([_view(one) for one in page], place)


async def create_conversation(ctx: Ctx, body: NewConversation) -> Answer[ConversationView]:
    """Create the conversation with a user of the other type, or get the existing one"""
    role = await identity.role_of(ctx, body.participant_id)
    if not rules.may_converse(ctx.user.role, role):
        raise errors.SAME_USER_TYPE.error()
    conversation, created = await conversations.create_pair(ctx, body.participant_id)
    return Answer(201 if created else 200, _view(conversation))


async def create_group(ctx: Ctx, body: NewGroup) -> GroupView:
    """Create a group conversation, owned by the caller; whom she does not know is invited"""
    return _group(*await groups.create(ctx, body.title, body.participant_ids, access.acquainted))


async def create_project_conversation(ctx: Ctx, project_id: UUID) -> Answer[ConversationView]:
    """Create the conversation of a project's creator and team, or get the existing one, and come in"""
    async with unit_of_work(ctx) as work:
        await invitations.lock_caller(ctx, work)
        project = await access.project_shared(ctx, work.db, project_id)
        team = [row.id for row in await queries.TEAMS(work.db, [project_id])]
        subject = rules.subject(project_id)
        id, created = await subjects.converse(
            ctx, work, subject, project.name, project.creator_id, team, access.acquainted
        )
    return Answer(201 if created else 200, _view(await conversations.get(ctx, id)))


async def get_conversation(ctx: Ctx, conversation_id: UUID) -> ConversationView:
    """Get one conversation"""
    return _view(await conversations.get(ctx, conversation_id))


async def add_members(ctx: Ctx, conversation_id: UUID, body: NewMembers) -> GroupView:
    """Add users to a group; whom the caller does not know is invited"""
    return _group(*await groups.add(ctx, conversation_id, body.user_ids, access.acquainted))


async def remove_member(ctx: Ctx, conversation_id: UUID, user_id: UUID) -> None:
    """Leave a group or a project's conversation, take someone out of a group that one owns, or take an invitation back"""
    await groups.remove(ctx, conversation_id, user_id)


async def list_pending(ctx: Ctx, conversation_id: UUID, query: CursorQuery) -> PendingPage:
    """Get who is invited to a group and has not answered, the latest first"""
    return PendingPage(*await invitations.list_of_group(ctx, conversation_id, query))


async def list_invitations(ctx: Ctx, query: CursorQuery) -> InvitationPage:
    """Get the user's open invitations to groups, the latest first"""
    return InvitationPage(*await invitations.list_of_user(ctx, query))


async def accept_invitation(ctx: Ctx, invitation_id: UUID) -> ConversationView:
    """Accept an invitation: the user is a member from now on"""
    return _view(await invitations.accept(ctx, invitation_id))


async def decline_invitation(ctx: Ctx, invitation_id: UUID) -> None:
    """Decline an invitation: for a month nobody can repeat it"""
    await invitations.decline(ctx, invitation_id)


def _group(conversation: Conversation, joining: Joining) -> GroupView:
    fields = msgspec.structs.asdict(_view(conversation))
    return GroupView(**fields, added=joining.added, invited=joining.invited)


def _view(conversation: Conversation) -> ConversationView:
    is_pair = conversation.kind == "pair"
    sides = {one.user_type: Person(one.id, one.name, one.avatar_url) for one in conversation.members if is_pair}
    return ConversationView(
        id=conversation.id,
        kind=conversation.kind,
        title=conversation.title,
        creator=sides.get(rules.CREATOR),
        talent=sides.get(rules.TALENT),
        members=conversation.members,
        member_count=conversation.member_count,
        last_message=conversation.last_message,
        unread_count=conversation.unread_count,
        last_message_at=conversation.last_message_at,
        created_at=conversation.created_at,
        project_id=conversation.subject_id,
        closed_at=conversation.closed_at,
    )
