"""What cannot be undone asks for the password, or for a login of a moment ago."""

from datetime import timedelta

import pytest

from core.base import clock
from tests.flow.api.conftest import PASSWORD, Api, Caller, Reply

WRONG = "Wrong-horse-7"


async def delete(caller: Caller, password: str | None = None) -> Reply:
    return await caller.call("DELETE", "/users/me", json={} if password is None else {"password": password})


def later(monkeypatch: pytest.MonkeyPatch, delay: timedelta) -> None:
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + delay)


async def test_a_login_of_a_moment_ago_may_delete_the_account(api: Api) -> None:
    ann = await api.signed_up()
    assert (await ann.delete("/users/me")).status == 204
    assert (await api.log_in(ann.email)).status == 401


async def test_an_older_login_must_bring_the_password(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await api.signed_up()
    later(monkeypatch, timedelta(minutes=6))
    for reply in (await ann.delete("/users/me"), await delete(ann), await delete(ann, WRONG)):
        assert (reply.status, reply.code) == (403, "REAUTHENTICATION_REQUIRED")
    assert (await delete(ann, WRONG)).fields == ["password"]
    assert (await ann.get("/users/me")).status == 200
    assert (await delete(ann, PASSWORD)).status == 204
    assert (await ann.get("/users/me")).code == "SESSION_ENDED"


async def test_a_refresh_makes_a_login_no_younger(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await api.signed_up()
    later(monkeypatch, timedelta(minutes=6))
    refreshed = (await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)).body
    ann.access_token = refreshed["accessToken"]
    assert (await ann.delete("/users/me")).code == "REAUTHENTICATION_REQUIRED"
    again = api.logged_in(await api.log_in(ann.email))
    assert (await again.delete("/users/me")).status == 204


async def test_guesses_of_the_password_with_a_stolen_login_are_limited(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    later(monkeypatch, timedelta(minutes=6))
    statuses = [(await delete(ann, WRONG)).status for _ in range(3)]
    change = {"currentPassword": WRONG, "newPassword": PASSWORD}
    statuses += [(await ann.post("/auth/change-password", **change)).status for _ in range(2)]
    assert statuses == [403] * 3 + [400] * 2, "of the same five"
    assert (await delete(ann, PASSWORD)).status == 429
    assert (await ann.get("/users/me")).status == 200
