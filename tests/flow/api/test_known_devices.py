"""Devices that were logged in on before: strangers never lock their users out there."""

from datetime import timedelta

import msgspec
import pytest

from core.base import clock
from core.limits.budget import Rate
from marketplaces.onswift.policy import POLICY
from tests.flow.api.conftest import PASSWORD, Api, Caller, Reply, serving
from tests.flow.conftest import Environment
from tests.policies import ChangePolicy

WRONG = "Wrong-horse-7"
NEW = {"X-Device-Token": "new"}


@pytest.fixture(autouse=True)
def low_limits(change_policy: ChangePolicy) -> None:
    """Lock an account after two failures, whatever address they come from; and have people come from anywhere."""
    rates = {"account": Rate("login-account", 2, 900), "device": Rate("login-device", 3, 900)}
    change_policy(login=msgspec.structs.replace(POLICY.login, **rates))


class Place:
    """Where people come from."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._number = 0
        monkeypatch.setattr("api.admission.client_address", lambda *_: f"8.8.8.{self._number}")

    def change(self) -> None:
        self._number += 1


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(monkeypatch)


async def log_in(api: Api, email: str, token: str, password: str = PASSWORD) -> Reply:
    """Log in with an app that keeps its device's token itself."""
    body = {"email": email, "password": password}
    return await api.anyone.call("POST", "/auth/login", json=body, headers={"X-Device-Token": token})


async def lock_out(api: Api, email: str, place: Place) -> None:
    """Have strangers fail from many addresses, until nobody gets in from an unknown one."""
    for _ in range(3):
        place.change()
        await api.log_in(email, WRONG)
    place.change()
    assert (await api.log_in(email)).status == 429


async def test_the_owner_gets_in_on_a_device_of_hers_from_a_new_address_while_strangers_guess(
    api: Api, place: Place
) -> None:
    ann = await api.signed_up()
    token = (await log_in(api, ann.email, "new")).headers["X-Device-Token"]
    await lock_out(api, ann.email, place)
    reply = await log_in(api, ann.email, token)
    assert reply.status == 200
    assert "Set-Cookie" not in reply.headers, "it keeps the token itself"


async def test_a_browser_keeps_it_as_a_cookie(env: Environment, light_passwords: None, place: Place) -> None:
    async with serving(env) as browser, serving(env) as stranger:
        ann = await browser.signed_up()
        await lock_out(stranger, ann.email, place)
        assert (await browser.log_in(ann.email)).status == 200
        place.change()
        assert (await stranger.log_in(ann.email)).status == 429


async def test_behind_an_address_that_strangers_have_locked_out_the_device_counts_for_itself(api: Api) -> None:
    ann = await api.signed_up()
    token = (await log_in(api, ann.email, "new")).headers["X-Device-Token"]
    for place in range(5):
        await api.log_in(f"nobody-{place}@example.com", WRONG)
    assert (await api.log_in(ann.email)).status == 429
    assert (await log_in(api, ann.email, token)).status == 200


async def test_guesses_on_a_known_device_are_limited(api: Api) -> None:
    ann = await api.signed_up()
    token = (await log_in(api, ann.email, "new")).headers["X-Device-Token"]
    statuses = [(await log_in(api, ann.email, token, WRONG)).status for _ in range(4)]
    assert statuses == [401] * 3 + [429]
    assert (await log_in(api, ann.email, token)).status == 429
    assert (await api.log_in(ann.email)).status == 200, "where she is known by her address"


async def test_a_device_of_somebody_else_or_that_is_made_up_is_none(api: Api, env: Environment, place: Place) -> None:
    ann, mallory = await api.signed_up(), await api.signed_up()
    token = (await log_in(api, mallory.email, "new")).headers["X-Device-Token"]
    await lock_out(api, ann.email, place)
    for other in (token, mallory.access_token, token[:-3] + "abc", "x", "\u00e9", ""):
        assert (await log_in(api, ann.email, other)).status == 429, other


async def test_of_a_device_that_several_people_use_each_is_known(api: Api, place: Place) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    token = (await log_in(api, ann.email, "new")).headers["X-Device-Token"]
    token = (await log_in(api, bob.email, token)).headers["X-Device-Token"]
    for one in (ann, bob):
        await lock_out(api, one.email, place)
        assert (await log_in(api, one.email, token)).status == 200


async def test_a_failed_login_makes_no_device_known(api: Api) -> None:
    ann = await api.signed_up()
    reply = await log_in(api, ann.email, "new", WRONG)
    assert (reply.status, reply.headers.keys() & {"X-Device-Token", "Set-Cookie"}) == (401, set())


async def test_a_refresh_renews_it(api: Api, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = await api.signed_up()
    body = {"refreshToken": ann.refresh_token}
    token = (await api.anyone.call("POST", "/auth/refresh", json=body, headers=NEW)).headers["X-Device-Token"]
    await lock_out(api, ann.email, place)
    assert (await log_in(api, ann.email, token)).status == 200
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=181))
    place.change()
    assert (await log_in(api, ann.email, token)).status == 429, "half a year later"


async def test_a_new_password_forgets_all_devices_but_the_one_that_it_was_set_on(api: Api, place: Place) -> None:
    ann = await api.signed_up()
    here, other = [(await log_in(api, ann.email, "new")).headers["X-Device-Token"] for _ in range(2)]
    body = {"currentPassword": PASSWORD, "newPassword": PASSWORD}
    changed = await ann.call("POST", "/auth/change-password", json=body, headers={"X-Device-Token": here})
    assert changed.status == 200
    await lock_out(api, ann.email, place)
    assert (await log_in(api, ann.email, other)).status == 429
    assert (await log_in(api, ann.email, changed.headers["X-Device-Token"])).status == 200


async def test_logging_out_everywhere_forgets_the_devices(api: Api, place: Place) -> None:
    ann = await api.signed_up()
    token = (await log_in(api, ann.email, "new")).headers["X-Device-Token"]
    assert (await ann.delete("/auth/sessions")).status == 204
    await lock_out(api, ann.email, place)
    assert (await log_in(api, ann.email, token)).status == 429


async def test_a_device_token_opens_nothing(api: Api) -> None:
    ann = await api.signed_up()
    token = (await log_in(api, ann.email, "new")).headers["X-Device-Token"]
    assert (await Caller(api.client, access_token=token).get("/users/me")).code == "UNAUTHORIZED"
    assert (await api.anyone.post("/auth/refresh", refreshToken=token)).code == "INVALID_REFRESH_TOKEN"


@pytest.fixture
def env_over_https(env: Environment) -> Environment:
    env.settings = msgspec.structs.replace(env.settings, public_url="https://onswift.example")
    object.__setattr__(env.resources, "settings", env.settings)
    return env


async def test_the_cookie_is_for_no_script_and_no_other_site(
    env_over_https: Environment, light_passwords: None
) -> None:
    async with serving(env_over_https) as api:
        body = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann", "userType": "creator"}
        response = await api.client.post("/api/auth/signup", json=body)
        cookie = response.cookies["__Secure-onswift-device"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (
        True, True, "Strict", "/api/auth",
    )  # fmt: skip
