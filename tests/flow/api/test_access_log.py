"""The access log holds no more of an address than its budget, and nothing that a client has made up."""

import logging
from time import monotonic

import pytest

from api import access_log
from core.base.ids import uuid7
from core.limits.budget import Rate
from tests.flow.api.conftest import Api, Caller, serving
from tests.flow.conftest import Environment, without_limits

MOST = 5


@pytest.fixture(autouse=True)
def few_lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(access_log, "LINES", Rate("access lines", MOST, 3600))
    caplog.set_level(logging.DEBUG, "api.access")


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    return [record.getMessage() for record in caplog.records if (record.name, record.levelno) == ("api.access", level)]


async def omitted(api: Api) -> str:
    async with api.client.get("/metrics") as response:
        found = [line for line in (await response.text()).splitlines() if line.startswith("greenroom_access_lines_om")]
        return found[0].split(" ")[1]


async def test_beyond_its_budget_an_address_is_one_line_a_minute_and_all_is_counted(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MOST + 20):
        await api.anyone.get("/health")
    assert len(lines(caplog)) == MOST + 1
    assert lines(caplog)[-1].startswith("1 lines of 127.0.0.0/24 are left out")
    monkeypatch.setattr("api.access_log.monotonic", lambda: monotonic() + 61)
    await api.anyone.get("/health")
    await api.anyone.get("/health")
    assert lines(caplog)[MOST + 1 :] == [lines(caplog)[-1]]
    assert lines(caplog)[-1].startswith("20 lines of ")
    assert await omitted(api) == "22.0"


async def test_probes_are_of_no_interest(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    probe = Caller(api.client, "")
    for path in ("/healthz", "/metrics"):
        for _ in range(MOST + 2):
            await probe.get(path)
    assert lines(caplog) == []
    assert len(lines(caplog, logging.DEBUG)) == 2 * (MOST + 2), "those who ask for more detail get all"


async def test_of_a_path_where_nothing_is_only_what_is_ours_is_logged(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    id = str(uuid7())
    for path in ("/users/ann/me", f"/secret/{id}/x", "/" * 9, f"/reviews/{id}", f"/users/{id}/reviews"):
        await api.anyone.get(path)
    assert [line.split(" ")[1] for line in lines(caplog)] == [
        "/api/users/*/me",
        "/api/*",
        "/api/",
        "/api/reviews/*",
        f"/api/users/{id}/reviews",
    ]


async def test_without_limits_every_request_has_its_line(env: Environment, caplog: pytest.LogCaptureFixture) -> None:
    env.settings = without_limits(env.settings)
    async with serving(env) as api:
        for _ in range(MOST + 5):
            await api.anyone.get("/health")
    assert len(lines(caplog)) == MOST + 5
