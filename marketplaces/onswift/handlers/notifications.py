"""Notifications."""

from uuid import UUID

from core import notifications
from core.context import Ctx
from marketplaces.onswift.structs import NotificationPage, NotificationQuery, pagination


async def list_notifications(ctx: Ctx, query: NotificationQuery) -> NotificationPage:
    """Get the user's notifications, the latest first"""
    page = await notifications.list_of_user(ctx, query.is_read, query.limit, (query.page - 1) * query.limit)
    return NotificationPage(page.notifications, page.unread, pagination(query.page, query.limit, page.total))


async def mark_read(ctx: Ctx, notification_id: UUID) -> None:
    """Mark a notification as read"""
    await notifications.mark_read(ctx, notification_id)


async def mark_all_read(ctx: Ctx) -> None:
    """Mark all notifications as read"""
    await notifications.mark_all_read(ctx)
