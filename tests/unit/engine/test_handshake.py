"""Request heads: what is a plain request for a WebSocket is seen as one, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.engine.http.handshake import make_request, read_upgrade, switching_protocols, websocket_key
from tests.flow.engine.serving import ACCEPT, KEY, upgrade_head

PATHS = frozenset(("/ws", "/ws/"))
HEAD = upgrade_head(
    80, "/ws?EIO=4&transport=websocket", "Origin: http://a", "User-Agent: me", "X-Forwarded-For: 9.9.9.9, 8.8.8.8"
)[:-4]


def test_the_parts_of_a_request_are_read() -> None:
    request = read_upgrade(HEAD, "1.2.3.4", PATHS)
    assert request is not None
    assert request.parameters() == {"EIO": "4", "transport": "websocket"}
    assert request._replace(query="") == (
        "GET", "", KEY, "", "http://a", "127.0.0.1:80", "me", "1.2.3.4", "9.9.9.9, 8.8.8.8", (),
    )  # fmt: skip


def test_the_answer_is_the_one_of_the_standard() -> None:
    answer = switching_protocols(KEY)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("lines", "protocol"),
    [
        ("Sec-WebSocket-Protocol: chat", "chat"),
        ("Sec-WebSocket-Protocol: v12.stomp , v11.stomp", "v12.stomp"),
        ("Sec-WebSocket-Protocol: a,b\r\nsec-websocket-protocol: c", "a"),
        ("Sec-WebSocket-Protocol: ", ""),
        ("Sec-WebSocket-Protocol: ,a", ""),
        ("Sec-WebSocket-Protocol: two words", ""),
        ("Sec-WebSocket-Protocol: x: y", ""),
        ("Sec-WebSocket-Protocol: ä", ""),
    ],
)
def test_the_first_protocol_that_is_offered_is_agreed(lines: str, protocol: str) -> None:
    request = read_upgrade(HEAD.replace(b"User-Agent: me", lines.encode()), "", PATHS)
    assert request is not None
    assert request.protocol == protocol
    line = f"\r\nSec-WebSocket-Protocol: {protocol}\r\n".encode()
    assert (line in switching_protocols(KEY, request.protocol)) == bool(protocol)


@given(st.text(st.characters(exclude_characters="\r\n", max_codepoint=255)))
def test_no_offer_breaks_the_answer(offer: str) -> None:
    headers = {"sec-websocket-protocol": offer}
    protocol = make_request("GET", "", KEY, headers, "").protocol
    assert switching_protocols(KEY, protocol).count(b"\r\n") == 5 + bool(protocol)


@pytest.mark.parametrize(
    "lines", [b"Connection: keep-alive\r\nConnection: Upgrade", b"Connection: Upgrade\r\nX: y\r\nconnection: close"]
)
def test_a_header_that_is_a_list_may_come_on_several_lines(lines: bytes) -> None:
    head = HEAD.replace(b"Connection: keep-alive, Upgrade", lines)
    request = read_upgrade(head.replace(b"9.9.9.9, ", b"9.9.9.9\r\nX-Forwarded-For:"), "", PATHS)
    assert request is not None
    assert request.forwarded == "9.9.9.9,8.8.8.8"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Host: 127.0.0.1:80\r\n", b""),
        (b"Host: 127.0.0.1:80", b"Host: 127.0.0.1:80\r\nHost: other"),
        (b"Origin: http://a", b"Origin: http://a\r\nOrigin: http://b"),
        (b"GET ", b"POST "),
        (b"GET ", b"get "),
        (b"/ws?", b"/other?"),
        (b"/ws?", b"http://x/ws?"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"HTTP/1.1 "),
        (b"Upgrade: websocket", b"Upgrade : websocket"),
        (b"Upgrade: websocket", b"Upgrade: websocket\r\n folded"),
        (b"Upgrade: websocket", b"Upgrade: websocket\r\nUpgrade: websocket"),
        (b"Upgrade: websocket", b"Upgrade: websocket\nX: y"),
        (b"User-Agent: me", b"Content-Length: 5"),
        (b"User-Agent: me", b"Transfer-Encoding: chunked"),
        (b"User-Agent: me", b"nonsense"),
        (b"User-Agent: me", b"User-Agent: m\0e"),
        (b"User-Agent: me", b": empty"),
        (b"keep-alive, Upgrade", b"keep-alive, Upgraded"),
        (KEY.encode(), KEY.encode()[:-4]),
        (KEY.encode(), b""),
    ],
)
def test_an_unusual_upgrade_is_left_to_aiohttp(old: bytes, new: bytes) -> None:
    assert old in HEAD
    assert read_upgrade(HEAD.replace(old, new), "", PATHS) is None


@given(st.binary(max_size=300))
def test_no_head_breaks_the_reader(head: bytes) -> None:
    assert read_upgrade(head, "", PATHS) is None


@given(st.integers(0, len(HEAD)), st.integers(0, 20), st.binary(max_size=20))
def test_no_mutilated_head_breaks_the_reader(at: int, size: int, extra: bytes) -> None:
    request = read_upgrade(HEAD[:at] + extra + HEAD[at + size :], "", PATHS)
    assert request is None or (request.method == "GET" and len(request.key) == 24)


@given(st.text())
def test_no_key_breaks_the_reader(key: str) -> None:
    headers = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13", "sec-websocket-key": key}
    assert len(websocket_key(headers)) in (0, 24)
