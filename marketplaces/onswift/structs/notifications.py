"""Notifications."""

from typing import Annotated

import msgspec
from msgspec import Meta

from core.base.events import NotificationView
from core.base.paging import CursorPagination, CursorQuery
from core.notifications.devices import Device, DeviceToken, Platform
from core.notifications.preferences import Preference, PreferenceChange


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
