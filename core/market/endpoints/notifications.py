"""Notifications."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core.base.errors import DEVICE_NOT_FOUND, NOTIFICATION_NOT_FOUND
from core.base.events import NotificationView
from core.base.paging import CursorPagination, CursorQuery
from core.market.traits import call
from core.notifications import devices, notifications, preferences
from core.notifications.devices import Device, DeviceToken, Platform
from core.notifications.preferences import Preference, PreferenceChange
from core.work.context import Ctx


class NotificationQuery(CursorQuery, frozen=True, rename="camel"):
    is_read: bool | None = None


class NotificationPage(msgspec.Struct, frozen=True, rename="camel"):
    notifications: list[NotificationView]
    unread_count: int
    pagination: CursorPagination


class Preferences(msgspec.Struct, frozen=True):
    preferences: list[Preference]


class PreferenceChanges(msgspec.Struct, frozen=True):
    preferences: Annotated[list[PreferenceChange], Meta(max_length=100)]


class NewDevice(msgspec.Struct, frozen=True):
    """The token is the registration token that Firebase gives to the app."""

    platform: Platform
    token: DeviceToken


class DeviceList(msgspec.Struct, frozen=True):
    devices: list[Device]


async def list_notifications(ctx: Ctx, query: NotificationQuery) -> NotificationPage:
    """Get the user's notifications, the latest first"""
    page = await notifications.list_of_user(ctx, query.is_read, query)
    return NotificationPage(page.notifications, page.unread, page.pagination)


@call(NOTIFICATION_NOT_FOUND, statuses=(204,))
async def mark_read(ctx: Ctx, notification_id: UUID) -> None:
    """Mark a notification as read"""
    await notifications.mark_read(ctx, notification_id)


@call(statuses=(204,))
async def mark_all_read(ctx: Ctx) -> None:
    """Mark all notifications as read"""
    await notifications.mark_all_read(ctx)


async def get_preferences(ctx: Ctx) -> Preferences:
    """Get where the user is notified of what: in the app, by e-mail, on devices"""
    return Preferences(await preferences.of_user(ctx))


async def set_preferences(ctx: Ctx, body: PreferenceChanges) -> Preferences:
    """Choose where to be notified of what; what is not given stays"""
    await preferences.choose(ctx, body.preferences)
    return await get_preferences(ctx)


async def list_devices(ctx: Ctx) -> DeviceList:
    """Get the devices that notifications are sent to"""
    return DeviceList(await devices.of_user(ctx))


async def add_device(ctx: Ctx, body: NewDevice) -> Device:
    """Register the device that this session runs on; it is notified until the session ends"""
    return await devices.register(ctx, body.platform, body.token)


@call(DEVICE_NOT_FOUND)
async def remove_device(ctx: Ctx, device_id: UUID) -> None:
    """Notify a device no more"""
    await devices.remove(ctx, device_id)
