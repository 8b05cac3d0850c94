"""The connection to Redis: what is said while it is lost is dropped, not raised."""

import asyncio

from realtime.bus.redis_link import RedisLink


async def test_a_command_in_the_turn_in_which_the_connection_is_dropped_raises_nothing(redis_url: str) -> None:
    opened = asyncio.Queue[None]()
    link = RedisLink(redis_url, lambda _reply: None, lambda: opened.put_nowait(None))
    await link.start()
    await opened.get()
    link.drop()
    link.send(
        (b"PUBLISH", b"nobody", b"")
    )  # an error in its callback would fail the test: see nothing_goes_wrong_unseen
    await opened.get()
    assert link.connected
    await link.stop()
