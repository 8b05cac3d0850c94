"""People who talk while things break, and the wait until all of them have everything."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TypeVar

import msgspec

from tests.chaos.journal import Acked, Heard, Journal, Line, Refused
from tests.chaos.person import Person
from tests.chaos.promises import Log, Removal, broken, merged
from tests.chaos.stage import Account, Stage

SETTLE_SECONDS = 20.0
EDITED = 0.1  # of what is said

L = TypeVar("L", bound=Line)


class Crowd:
    """The people of a scenario. `removals` is what the checker is told about who was put out when."""

    def __init__(self, stage: Stage, accounts: Sequence[Account]) -> None:
        self._stage = stage
        self._news = asyncio.Event()
        self._edited: set[str] = set()
        self.removals: list[Removal] = []
        self.people = [self._person(account) for account in accounts]
        self.conversations = sorted({id for account in accounts for id in account.conversations})

    def _person(self, account: Account) -> Person:
        journal = Journal(account.name, str(account.id), account.conversations)
        dice = random.Random(self._stage.dice.random())
        return Person(journal, account.token, self._stage.ports, dice, self._wrote)

    def _wrote(self, _line: Line) -> None:
        self._news.set()

    @asynccontextmanager
    async def talking(self, each_second: float = 60.0, size: int = 0) -> AsyncIterator[None]:
        """Say so many things a second during the block, all together, of at least `size` characters."""
        talking = asyncio.create_task(self._talk(each_second, size), name="talk")
        try:
            yield
        finally:
            talking.cancel()
            await asyncio.wait([talking])
        assert talking.cancelled(), talking.exception()

    async def _talk(self, each_second: float, size: int) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in count():
            await asyncio.sleep(max(start + number / each_second - loop.time(), 0))
            person = self._stage.dice.choice(self.people)
            if self._stage.dice.random() < EDITED:
                self._edit_something(person)
            elif person.journal.conversations:
                person.send(self._stage.dice.choice(person.journal.conversations), size)

    def _edit_something(self, person: Person) -> None:
        own = {line.id for line in person.journal.lines[-200:] if isinstance(line, Acked)} - self._edited
        heard = [line.seen for line in person.journal.lines[-200:] if isinstance(line, Heard) and line.seen.id in own]
        if heard:
            seen = self._stage.dice.choice(heard)
            self._edited.add(seen.id)
            person.edit(seen)

    async def all_joined(self) -> None:
        """Return when everybody has joined everything."""
        await self.until(lambda: all(person.idle for person in self.people))

    async def said(self, more: int) -> None:
        """Return when so many more sends are acked."""
        until = self.count(Acked) + more
        await self.until(lambda: self.count(Acked) >= until)

    async def refused(self, code: str) -> None:
        """Return when somebody is refused with this code from now on."""
        moment = time.time()
        await self.until(lambda: any(line.code == code and line.at >= moment for line in self._lines(Refused)))

    def count(self, kind: type[Line]) -> int:
        """Return how many lines of a kind there are in all journals."""
        return len(self._lines(kind))

    def _lines(self, kind: type[L]) -> list[L]:
        return [line for person in self.people for line in person.journal.lines if isinstance(line, kind)]

    async def settled(self) -> list[str]:
        """Wait until nobody misses anything, or for long enough; return which promises are broken."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                await self.all_joined()
                log = await self._stage.log(self.conversations)
                await self.until(lambda: all(_has_everything(person, log) for person in self.people))
        log = await self._stage.log(self.conversations)
        found = broken(log, [person.journal for person in self.people], self.removals)
        return found + [f"a hub logged: {line}" for hub in self._stage.hubs for line in hub.errors()]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; it is looked at with each new line of a journal."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    def keep(self, folder: Path) -> None:
        """Write the journals and what the hubs logged into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for person in self.people:
            lines = b"\n".join(map(msgspec.json.encode, person.journal.lines))
            (folder / f"{person.journal.name}.jsonl").write_bytes(lines)
        for hub in self._stage.hubs:
            (folder / f"hub-{hub.port}.log").write_text("\n".join(hub.output))


def _has_everything(person: Person, log: Log) -> bool:
    shown = merged(person.journal)
    return all(
        len(shown[id]) == len(log.get(id, []))
        and person.version(id) >= max((row.version for row in log.get(id, [])), default=0)
        for id in person.journal.conversations
    )


@asynccontextmanager
async def gathered(stage: Stage, people: int = 12, conversations: int = 4, each: int = 2) -> AsyncIterator[Crowd]:
    """Bring people together, each in so many conversations, all connected and joined."""
    crowd = Crowd(stage, await stage.seed(people, conversations, each))
    lives = [asyncio.create_task(person.live(), name=person.journal.name) for person in crowd.people]
    try:
        await crowd.all_joined()
        yield crowd
    finally:
        for life in lives:
            life.cancel()
        ends = await asyncio.gather(*lives, return_exceptions=True)
    assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []
