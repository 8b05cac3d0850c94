"""What users do about others: blocking, muting and reporting them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from core import reports
from core.base.errors import USER_NOT_FOUND
from core.base.paging import CursorPagination, CursorQuery
from core.chat import blocking, mutes
from core.chat.blocking import BlockView
from core.chat.mutes import Mute
from core.market.endpoints.conversations import NOT_MINE
from core.market.endpoints.messages import NOT_MY_MESSAGE
from core.market.traits import call
from core.reports import Reason, Report
from core.text.fields import Description
from core.work.context import Ctx


class BlockPage(msgspec.Struct, frozen=True):
    blocks: list[BlockView]
    pagination: CursorPagination


class MuteUntil(msgspec.Struct, frozen=True):
    """Until when; without it for good."""

    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class MutePage(msgspec.Struct, frozen=True):
    mutes: list[Mute]
    pagination: CursorPagination


class NewReport(msgspec.Struct, frozen=True):
    """What is wrong, and what the operators should know of it."""

    reason: Reason
    text: Description = ""


async def list_blocks(ctx: Ctx, query: CursorQuery) -> BlockPage:
    """Get whom the user has blocked, the latest first"""
    return BlockPage(*await blocking.list_of_user(ctx, query))


@call(USER_NOT_FOUND, statuses=(204,))
async def block_user(ctx: Ctx, user_id: UUID) -> None:
    """Block a user: the two cannot write to or invite each other, nor see whether the other is online; groups go on"""
    await blocking.block(ctx, user_id)


async def unblock_user(ctx: Ctx, user_id: UUID) -> None:
    """Block a user no more"""
    await blocking.unblock(ctx, user_id)


async def list_mutes(ctx: Ctx, query: CursorQuery) -> MutePage:
    """Get what the user has muted, the latest first"""
    return MutePage(*await mutes.list_of_user(ctx, query))


@call(USER_NOT_FOUND, statuses=(204,))
async def mute_user(ctx: Ctx, user_id: UUID, body: MuteUntil | None = None) -> None:
    """Mute a user: no notifications, mails and pushes of what she does, until a moment or for good"""
    await mutes.mute_user(ctx, user_id, body.until if body else None)


async def unmute_user(ctx: Ctx, user_id: UUID) -> None:
    """Mute a user no more"""
    await mutes.unmute(ctx, "user", user_id)


@call(*NOT_MINE, statuses=(204,))
async def mute_conversation(ctx: Ctx, conversation_id: UUID, body: MuteUntil | None = None) -> None:
    """Mute a conversation: its messages come, without notifications, mails and pushes, until a moment or for good"""
    await mutes.mute_conversation(ctx, conversation_id, body.until if body else None)


async def unmute_conversation(ctx: Ctx, conversation_id: UUID) -> None:
    """Mute a conversation no more"""
    await mutes.unmute(ctx, "conversation", conversation_id)


@call(USER_NOT_FOUND, statuses=(201,))
async def report_user(ctx: Ctx, user_id: UUID, body: NewReport) -> Report:
    """Report a user to the operators; nobody else is told"""
    return await reports.report_user(ctx, user_id, body.reason, body.text)


@call(*NOT_MY_MESSAGE, statuses=(201,))
async def report_message(ctx: Ctx, conversation_id: UUID, message_id: UUID, body: NewReport) -> Report:
    """Report a message to the operators, with its text as it is; nobody else is told"""
    return await reports.report_message(ctx, conversation_id, message_id, body.reason, body.text)
