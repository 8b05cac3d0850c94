"""The sweep of logins ends when it is told to."""

import asyncio
from unittest.mock import Mock

import pytest

from realtime.gateway import logins
from realtime.gateway.logins import Logins


async def test_the_sweep_ends_though_its_work_takes_the_cancellation_for_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logins, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(logins, "CHUNK_SECONDS", 0.0)
    working, calls = asyncio.Event(), 0

    async def check_all(_self: Logins, _pause: float) -> None:
        nonlocal calls
        calls += 1
        working.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise TimeoutError from None

    monkeypatch.setattr(Logins, "_check_all", check_all)
    sweeping = Logins(Mock(), Mock(), Mock())
    sweeping.start()
    await working.wait()
    async with asyncio.timeout(20):
        await sweeping.stop()
    assert calls == 1
