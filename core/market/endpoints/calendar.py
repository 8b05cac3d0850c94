"""The address under which calendar programs read a user's calendar. What is in that is a marketplace's own call."""

import msgspec

from core.calendars import feeds
from core.text.fields import Text
from core.work.context import Ctx


class FeedQuery(msgspec.Struct, frozen=True):
    token: Text = ""


class Feed(msgspec.Struct, frozen=True):
    """A secret: everybody who knows the address can read the calendar. There is none until the user asks for one."""

    url: str | None


async def get_feed(ctx: Ctx) -> Feed:
    """Get the address under which calendar programs read one's deadlines; null until one has asked for it"""
    return Feed(await feeds.address(ctx))


async def renew_feed(ctx: Ctx) -> Feed:
    """Get a new address for the feed; the old one is good for nothing any more"""
    await feeds.renew(ctx)
    return await get_feed(ctx)
