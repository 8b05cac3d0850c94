"""One client that has passwords hashed never keeps another one from logging in."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from core.platform import passwords
from tests.flow.api.conftest import PASSWORD, Api, Caller, Reply
from tests.flow.conftest import Environment


class Gate:
    """Hashes nothing until it is opened, so many at a time."""

    def __init__(self) -> None:
        self.opened = threading.Semaphore(0)
        self.begun: list[str] = []
        self.first = threading.Event()

    def hash(self, password: str) -> str:
        self.begun.append(password)
        self.first.set()
        self.opened.acquire()
        return "hash"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Return the gate of a machine with two cores, on which people come from where their X-Forwarded-For says."""
    monkeypatch.setattr(passwords, "WIDTH", 1)
    monkeypatch.setattr("api.admission.client_address", lambda peer, forwarded, _proxies: forwarded or peer)
    gate = Gate()
    yield gate
    gate.opened.release(1000)


async def test_sixty_signups_at_once_cost_another_clients_login_a_turn(
    gate: Gate, api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    monkeypatch.setattr(passwords, "hash_password", gate.hash)
    waiting, verify = asyncio.Event(), env.resources.passwords.verify_login

    async def verify_login(stored: str | None, password: str, subject: str) -> bool:
        waiting.set()
        return await verify(stored, password, subject)

    monkeypatch.setattr(env.resources.passwords, "verify_login", verify_login)
    mallory = Caller(api.client, headers={"X-Forwarded-For": "8.8.8.8"})

    async def sign_up(number: int) -> Reply:
        body = {"email": f"{number}@example.com", "password": PASSWORD, "name": "Mallory", "userType": "talent"}
        return await mallory.call("POST", "/auth/signup", json=body)

    flood = [asyncio.create_task(sign_up(number)) for number in range(60)]
    await asyncio.to_thread(gate.first.wait)
    login = asyncio.create_task(api.log_in(ann.email))
    await waiting.wait()
    gate.opened.release(2)
    assert (await login).status == 200
    assert len(gate.begun) <= 3, "the login was the next, or the next but one"
    gate.opened.release(1000)
    assert [(await task).status for task in flood] == [201] * 60
