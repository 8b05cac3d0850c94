"""What an application on the engine may rely on."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from realtime.engine.config import Config
from realtime.engine.socketio.sockets import MAX_NAMESPACES
from tests.flow.engine.apps import Story, Teller, tellers
from tests.flow.engine.serving import Raw, Served, client_frame, serving, text, websocket

NAMESPACES = ("/", "/a", "/b", *(f"/{number}" for number in range(MAX_NAMESPACES)))


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
async def served(story: Story) -> AsyncIterator[Served]:
    async with serving(Config(), tellers(story, *NAMESPACES)) as served:
        yield served


@pytest.fixture
async def raw(served: Served) -> AsyncIterator[Raw]:
    async with websocket(served) as raw:
        await raw.packet()
        yield raw


async def knock(raw: Raw, story: Story, namespace: str = "", auth: str = "") -> Teller:
    """The socket of a client that asks to join."""
    raw.send(text(f"40{namespace}{auth}"))
    what, socket, _ = await story.next()
    assert what == "connect"
    return cast("Teller", socket)


async def join(raw: Raw, story: Story, namespace: str = "") -> Teller:
    socket = await knock(raw, story, namespace)
    socket.accept()
    assert (await raw.packet()).startswith("40")
    return socket


async def test_a_client_joins_when_the_application_has_decided(raw: Raw, story: Story) -> None:
    socket = await knock(raw, story)
    socket.accept(pid="p1", n=1)
    assert await raw.packet() == f'40{{"sid":"{socket.id}","pid":"p1","n":1}}'


async def test_the_auth_is_handed_over_unread(raw: Raw, story: Story) -> None:
    raw.send(text('40/a,{"token":"ä", "n": 1.0}'))
    _, socket, auth = await story.next()
    assert auth == '{"token":"ä", "n": 1.0}'.encode()
    assert cast("Teller", socket).namespace == "/a"


async def test_a_refused_client_gets_the_reason_and_may_try_again(raw: Raw, story: Story) -> None:
    socket = await knock(raw, story)
    socket.refuse("no", {"code": "unauthorized"})
    assert await raw.packet() == '44{"message":"no","data":{"code":"unauthorized"}}'
    await join(raw, story)


async def test_a_refused_client_is_not_heard_of_again(raw: Raw, story: Story) -> None:
    (await knock(raw, story, "/a,")).refuse("no")
    assert await raw.packet() == '44/a,{"message":"no"}'
    await join(raw, story)
    raw.writer.close()
    assert await story.next() == ("disconnect", "/", "transport close")
    assert story.told.empty()


async def test_only_the_first_decision_counts(raw: Raw, story: Story) -> None:
    socket = await join(raw, story)
    socket.accept()
    socket.refuse("too late")
    socket.emit("next")
    assert await raw.packet() == '42["next"]'


async def test_nothing_is_emitted_to_a_client_that_has_not_joined(raw: Raw, story: Story) -> None:
    socket = await knock(raw, story)
    socket.emit("early")
    socket.accept()
    assert (await raw.packet()).startswith("40")
    socket.emit("late")
    assert await raw.packet() == '42["late"]'


@pytest.mark.parametrize("packet", ['42["x"]', "41", "40", '431["x"]'])
async def test_a_client_must_wait_for_the_answer_to_its_connect(raw: Raw, story: Story, packet: str) -> None:
    socket = await knock(raw, story)
    raw.send(text(packet))
    assert await story.next() == ("disconnect", "/", "forced server close")
    assert await raw.close_code() == 1002
    socket.accept()
    socket.emit("nobody")


async def test_a_client_that_disconnects_before_the_decision_is_reported_once(raw: Raw, story: Story) -> None:
    socket = await knock(raw, story)
    raw.writer.close()
    assert await story.next() == ("disconnect", "/", "transport close")
    socket.accept()
    socket.refuse("late")
    socket.disconnect()
    socket.disconnect(close=True)
    assert story.told.empty()


async def test_an_event_arrives_as_it_was_sent(raw: Raw, story: Story) -> None:
    await join(raw, story)
    raw.send(text('4212["say", {"text":"ä"},  1.50]'))
    assert await story.next() == ("event", "say", '["say", {"text":"ä"},  1.50]'.encode(), [], 12)


async def test_an_event_arrives_with_its_attachments(raw: Raw, story: Story) -> None:
    await join(raw, story)
    raw.send(text('451-["say",{"_placeholder":true,"num":0}]') + client_frame(0x82, b"\x00\xff"))
    assert await story.next() == ("event", "say", b'["say",{"_placeholder":true,"num":0}]', [b"\x00\xff"], None)


async def test_a_client_answers_an_event(raw: Raw, story: Story) -> None:
    socket = await join(raw, story, "/a,")
    socket.emit("question", {"of": b"\x01"}, ack=7)
    assert await raw.packet() == '451-/a,7["question",{"of":{"_placeholder":true,"num":0}}]'
    assert await raw.frame() == (0x82, b"\x01")
    raw.send(text('43/a,7["yes"]') + text('461-/a,8[{"_placeholder":true,"num":0}]') + client_frame(0x82, b"\x02"))
    assert await story.next() == ("ack", 7, b'["yes"]', [])
    assert await story.next() == ("ack", 8, b'[{"_placeholder":true,"num":0}]', [b"\x02"])


async def test_a_client_that_leaves_is_reported_and_may_come_back(raw: Raw, story: Story) -> None:
    socket = await join(raw, story)
    raw.send(text("41"))
    assert await story.next() == ("disconnect", "/", "client namespace disconnect")
    socket.emit("nobody")
    again = await join(raw, story)
    assert again.id != socket.id


async def test_a_client_disconnected_from_one_namespace_keeps_the_others(raw: Raw, story: Story) -> None:
    socket, other = await join(raw, story), await join(raw, story, "/a,")
    socket.disconnect()
    assert await raw.packet() == "41"
    assert await story.next() == ("disconnect", "/", "server namespace disconnect")
    other.emit("still")
    assert await raw.packet() == '42/a,["still"]'


async def test_packets_that_cross_the_goodbye_are_no_offence(raw: Raw, story: Story) -> None:
    socket, _ = await join(raw, story), await join(raw, story, "/a,")
    socket.disconnect()
    await story.next()
    raw.send(
        text('42["crossing"]') + text("41") + text('451-["x",{"_placeholder":true,"num":0}]') + client_frame(0x82, b"1")
    )
    raw.send(text('42/a,["fine"]'))
    assert (await story.next())[:2] == ("event", "fine")
    assert await raw.packet() == "41"
    await join(raw, story)


async def test_a_client_can_be_disconnected_from_all_namespaces(raw: Raw, served: Served, story: Story) -> None:
    socket, _ = await join(raw, story), await join(raw, story, "/a,")
    socket.emit("last")
    socket.disconnect(close=True)
    assert [await raw.packet() for _ in range(3)] == ['42["last"]', "41", "41/a,"]
    assert await raw.close_code() == 1000
    reasons = {await story.next(), await story.next()}
    assert reasons == {
        ("disconnect", "/", "server namespace disconnect"),
        ("disconnect", "/a", "server namespace disconnect"),
    }
    assert story.told.empty()
    assert served.engine.sessions == {}


async def test_the_namespaces_of_a_client_are_bounded(raw: Raw, story: Story) -> None:
    for number in range(MAX_NAMESPACES):
        await join(raw, story, f"/{number},")
    raw.send(text("40/a,"))
    assert await raw.packet() == '44/a,{"message":"Invalid namespace"}'


def _fail(*_: object) -> None:
    raise ValueError("the application is broken")


async def test_an_error_in_the_application_ends_that_session_only(
    served: Served, raw: Raw, story: Story, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join(raw, story)
    async with websocket(served) as other:
        await other.packet()
        await join(other, story)
        with monkeypatch.context() as patch:
            patch.setattr(Teller, "on_event", _fail)
            other.send(text('42["boom"]'))
            assert await other.close_code() == 1011
        assert "a layer failed on a message" in caplog.text
        caplog.clear()
    assert await story.next() == ("disconnect", "/", "transport error")
    raw.send(text('42["fine"]'))
    assert (await story.next())[:2] == ("event", "fine")


async def test_a_client_without_a_namespace_is_closed_in_time(story: Story) -> None:
    config = Config(connect_timeout=0.05, ping_interval=0.4, ping_timeout=60.0)
    async with (
        serving(config, tellers(story)) as served,
        websocket(served) as idle,
        websocket(served) as refused,
        websocket(served) as joined,
    ):
        (await knock(refused, story)).refuse("no")
        (await knock(joined, story)).accept()
        assert await idle.closing() == (1008, "No namespace was joined in 0.05 seconds: send CONNECT")
        assert await refused.close_code() == 1008
        while await joined.packet() != "2":
            pass
        assert len(served.engine.sessions) == 1
