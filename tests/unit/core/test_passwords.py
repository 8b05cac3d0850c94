"""Passwords; other tests hash them with less work."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import bcrypt
import pytest
from argon2 import Type, extract_parameters

from core.base.errors import AppError
from core.platform import passwords
from core.platform.observability.metrics import Metrics
from core.platform.passwords import (
    BCRYPT,
    MOST_BCRYPT_ROUNDS,
    NO_PASSWORD,
    Passwords,
    hash_password,
    is_foreign,
    open_passwords,
    verify_password,
)


def test_a_stored_password_costs_whoever_guesses_at_least_what_owasp_asks() -> None:
    """The figures are of its Password Storage Cheat Sheet: argon2id, 19 MiB and two rounds."""
    cost = extract_parameters(hash_password("Correct-horse-7"))
    assert cost.type is Type.ID
    assert cost.memory_cost >= 19 * 1024
    assert cost.time_cost >= 2


def test_a_hash_takes_one_core() -> None:
    assert extract_parameters(hash_password("Correct-horse-7")).parallelism == 1


def test_a_password_fits_its_own_hash_only() -> None:
    stored = hash_password("Correct-horse-7")
    assert verify_password(stored, "Correct-horse-7")
    assert not verify_password(stored, "correct-horse-7")
    assert not verify_password(None, "Correct-horse-7")
    assert not verify_password("", "")


def test_nothing_fits_what_is_stored_where_there_is_no_password() -> None:
    for nothing in (None, "", NO_PASSWORD):
        assert not verify_password(nothing, "nobody's password")
        assert not verify_password(nothing, NO_PASSWORD)


@pytest.mark.parametrize("prefix", BCRYPT)
def test_a_bcrypt_hash_fits_its_password_up_to_the_72nd_byte(prefix: str) -> None:
    long = "é" * 36
    stored = prefix + bcrypt.hashpw(long.encode(), bcrypt.gensalt(4)).decode()[4:]
    assert is_foreign(stored)
    assert verify_password(stored, long)
    assert verify_password(stored, f"{long} and more")
    assert not verify_password(stored, long[:-1])


def test_what_only_looks_like_a_bcrypt_hash_fits_nothing_and_takes_no_time() -> None:
    whole = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()
    for stored in ("$2b$", "$2b$04$short", "$2b$xx$" + whole[7:], f"$2b${MOST_BCRYPT_ROUNDS + 1}${whole[7:]}"):
        assert not verify_password(stored, "x")


@dataclass
class Gate:
    """Stands in for the hashing: each password waits at the gate until it is opened."""

    begun: list[str] = field(default_factory=list)
    opened: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def hash(self, password: str) -> str:
        self.begun.append(password)
        self.opened.acquire()
        return f"hash of {password}"

    def verify(self, _stored: str, password: str) -> bool:
        return bool(self.hash(password))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(passwords, "HASHER", gate)
    monkeypatch.setattr(passwords, "WIDTH", 1)
    monkeypatch.setattr(passwords, "MOST_WAITING", 4)
    yield gate
    gate.opened.release(100)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def pool(gate: Gate, metrics: Metrics) -> AsyncIterator[Passwords]:
    async with open_passwords(metrics) as pool:
        yield pool
        gate.opened.release(100)


async def waiting(metrics: Metrics, kind: str, count: int) -> None:
    """Let tasks run until so many wait."""
    for _ in range(1000):
        if metrics.registry.get_sample_value("greenroom_passwords_waiting", {"kind": kind}) == count:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"never {count}")


async def flood(pool: Passwords, metrics: Metrics, subject: str) -> list[asyncio.Task[str]]:
    """Have one client hash as much as there is room for: one runs, four wait."""
    tasks = [asyncio.create_task(pool.hash(f"{subject}{n}", subject)) for n in range(5)]
    await waiting(metrics, "other", 4)
    return tasks


async def test_what_does_not_fit_is_refused_at_once(pool: Passwords, metrics: Metrics) -> None:
    await flood(pool, metrics, "mallory")
    with pytest.raises(AppError, match="UNAVAILABLE"):
        await pool.hash("one more", "mallory")
    assert metrics.registry.get_sample_value("greenroom_passwords_refused_total", {"kind": "other"}) == 1


async def test_a_flood_of_one_client_gives_way_to_another_one(pool: Passwords, metrics: Metrics, gate: Gate) -> None:
    tasks = await flood(pool, metrics, "mallory")
    ann = asyncio.create_task(pool.hash("ann's", "ann"))
    with pytest.raises(AppError, match="UNAVAILABLE"):
        await tasks[-1]
    gate.opened.release(3)
    assert await ann == "hash of ann's"
    assert gate.begun.index("ann's") <= 2, "hers was the next but one"


async def test_among_equals_the_latest_is_refused(pool: Passwords, metrics: Metrics) -> None:
    tasks = [asyncio.create_task(pool.hash("x", str(n))) for n in range(5)]
    await waiting(metrics, "other", 4)
    with pytest.raises(AppError, match="UNAVAILABLE"):
        await pool.hash("x", "one more")
    assert not any(task.done() for task in tasks)


async def test_a_login_takes_its_turn_before_a_queue_of_signups(pool: Passwords, metrics: Metrics, gate: Gate) -> None:
    await flood(pool, metrics, "mallory")
    login = asyncio.create_task(pool.verify_login("stored", "ann's", "ann"))
    await waiting(metrics, "login", 1)
    gate.opened.release(3)
    assert await login
    assert gate.begun.index("ann's") <= 2


async def test_a_call_that_is_given_up_keeps_its_thread_until_that_is_free(
    pool: Passwords, metrics: Metrics, gate: Gate
) -> None:
    running = asyncio.create_task(pool.hash("running", "ann"))
    next_one = asyncio.create_task(pool.hash("next", "bob"))
    await waiting(metrics, "other", 1)
    running.cancel()
    await asyncio.wait([running])
    await waiting(metrics, "other", 1)
    assert "next" not in gate.begun
    gate.opened.release(2)
    assert await next_one == "hash of next"


async def test_a_call_that_is_given_up_while_it_waits_leaves_the_queue(
    pool: Passwords, metrics: Metrics, gate: Gate
) -> None:
    tasks = await flood(pool, metrics, "mallory")
    for task in tasks[1:]:
        task.cancel()
    ann = asyncio.create_task(pool.hash("ann's", "ann"))
    await waiting(metrics, "other", 1)
    gate.opened.release(2)
    assert (await ann, await tasks[0]) == ("hash of ann's", "hash of mallory0")
    assert gate.begun == ["mallory0", "ann's"]
