"""A process that makes transfers: always the same ones, however often it is started, so that they are repeated after a kill."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from uuid import UUID

from config.settings import Settings
from core.payments import ledger
from core.payments.ledger import Account, Entry
from core.work.rules.ledger import LedgerRules
from tests.flow.conftest import open_environment
from tests.flow.ledger.conftest import Books

MARKET = "chaos-ledger"
RULES = LedgerRules(frozenset({"USD"}), frozenset({"debt"}), frozenset({"debt"}))
AT_ONCE = 8
STEPS = 40  # of each of them


@dataclass(frozen=True)
class Step:
    """One transfer, and what becomes of it; `moved` is what remains of its amount in the end."""

    key: str
    giver: int
    receiver: int
    amount: int
    then: str

    @property
    def moved(self) -> int:
        return {"post": self.amount, "void": 0, "keep": self.amount, "reverse": self.amount - self.amount // 3}[
            self.then
        ]


def steps(place: int, owners: int) -> Iterator[Step]:
    """Yield the steps of one of those who are at it at once."""
    chance = Random(place)
    for number in range(STEPS):
        giver, receiver = chance.sample(range(owners), 2)
        then = chance.choice(("post", "void", "keep", "reverse"))
        yield Step(f"{place} {number}", giver, receiver, chance.randint(3, 1000), then)


async def take(books: Books, step: Step, accounts: list[Account]) -> None:
    """Take a step; all of it is a repeat if it was taken before."""
    entries = [Entry(accounts[step.giver], -step.amount), Entry(accounts[step.receiver], step.amount)]
    async with books.unit() as work:
        made = await ledger.transfer(work, step.key, "step", entries, pending=step.then in ("post", "void"))
    if step.then == "reverse":
        await books.reverse(step.key + " back", made, step.amount // 3)
    elif step.then != "keep":
        await (books.post if step.then == "post" else books.void)(made)


async def run(database_url: str, redis_url: str, owners: list[UUID]) -> None:
    """Take all steps, and print the key of each that is done."""
    settings = Settings(database_url=database_url, redis_urls=(redis_url,), jwt_keys=("test:" + "x" * 40,))
    async with open_environment(settings) as env:
        user, _ = await env.person("Ann")
        books = Books(env, user, {"name": MARKET, "ledger": RULES})
        accounts = [Account(owner, "debt", "USD") for owner in owners]

        async def one(place: int) -> None:
            for step in steps(place, len(owners)):
                await take(books, step, accounts)
                print(step.key, flush=True)

        await asyncio.gather(*map(one, range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], [UUID(owner) for owner in sys.argv[3:]]))
