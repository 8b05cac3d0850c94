"""Everything that the long run breaks, by its name. Each returns when what it broke has been mended."""

import asyncio
import signal
from collections.abc import Callable, Coroutine

from tests.chaos.crowd import Crowd
from tests.chaos.stage import Stage

Fault = Callable[[Stage, Crowd], Coroutine[None, None, None]]


async def _kill_a_hub(stage: Stage, _crowd: Crowd) -> None:
    hub = stage.dice.choice(stage.hubs)
    await hub.end(signal.SIGKILL)
    await asyncio.sleep(stage.dice.uniform(0, 3))
    await hub.start()


async def _freeze_a_hub(stage: Stage, _crowd: Crowd) -> None:
    hub = stage.dice.choice(stage.hubs)
    hub.freeze()
    await asyncio.sleep(5)
    hub.thaw()


async def _restart_both_hubs(stage: Stage, _crowd: Crowd) -> None:
    for hub in stage.hubs:
        await hub.restart()


async def _restart_redis(stage: Stage, _crowd: Crowd) -> None:
    stage.servers.redis.end(signal.SIGKILL)
    await asyncio.sleep(stage.dice.choice((0, 0, 1, 10)))
    stage.servers.redis.start()


async def _cut_a_hub_off(stage: Stage, _crowd: Crowd) -> None:
    proxy = stage.dice.choice(stage.proxies)
    proxy.cut()
    await asyncio.sleep(stage.dice.uniform(0, 8))
    proxy.mend()


async def _deafen_the_bus(stage: Stage, _crowd: Crowd) -> None:
    proxies = stage.dice.sample(stage.proxies, stage.dice.randint(1, len(stage.proxies)))
    for proxy in proxies:
        proxy.pause()
    await asyncio.sleep(stage.dice.uniform(0, 8))
    for proxy in proxies:
        proxy.resume()


async def _drop_connections_to_redis(stage: Stage, _crowd: Crowd) -> None:
    for _ in range(10):
        stage.dice.choice(stage.proxies).drop()
        await asyncio.sleep(stage.dice.uniform(0, 0.5))


async def _slow_the_bus(stage: Stage, _crowd: Crowd) -> None:
    proxy = stage.dice.choice(stage.proxies)
    proxy.delay = stage.dice.uniform(0.05, 0.5)
    await asyncio.sleep(5)
    proxy.delay = 0.0


async def _restart_postgres(stage: Stage, _crowd: Crowd) -> None:
    stage.servers.postgres.end(stage.dice.choice((signal.SIGINT, signal.SIGKILL)))
    await asyncio.sleep(stage.dice.choice((0, 1, 4)))
    stage.servers.postgres.start()


async def _hang_up_on_all(_stage: Stage, crowd: Crowd) -> None:
    for person in crowd.people:
        person.hang_up()


FAULTS: dict[str, Fault] = {
    "a hub is killed": _kill_a_hub,
    "a hub stands still for 5 s": _freeze_a_hub,
    "both hubs restart, one after the other": _restart_both_hubs,
    "redis is killed": _restart_redis,
    "a hub is cut off from redis": _cut_a_hub_off,
    "the bus is deaf": _deafen_the_bus,
    "connections to redis break": _drop_connections_to_redis,
    "the bus is slow": _slow_the_bus,
    "postgres restarts": _restart_postgres,
    "all clients lose their connection": _hang_up_on_all,
}
