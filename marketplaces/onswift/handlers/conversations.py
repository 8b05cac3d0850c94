"""Conversations as OnSwift shows them: with the creator and the talent of a conversation of two."""

from uuid import UUID

from core.base.answers import Answer
from core.base.paging import CursorQuery
from core.base.people import Person
from core.chat import conversations, invitations, subjects
from core.chat.conversations import Conversation
from core.limits import weights
from core.market.endpoints import conversations as core
from core.market.endpoints.conversations import Group, NewConversation, NewGroup, NewMembers
from core.market.traits import call, like
from core.text.fields import view_of
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from marketplaces.onswift import access, rules
from marketplaces.onswift.errors import NOT_MY_PROJECT
from marketplaces.onswift.queries import projects as queries
from marketplaces.onswift.structs.conversations import ConversationPage, ConversationView, GroupView


@like(core.list_conversations)
async def list_conversations(ctx: Ctx, query: CursorQuery) -> ConversationPage:
    """Get the user's conversations, the latest first"""
    page = await core.list_conversations(ctx, query)
    return ConversationPage([_view(one) for one in page.conversations], page.pagination)


@like(core.create_conversation)
async def create_conversation(ctx: Ctx, body: NewConversation) -> Answer[ConversationView]:
    """Create the conversation with a user of the other type, or get the existing one"""
    answer = await core.create_conversation(ctx, body)
    return Answer(answer.status, _view(answer.body))


@like(core.create_group)
async def create_group(ctx: Ctx, body: NewGroup) -> GroupView:
    """Create a group conversation, owned by the caller; whom she does not know is invited"""
    return _group(await core.create_group(ctx, body))


@call(*NOT_MY_PROJECT, statuses=(201, 200), weight=weights.CONVERSATION)
async def create_project_conversation(ctx: Ctx, project_id: UUID) -> Answer[ConversationView]:
    """Create the conversation of a project's creator and team, or get the existing one, and come in"""
    async with unit_of_work(ctx) as work:
        await invitations.lock_caller(ctx, work)
        project = await access.project_shared(ctx, work.db, project_id)
        team = [row.id for row in await queries.TEAMS(work.db, [project_id])]
        subject = rules.subject(project_id)
        id, created = await subjects.converse(ctx, work, subject, project.name, project.creator_id, team)
    return Answer(201 if created else 200, _view(await conversations.get(ctx, id)))


@like(core.get_conversation)
async def get_conversation(ctx: Ctx, conversation_id: UUID) -> ConversationView:
    """Get one conversation"""
    return _view(await core.get_conversation(ctx, conversation_id))


@like(core.add_members)
async def add_members(ctx: Ctx, conversation_id: UUID, body: NewMembers) -> GroupView:
    """Add users to a group; whom the caller does not know is invited"""
    return _group(await core.add_members(ctx, conversation_id, body))


@like(core.accept_invitation)
async def accept_invitation(ctx: Ctx, invitation_id: UUID) -> ConversationView:
    """Accept an invitation: the user is a member from now on"""
    return _view(await core.accept_invitation(ctx, invitation_id))


def _group(group: Group) -> GroupView:
    return view_of(GroupView, _view(group), added=group.added, invited=group.invited)


def _view(conversation: Conversation) -> ConversationView:
    is_pair = conversation.kind == "pair"
    sides = {one.user_type: Person(one.id, one.name, one.avatar_url) for one in conversation.members if is_pair}
    return view_of(
        ConversationView,
        conversation,
        creator=sides.get(rules.CREATOR),
        talent=sides.get(rules.TALENT),
        project_id=conversation.subject_id,
    )
