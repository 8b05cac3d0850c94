"""A marker in each text that users choose is in their export, and after the erasure nowhere but where others have it."""

import asyncio
import logging
from collections.abc import Iterator

import msgspec
import pytest

from config.settings import Settings
from core.platform.observability.logs import JsonLines
from core.work.kept_answers import DELETED_NAME
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.onswift.walk import accounts, deliveries, projects, refused, talks
from tests.flow.onswift.walk.fields import EVENTS_WALKED, NOT_FREE, ROUTES_WALKED, texts_of_event, texts_of_route
from tests.flow.onswift.walk.marks import Mark, all_places, found
from tests.flow.onswift.walk.walker import Record, Walker
from tests.flow.workers.conftest import Mailbox
from tests.flow.workers.conftest import mailbox as mailbox
from workers.app import open_worker

# A client's name for one request, which the log is there to show.
IN_LOGS = "request id"


@pytest.fixture
def settings(settings: Settings, mailbox: Mailbox) -> Settings:
    return msgspec.structs.replace(settings, smtp_url=mailbox.url)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Return what production would log, as it is logged."""
    kept: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != "aiohttp.access":  # the test server's own
                kept.append(self.format(record))

    handler = Keep()
    handler.setFormatter(JsonLines())
    caplog.set_level(logging.INFO)
    logging.getLogger().addHandler(handler)
    yield kept
    logging.getLogger().removeHandler(handler)


async def places(env: Environment, lines: list[str]) -> dict[str, str]:
    resources = env.resources
    async with resources.storage._client() as s3:
        return await all_places(resources.db, resources.redis, s3, env.settings.s3_bucket, lines)


async def idle(env: Environment) -> None:
    """Return when the workers have done all that is due, and everything is told."""
    async with asyncio.timeout(PATIENCE):
        db, jobs = env.resources.db, env.resources.jobs
        while await jobs.waiting() or await db.fetchval("select count(*) from outbox"):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)


async def told(caller: Caller, text: str) -> None:
    """Return when someone is notified of something that has a text."""
    async with asyncio.timeout(PATIENCE):
        while text not in str((await caller.get("/notifications", limit=100)).body):  # noqa: ASYNC110 - the worker tells nobody else
            await asyncio.sleep(0.05)


def name_of(walker: Walker) -> str:
    return next(mark.text for mark in walker.marks.all if mark.about == "name")


def wrong(walker: Walker, where: dict[str, str]) -> dict[str, set[str]]:
    """Return the markers that are where they must not be, or are no longer where others have them."""
    found_at: dict[str, set[str]] = {}
    for mark in walker.marks.all:
        at = {place for place in found(where, mark) if (mark.about, place) != (IN_LOGS, "log")}
        if at - mark.stays or (mark.stays and not at):
            found_at[f"{walker.role}: {mark.about}"] = at
    return found_at


def missing(walker: Walker, export: str) -> list[str]:
    """Return what an export lacks, and what it has although it is not kept."""
    return [mark.about for mark in walker.marks.all if (mark.text in export) != mark.is_exported]


@pytest.fixture
async def walkers(api: Api, env: Environment, hub: str, lines: list[str], generous: None) -> tuple[Walker, Walker]:
    """Return a creator and a talent who have left markers everywhere."""
    record = Record()
    creator = await accounts.signed_up(api, env, record, "creator", "c")
    talent = await accounts.signed_up(api, env, record, "talent", "t")
    return creator, talent


async def test_of_an_erased_user_nothing_is_left_but_what_others_have(
    api: Api, env: Environment, hub: str, walkers: tuple[Walker, Walker], lines: list[str]
) -> None:
    max_, pia = await api.signed_up("creator", "Max Stays"), await api.signed_up("talent", "Pia Stays")
    creator, talent = walkers
    for other in (max_, pia):
        await other.want("task_commented", "mentioned")
    for walker in walkers:
        await accounts.profile(walker)
        await accounts.settings(walker)
    shared = await projects.create(creator, pia), await deliveries.work(talent, max_)
    await talks.talk(creator, pia, max_)
    await talks.talk(talent, max_, pia)
    for walker, project, other, third in zip(walkers, shared, (pia, max_), (max_, pia), strict=True):
        chatter = await talks.on_the_socket(walker, hub, other, third, project)
        group = (await walker.caller.get("/conversations")).body["conversations"][0]["id"]
        await refused.refused(walker, group)
        await refused.refused_on_the_socket(walker, chatter, group)
    async with open_worker(env.settings, env.resources, env.publisher):
        for walker, other in ((creator, pia), (talent, max_)):
            await told(other, f"{name_of(walker)} Somebody: ")
            await told(other, f"{name_of(walker)} Somebody commented on ")
            await told(other, f"{name_of(walker)} Somebody mentioned you on ")
        await idle(env)
        for walker in walkers:
            await accounts.read_notifications(walker)
        seen = await places(env, lines)
        for walker in walkers:
            name = Mark(name_of(walker), "name")
            assert found(seen, name) >= {"users", "idempotency_keys"}, "the test would notice"
            assert missing(walker, str(await walker.make("GET", "/api/users/me/export")).lower()) == []
            assert all(found(seen, mark) for mark in walker.marks.all if mark.is_exported), "the test would notice"
        for walker in walkers:
            await walker.make("DELETE", "/api/users/me")
        await idle(env)
        left = await places(env, lines)
    assert wrong(creator, left) | wrong(talent, left) == {}
    await others_see_no_name(max_, pia, walkers)
    record = creator.record
    assert ROUTES_WALKED.keys() - record.routes == set()
    assert EVENTS_WALKED.keys() - record.events == set()
    free = {text for route in ROUTES_WALKED.values() for text in texts_of_route(route)}
    free |= {text for event in EVENTS_WALKED.values() for text in texts_of_event(event)}
    assert free - record.marked - NOT_FREE.keys() == set()
    assert NOT_FREE.keys() - free == set()


async def others_see_no_name(max_: Caller, pia: Caller, walkers: tuple[Walker, Walker]) -> None:
    for other in (max_, pia):
        notifications = str((await other.get("/notifications", limit=100)).body)
        conversations = (await other.get("/conversations", limit=100)).body["conversations"]
        for conversation in conversations:
            messages = (await other.get(f"/conversations/{conversation['id']}/messages")).body["messages"]
            assert not any(name_of(walker) in str((conversation, messages)) for walker in walkers)
        assert not any(name_of(walker) in notifications for walker in walkers)
        assert f"{DELETED_NAME} commented on " in notifications
