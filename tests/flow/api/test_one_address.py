"""Many people behind one address: who floods there takes nothing from colleagues who refresh, or log in where they did before."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import pytest

import marketplaces
from api import admission
from core.limits.budget import Rate
from core.platform.tokens import KeyRing
from marketplaces import onswift
from tests.flow.api.conftest import PASSWORD, Api, Caller, Reply
from tests.flow.conftest import Environment
from tests.policies import with_policy

MOST = 5


@pytest.fixture(autouse=True)
def low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five calls an hour, of an address as of whoever shows a token."""
    market = with_policy(
        onswift.MARKETPLACE,
        per_address=Rate("address", MOST, 3600),
        per_address_changes=Rate("address-changes", MOST, 3600),
        per_holder=Rate("holder", MOST, 3600),
    )
    monkeypatch.setattr(marketplaces, "configured", lambda _names: (market,))


@pytest.fixture
def few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process take as few of an address, before it looks at them."""
    monkeypatch.setattr(admission, "REQUESTS", Rate("requests", 2 * MOST, 3600))


async def until_refused(call: Callable[[], Awaitable[Reply]]) -> None:
    """Flood until there is nothing left."""
    statuses = [(await call()).status for _ in range(3 * MOST)]
    assert statuses[-1] == 429
    assert statuses[0] != 429


async def refresh(caller: Caller, **headers: str) -> Reply:
    """Get new tokens for someone, without any other token than the one to refresh."""
    anyone = Caller(caller.client, headers=headers)
    reply = await anyone.post("/auth/refresh", refreshToken=caller.refresh_token)
    if reply.status == 200:
        caller.access_token, caller.refresh_token = reply.body["accessToken"], reply.body["refreshToken"]
    return reply


async def log_in(api: Api, email: str, device: str, password: str = PASSWORD) -> Reply:
    body = {"email": email, "password": password}
    return await api.anyone.call("POST", "/auth/login", json=body, headers={"X-Device-Token": device})


async def test_reading_in_a_loop_leaves_an_address_its_logins_and_refreshes(api: Api) -> None:
    ann = await api.signed_up()
    await until_refused(lambda: api.anyone.get("/skills"))
    assert (await api.log_in(ann.email)).status == 200
    assert (await refresh(ann)).status == 200


async def test_wrong_tokens_in_a_loop_leave_an_address_its_logins_and_refreshes(api: Api) -> None:
    ann = await api.signed_up()
    await until_refused(lambda: replace(api.anyone, access_token="a-guess").get("/users/me"))
    assert (await api.log_in(ann.email)).status == 200
    assert (await refresh(ann)).status == 200


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/forgot-password"])
async def test_changes_in_a_loop_leave_an_address_its_refreshes_and_the_logins_of_known_devices(
    api: Api, path: str
) -> None:
    ann = await api.signed_up()
    device = (await refresh(ann, **{"X-Device-Token": "new"})).headers["X-Device-Token"]
    await until_refused(lambda: api.anyone.post(path))
    assert (await api.log_in(ann.email)).status == 429, "somebody whom nothing vouches for"
    assert (await refresh(ann)).status == 200
    assert (await log_in(api, ann.email, device)).status == 200
    assert (await api.anyone.get("/skills")).status == 200


@pytest.mark.usefixtures("few_requests")
async def test_a_flood_that_is_refused_before_anything_is_looked_at_leaves_them_too(api: Api) -> None:
    ann = await api.signed_up()
    device = (await refresh(ann, **{"X-Device-Token": "new"})).headers["X-Device-Token"]
    await until_refused(lambda: api.anyone.get("/nothing"))
    assert (await api.anyone.get("/nothing")).status == 429
    assert (await refresh(ann)).status == 200
    assert (await log_in(api, ann.email, device)).status == 200
    assert (await ann.get("/users/me")).status == 200
    for _ in range(3):
        assert (await api.anyone.post("/auth/refresh", refreshToken="a-guess")).status == 429
    assert (await api.log_in(ann.email)).status == 429


async def test_a_refresh_token_is_limited_by_itself_and_nobody_else_is(api: Api) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("talent")
    first = ann.refresh_token
    await until_refused(lambda: api.anyone.post("/auth/refresh", refreshToken=first))
    assert (await refresh(bob)).status == 200


async def test_a_login_that_goes_on_refreshing_is_limited_as_its_user(api: Api) -> None:
    ann = await api.signed_up()
    statuses = [(await refresh(ann)).status for _ in range(8 * MOST + 1)]
    assert statuses == [200] * 8 * MOST + [429]


async def test_an_ended_login_does_not_use_up_what_its_user_has(api: Api) -> None:
    ann = await api.signed_up()
    other = api.logged_in(await api.log_in(ann.email))
    assert (await other.post("/auth/logout")).status == 204
    await until_refused(lambda: refresh(other))
    await until_refused(lambda: replace(other).get("/skills"))
    assert (await refresh(ann)).status == 200
    assert (await ann.get("/skills")).status == 200


async def test_a_known_device_is_limited_by_itself(api: Api) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    new = {"X-Device-Token": "new"}
    hers, his = [(await refresh(one, **new)).headers["X-Device-Token"] for one in (ann, bob)]
    await until_refused(lambda: log_in(api, ann.email, hers))
    assert (await log_in(api, bob.email, his)).status == 200


async def test_a_foreign_or_expired_token_does_not_replace_the_address(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    forged = KeyRing(msgspec.structs.replace(env.settings, jwt_keys=("one:" + "x" * 32,)))
    foreign = [
        forged.sign(env.resources.keys.refresh(ann.refresh_token)), ann.access_token, ann.refresh_token[:-2], "", "\ud800",
    ]  # fmt: skip
    await until_refused(lambda: api.anyone.post("/auth/refresh"))
    for token in foreign:
        assert (await api.anyone.post("/auth/refresh", refreshToken=token)).status == 429, token


async def test_a_body_read_before_admission_must_be_short_and_is_charged(api: Api) -> None:
    statuses = [(await api.anyone.post("/auth/refresh", refreshToken="x" * 9000)).status for _ in range(MOST + 1)]
    assert statuses == [413] * MOST + [429]


async def test_the_log_names_the_user_whose_tokens_ask_too_much_and_her_limits_can_be_raised(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ann = await api.signed_up()
    await until_refused(lambda: ann.get("/skills"))
    assert [line for line in caplog.messages if line.startswith(f"user {ann.id} exceeds the limit 'holder'")]
    bob = await api.signed_up()
    monkeypatch.setattr(env.resources.limits, "_raised", {bob.id: 3})
    assert [(await bob.get("/skills")).status for _ in range(3 * MOST + 1)] == [200] * 3 * MOST + [429]
