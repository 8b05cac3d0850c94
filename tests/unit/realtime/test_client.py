"""What a client is told of its events, and what that costs it."""

from unittest.mock import Mock

import pytest

from core.base import errors
from realtime.dialect.encoder import CORE
from realtime.dialect.space import Space
from realtime.engine.socketio.sockets import SocketIO
from realtime.rooms.client import Client, Reply


@pytest.mark.parametrize(
    ("kind", "counts"), [(errors.NOT_A_MEMBER, 1), (errors.RATE_LIMITED, 1), (errors.UNAVAILABLE, 0)]
)
def test_a_refusal_counts_against_the_client_unless_we_are_unavailable(kind: errors.ErrorCode, counts: int) -> None:
    client = Mock(id="1", space=Space(CORE, Mock(), "/", {}))
    Reply(client, "message:send", 1).refuse(kind.error())
    (ack,), (event,) = (call.args for call in client.emit_raw.call_args_list)
    assert b'431[{"error"' in ack
    assert b'42["error",' in event
    assert client.session.count_refusal.call_count == counts


@pytest.mark.parametrize(
    ("kind", "is_counted"), [(errors.SESSION_ENDED, True), (errors.RATE_LIMITED, True), (errors.UNAVAILABLE, False)]
)
def test_a_refused_connect_counts_against_the_client_unless_we_are_unavailable(
    kind: errors.ErrorCode, *, is_counted: bool
) -> None:
    session = Mock(max_payload=1000)
    client = Client(Mock(), session, Space(CORE, Mock(), "/", {}))
    client.layer, client.namespace = SocketIO(session, {}), "/"
    client.layer._sockets["/"] = client
    client.turn_away(kind.error())
    assert session.engine.outbox.add.call_count == 1
    assert session.count_refusal.call_count == is_counted
