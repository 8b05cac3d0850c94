"""A notification job that was lost is made up for."""

import asyncio

import pytest

from core.base.ids import uuid7
from core.base.publisher import Draft
from tests.flow.conftest import PATIENCE, Environment
from tests.flow.workers.test_notifications import Recorder
from workers.app import open_worker


async def test_a_starting_worker_notifies_of_messages_sent_while_there_was_none(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await env.publisher.append(Draft(uuid7(), group, ann.person, "hello"))
    await env.resources.redis.flushall()
    recorder = Recorder(env, monkeypatch)
    async with open_worker(env.settings, env.resources, env.publisher), asyncio.timeout(PATIENCE):
        await recorder.news.wait()
    assert recorder.notified() == [bob.id]
