"""What a client is told of its events, and what that costs it."""

from unittest.mock import Mock

import pytest

from core import errors
from realtime.client import Reply


@pytest.mark.parametrize(
    ("kind", "counts"), [(errors.NOT_A_MEMBER, 1), (errors.RATE_LIMITED, 1), (errors.UNAVAILABLE, 0)]
)
def test_a_refusal_counts_against_the_client_unless_we_are_unavailable(kind: errors.ErrorCode, counts: int) -> None:
    client = Mock()
    Reply(client, "message:send", 1).refuse(kind.error())
    assert client.ack.call_count == 1
    assert client.session.count_refusal.call_count == counts
