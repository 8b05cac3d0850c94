"""Notifications."""

from uuid import UUID

from core.notifications import devices, notifications, preferences
from core.notifications.devices import Device
from core.work.context import Ctx
from marketplaces.onswift import notices
from marketplaces.onswift.structs.notifications import (
    DeviceList,
    NewDevice,
    NotificationPage,
    NotificationQuery,
    PreferenceChanges,
    Preferences,
)


async def list_notifications(ctx: Ctx, query: NotificationQuery) -> NotificationPage:
    """Get the user's notifications, the latest first"""
    page = await notifications.list_of_user(ctx, query.is_read, query)
    return NotificationPage(page.notifications, page.unread, page.pagination)


async def mark_read(ctx: Ctx, notification_id: UUID) -> None:
    """Mark a notification as read"""
    await notifications.mark_read(ctx, notification_id)


async def mark_all_read(ctx: Ctx) -> None:
    """Mark all notifications as read"""
    await notifications.mark_all_read(ctx)


async def get_preferences(ctx: Ctx) -> Preferences:
    """Get where the user is notified of what: in the app, by e-mail, on devices"""
    return Preferences(await preferences.of_user(ctx, notices.ALL))


async def set_preferences(ctx: Ctx, body: PreferenceChanges) -> Preferences:
    """Choose where to be notified of what; what is not given stays"""
    await preferences.choose(ctx, notices.ALL, body.preferences)
    return await get_preferences(ctx)


async def list_devices(ctx: Ctx) -> DeviceList:
    """Get the devices that notifications are sent to"""
    return DeviceList(await devices.of_user(ctx))


async def add_device(ctx: Ctx, body: NewDevice) -> Device:
    """Register the device that this session runs on; it is notified until the session ends"""
    return await devices.register(ctx, body.platform, body.token)


async def remove_device(ctx: Ctx, device_id: UUID) -> None:
    """Notify a device no more"""
    await devices.remove(ctx, device_id)
