"""Operations and failures of a deployment under load."""

import time
from collections.abc import Callable, Sequence

import msgspec

from bench.locust.deployment import Deployment
from bench.process import progress

AWAY_SECONDS = 10.0

Act = Callable[[Deployment], None]


class Happening(msgspec.Struct, frozen=True):
    """One event of the story, `at` seconds after the first user."""

    at: float
    title: str


def restart(hub: str) -> Act:
    """As in a rolling upgrade: its clients are disconnected one by one."""

    def act(deployment: Deployment) -> None:
        deployment.stop(hub)
        deployment.start_hub(hub)

    return act


def kill(hub: str) -> Act:
    """Kill it without warning, and restart it like a supervisor does."""

    def act(deployment: Deployment) -> None:
        deployment.kill(hub)
        time.sleep(1)
        deployment.start_hub(hub)

    return act


def take_away(redis: str) -> Act:
    """Stop a shard of the bus for ten seconds."""

    def act(deployment: Deployment) -> None:
        deployment.stop(redis)
        time.sleep(AWAY_SECONDS)
        deployment.start_redis(redis)

    return act


# When, as a share of the total time: all users are there after the first fifth.
PLOT: Sequence[tuple[float, str, Act]] = (
    (0.30, "hub 1 restarted", restart("hub-1")),
    (0.40, "hub 2 restarted", restart("hub-2")),
    (0.52, "a third hub added", lambda deployment: deployment.start_hub("hub-3")),
    (0.64, "hub 2 killed", kill("hub-2")),
    (0.78, f"second Redis gone for {AWAY_SECONDS:.0f} s", take_away("redis-b")),
)
GATHERED = 0.2


def play(deployment: Deployment, seconds: float, began: float) -> list[Happening]:
    """Play all events on time; `began` is the arrival of the first user, in time.monotonic."""
    done = []
    for share, title, act in PLOT:
        time.sleep(max(began + share * seconds - time.monotonic(), 0))
        done.append(Happening(time.monotonic() - began, title))
        progress(f"{done[-1].at:4.0f} s: {title}")
        act(deployment)
    return done
