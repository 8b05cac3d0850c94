"""The ledger against a model of it: random transfers, repeats, crashes and races, after which each balance is the model's."""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from core.base.errors import AppError
from core.payments import ledger
from core.payments.books import books_balance
from core.payments.ledger import Account, Entry, Transfer
from core.platform.db import UNAVAILABLE_ERRORS
from core.work.context import User
from tests.flow.ledger.conftest import Books, wallet

T = TypeVar("T")
ACCOUNTS = 5  # two of the house, two of Ann's, one of Bob's: three of them may not owe
AMOUNTS = st.one_of(st.integers(1, 12), st.integers(1, 10**6))
Legs = tuple[tuple[int, int], ...]  # account, amount


@dataclass
class Made:
    """What the model knows of a transfer. `open`: what is not reversed, by account."""

    transfer: Transfer
    legs: dict[int, int]
    status: str
    key: str
    pending: bool
    parent: "Made | None" = None
    asked: int | None = None
    open: dict[int, int] = field(default_factory=dict)


class Machine(RuleBasedStateMachine):
    """Rules that run on the loop of the test, in another thread."""

    books: Books
    accounts: list[Account]
    loop: asyncio.AbstractEventLoop

    made = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.posted = [0] * ACCOUNTS
        self.reserved = [0] * ACCOUNTS
        self.count = 0
        self.wait(self._empty())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def key(self) -> str:
        self.count += 1
        return f"key {self.count}"

    async def _empty(self) -> None:
        async with self.books.db.acquire() as connection, connection.transaction():
            await connection.execute("set local session_replication_role = replica")
            for table in ("closings", "entries", "transfers", "accounts"):
                await connection.execute(f"delete from ledger_{table}")

    # The model

    def fits(self, legs: dict[int, int]) -> bool:
        """Whether each account that may not owe can pay its leg."""
        return all(
            amount > 0 or self.accounts[place].owner is None or self.posted[place] - self.reserved[place] >= -amount
            for place, amount in legs.items()
        )

    def book(self, legs: dict[int, int], *, pending: bool) -> None:
        for place, amount in legs.items():
            if not pending:
                self.posted[place] += amount
            elif amount < 0:
                self.reserved[place] -= amount

    def free(self, legs: dict[int, int]) -> None:
        for place, amount in legs.items():
            self.reserved[place] -= max(-amount, 0)

    def entries(self, legs: dict[int, int]) -> list[Entry]:
        return [Entry(self.accounts[place], amount) for place, amount in legs.items()]

    def tried(self, work: Coroutine[Any, Any, T]) -> T | str:
        try:
            return self.wait(work)
        except AppError as error:
            return error.kind.code

    # What happens

    @initialize(amount=AMOUNTS)
    def fund(self, amount: int) -> None:
        for place in range(2, ACCOUNTS):
            legs = {0: -amount, place: amount}
            self.wait(self.books.transfer(self.key(), self.entries(legs)))
            self.book(legs, pending=False)

    @rule(
        target=made,
        places=st.permutations(range(ACCOUNTS)),
        amounts=st.lists(AMOUNTS, min_size=1, max_size=3),
        pending=st.booleans(),
        upside_down=st.booleans(),
    )
    def transfer(self, places: list[int], amounts: list[int], pending: bool, upside_down: bool) -> Any:
        sign = -1 if upside_down else 1
        legs = {places[0]: -sign * sum(amounts)} | {
            place: sign * amount for place, amount in zip(places[1:], amounts, strict=False)
        }
        key, fits = self.key(), self.fits(legs)
        done = self.tried(self.books.transfer(key, self.entries(legs), pending=pending))
        if not fits:
            assert done == "INSUFFICIENT_FUNDS"
            return multiple()
        assert isinstance(done, Transfer), done
        self.book(legs, pending=pending)
        return Made(done, legs, "pending" if pending else "posted", key, pending, open=dict(legs))

    @rule(one=made)
    def repeat(self, one: Made) -> None:
        if one.parent:
            again = self.wait(self.books.reverse(one.key, one.parent.transfer, one.asked, pending=one.pending))
        else:
            again = self.wait(self.books.transfer(one.key, self.entries(one.legs), pending=one.pending))
        assert (again.id, again.status) == (one.transfer.id, one.status)

    @rule(one=made)
    def repeat_otherwise(self, one: Made) -> None:
        assert self.tried(self.books.transfer(one.key, self.entries({0: -3, 1: 3}))) == "TRANSFER_KEY_REUSED"

    @rule(one=made, posts=st.booleans())
    def settle(self, one: Made, posts: bool) -> None:
        wanted = "posted" if posts else "void"
        done = self.tried((self.books.post if posts else self.books.void)(one.transfer))
        if one.status not in ("pending", wanted):
            assert done == "TRANSFER_NOT_POSSIBLE"
            return
        assert isinstance(done, Transfer)
        if one.status == "pending":
            self.free(one.legs)
            one.status = wanted
            if posts:
                self.book(one.legs, pending=False)
            elif one.parent:
                for place, amount in one.legs.items():
                    one.parent.open[place] -= amount

    @rule(target=made, one=made, part=st.one_of(st.none(), AMOUNTS), pending=st.booleans())
    def reverse(self, one: Made, part: int | None, pending: bool) -> Any:
        key = self.key()
        done = self.tried(self.books.reverse(key, one.transfer, part, pending=pending))
        left = sum(amount for amount in one.open.values() if amount > 0)
        if one.status != "posted":
            assert done == "TRANSFER_NOT_POSSIBLE"
        elif not 0 < (part or left) <= left:
            assert done in ("REVERSAL_TOO_LARGE", "TRANSFER_NOT_POSSIBLE")
        elif one.parent and (one.parent.parent or pending):
            assert done == "TRANSFER_NOT_POSSIBLE"
        elif done == "INSUFFICIENT_FUNDS":
            assert not self.fits({place: -amount for place, amount in one.open.items()})
        else:
            assert isinstance(done, Transfer), done
            return self._reversed(one, done, key, part, pending)
        return multiple()

    def _reversed(self, one: Made, done: Transfer, key: str, part: int | None, pending: bool) -> Made:
        legs = self.wait(self._legs(done))
        moved = sum(amount for amount in legs.values() if amount > 0)
        assert moved == (part or sum(amount for amount in one.open.values() if amount > 0))
        for place, amount in legs.items():
            left = one.open[place] + amount
            assert left * one.legs[place] >= 0
            assert abs(left) < abs(one.open[place])
            one.open[place] = left
            if one.parent:
                one.parent.open[place] += amount
        self.book(legs, pending=pending)
        return Made(done, legs, "pending" if pending else "posted", key, pending, one, part, dict(legs))

    async def _legs(self, transfer: Transfer) -> dict[int, int]:
        row = await self.books.db.fetchrow(
            "select account_ids, amounts from ledger_transfers where id = $1", transfer.id
        )
        places = {account.id("bazaar"): place for place, account in enumerate(self.accounts)}
        return {places[id]: amount for id, amount in zip(row["account_ids"], row["amounts"], strict=True)}

    @rule(amount=AMOUNTS, giver=st.integers(0, ACCOUNTS - 1), statements=st.integers(1, 2))
    def crash(self, amount: int, giver: int, statements: int) -> None:
        """The connection dies after one statement of a unit, or two, and before its commit."""
        self.wait(self._crash({giver: -1, (giver + 1) % ACCOUNTS: 1}, {0: -amount, 2: amount}, statements))

    async def _crash(self, first: dict[int, int], second: dict[int, int], statements: int) -> None:
        async def die() -> None:
            async with self.books.unit() as work:
                for legs in (first, second)[:statements]:
                    with contextlib.suppress(AppError):  # not enough there
                        await ledger.transfer(work, self.key(), "payment", self.entries(legs))
                await self.books.db.execute("select pg_terminate_backend($1, 5000)", work.db.get_server_pid())
                await work.db.execute("select 1")

        with pytest.raises(UNAVAILABLE_ERRORS):
            await die()

    @rule(giver=st.integers(2, ACCOUNTS - 1), amount=AMOUNTS, equal=st.booleans(), pending=st.booleans())
    def race(self, giver: int, amount: int, equal: bool, pending: bool) -> None:
        """Four at once with one key, or with four on an account that may not have enough for all."""
        receiver = giver - 1
        legs, keys = {giver: -amount, receiver: amount}, [self.key()] * 4 if equal else [self.key() for _ in range(4)]
        left = self.posted[giver] - self.reserved[giver]
        done = self.wait(self._race(keys, legs, pending))
        expected = min(len(set(keys)), left // amount)
        assert len({one.id for one in done if isinstance(one, Transfer)}) == expected
        assert len([one for one in done if one == "INSUFFICIENT_FUNDS"]) == (0 if equal and expected else 4 - expected)
        for _ in range(expected):
            self.book(legs, pending=pending)

    async def _race(self, keys: list[str], legs: dict[int, int], pending: bool) -> list[Transfer | str]:
        async def one(key: str) -> Transfer | str:
            try:
                return await self.books.transfer(key, self.entries(legs), pending=pending)
            except AppError as error:
                return error.kind.code

        return await asyncio.gather(*map(one, keys))

    # What is always true

    @invariant()
    def the_balances_are_those_of_the_model(self) -> None:
        assert self.wait(self._balances()) == [
            (posted, posted - reserved) for posted, reserved in zip(self.posted, self.reserved, strict=True)
        ]
        assert sum(self.posted) == 0

    async def _balances(self) -> list[tuple[int, int]]:
        return [await self.books.balance(account) for account in self.accounts]

    @invariant()
    def the_books_balance(self) -> None:
        assert self.wait(books_balance(self.books.db)) == []


@pytest.mark.slow
async def test_the_ledger_does_what_its_model_does(books: Books, ann: User, bob: User) -> None:
    class Here(Machine):
        pass

    Here.books, Here.loop = books, asyncio.get_running_loop()
    Here.accounts = [
        Account(None, "provider", "USD"), Account(None, "fees", "USD"),
        wallet(ann), wallet(ann, "held"), wallet(bob),
    ]  # fmt: skip
    bounds = settings(
        max_examples=15, stateful_step_count=30, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    await asyncio.to_thread(run_state_machine_as_test, Here, settings=bounds)
