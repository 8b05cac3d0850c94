"""The long run: rounds of up to 30 s in which people talk while one or two things break, until a promise is broken."""

import asyncio
import random
import time
from pathlib import Path
from tempfile import mkdtemp

from core.platform.migrate import migrate
from tests.chaos.crowd import Crowd, gathered
from tests.chaos.faults import FAULTS
from tests.chaos.journal import Acked, Connected, Heard, Refused
from tests.chaos.servers import Servers, open_servers
from tests.chaos.stage import Stage, open_stage

ROUND_SECONDS = 30.0
LOAD = 60.0  # messages a second
TWO_AT_ONCE = 0.3  # of the rounds
SHOWN = 20  # of what is broken


class Soak:
    """Runs rounds until the time is over; `sent` and `heard` count over all of them."""

    def __init__(self, seed: int, minutes: float) -> None:
        self._seed = seed
        self._minutes = minutes
        self.sent = self.heard = 0

    async def run(self, servers: Servers, first: int) -> int:
        """Return an exit code: 0, or 1 at the first broken promise."""
        end = time.monotonic() + self._minutes * 60
        number = first
        await migrate(servers.postgres.url)
        async with open_stage(servers, self._seed) as stage:
            while time.monotonic() < end:
                if not await self._round(stage, number):
                    print(f"BROKEN: repeat with --seed {self._seed} --first-round {number}", flush=True)
                    return 1
                number += 1
        print(f"nothing is broken: {number - first} rounds, {self.sent} sent, {self.heard} heard, seed {self._seed}")
        return 0

    async def _round(self, stage: Stage, number: int) -> bool:
        stage.dice = random.Random(f"{self._seed}/{number}")
        names = stage.dice.sample(sorted(FAULTS), 2 if stage.dice.random() < TWO_AT_ONCE else 1)
        print(f"{time.strftime('%H:%M:%S')} round {number}: {' and '.join(names)} ...", flush=True)
        async with gathered(stage, people=24, conversations=6) as crowd:
            await self._break(stage, crowd, names)
            broken = await crowd.settled()
            self.sent += crowd.count(Acked)
            self.heard += crowd.count(Heard)
            print(f"         {_summary(crowd)}, {len(broken)} broken", flush=True)
            if broken:
                folder = Path(mkdtemp(prefix=f"greenroom-soak-{self._seed}-{number}-"))
                crowd.keep(folder)
                print("\n".join([*broken[:SHOWN], f"The journals are in {folder}"]), flush=True)
        return not broken

    async def _break(self, stage: Stage, crowd: Crowd, names: list[str]) -> None:
        async with crowd.talking(LOAD):
            rest = asyncio.get_running_loop().time() + ROUND_SECONDS
            await asyncio.sleep(stage.dice.uniform(1, 10))
            async with asyncio.TaskGroup() as faults:
                for name in names:
                    faults.create_task(FAULTS[name](stage, crowd), name=name)
            # Half of the rounds end with the fault: what is said last is what no later message brings to light.
            if stage.dice.random() < 0.5:
                await asyncio.sleep(max(rest - asyncio.get_running_loop().time(), 0))


def _summary(crowd: Crowd) -> str:
    reconnects = crowd.count(Connected) - len(crowd.people)
    counts = (crowd.count(Acked), crowd.count(Heard), reconnects, crowd.count(Refused))
    return "{} sent, {} heard, {} reconnects, {} retryable errors".format(*counts)


def soak(minutes: float, seed: int, first: int) -> int:
    """Run on servers of its own; return an exit code."""
    with open_servers() as servers:
        return asyncio.run(Soak(seed, minutes).run(servers, first))
