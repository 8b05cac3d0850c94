"""Recognises messages that an official client repeats because of its `retries` option, without a `clientId`.

With `retries` a client sends an event again if its ack is late, and after a reconnect; nothing marks the repeat. But it sends one
event at a time, so a repeat has the content of the last message of the same socket, whose ack the client has not received. Here
each message without a `clientId` gets one of ours, and its repeat the same one, on any hub. So the journal finds the duplicate
as if the client had sent a `clientId`.

A ping goes out before each ack, so that we know when the client has received it: packets keep their order, so what comes after
the pong was sent after the ack. On recovery, the previous hub hands over whether an ack is outstanding. If it cannot, the log
says: it is the last message of this socket that is later than the last offset that the client has received.
"""

from base64 import urlsafe_b64encode
from datetime import datetime
from hashlib import blake2b
from secrets import token_urlsafe
from time import monotonic
from typing import Final
from uuid import UUID

import msgspec

from core.base import errors
from core.base.publisher import UNNAMED, Stored
from core.platform.db import Db, One
from realtime import wire
from realtime.rooms.client import Client, Sent

# As long as a connection can be dead before the heartbeat notices: an ack that takes longer does not arrive, and after a
# recovery repeats come at once. Later messages are new ones, even if the client has not answered the ping.
HEARD_SECONDS: Final = 45.0
# The same content sooner than this is a duplicate too, but does not show that the client uses `retries`.
LEAST_TIMEOUT: Final = 0.1
_KEY_BYTES: Final = 12
_NUMBER_BYTES: Final = 6

_encode = msgspec.json.Encoder().encode


class _ClientId(msgspec.Struct, frozen=True):
    client_id: str


_UNANSWERED: Final = One(
    _ClientId,
    """
    select m.client_id from unnest($1::uuid[], $2::bigint[]) as place (conversation_id, version)
    join messages m on m.conversation_id = place.conversation_id and m.version > place.version
    where m.sender_id = $3 and m.created_at > $4 and starts_with(m.client_id, $5)
    order by m.created_at desc limit 1""",
)


def client_id_of(client: Client, event: wire.SendMessage) -> str:
    """Return the client id of a message that has none and asks for an ack: the same as before if it is a repeat."""
    key = _of_socket(client.pid) + _digest(_encode(event), client.pid)
    sent = client.sent
    if sent is not None and sent.client_id.startswith(key) and _is_unheard(client, sent):
        client.retries = client.retries or monotonic() - sent.at >= LEAST_TIMEOUT
        return sent.client_id
    client.sent = Sent(key + token_urlsafe(_NUMBER_BYTES), monotonic())
    return client.sent.client_id


def answered(client: Client, client_id: str | None, answer: Stored | errors.AppError) -> None:
    """Note that the ack of a message is sent next; after a refusal that is worth a retry, its repeat is still expected."""
    sent = client.sent
    if sent is None or sent.client_id != client_id:
        return
    if isinstance(answer, Stored):
        sent.answered, sent.pong, sent.until = True, client.session.ping(), monotonic() + HEARD_SECONDS
    elif not answer.kind.retryable:
        client.sent = None


def unheard(client: Client) -> str | None:
    """Return the client id of the message whose ack a socket that disconnects may not have received."""
    sent = client.sent
    return sent.client_id if sent is not None and _is_unheard(client, sent) else None


def recovered(client: Client, client_id: str | None) -> None:
    """Note which message a recovered socket may repeat."""
    if client_id is not None:
        client.sent = Sent(client_id, monotonic(), answered=True, until=monotonic() + HEARD_SECONDS)


async def unanswered(db: Db, user_id: UUID, pid: str, places: list[tuple[UUID, int]], since: datetime) -> str | None:
    """Return the client id of the last message that a socket has sent since, after these versions of its conversations."""
    ids, versions = [id for id, _ in places], [version for _, version in places]
    row = await _UNANSWERED(db, ids, versions, user_id, since, _of_socket(pid))
    return row.client_id if row else None


def _is_unheard(client: Client, sent: Sent) -> bool:
    if not sent.answered:
        return True
    is_on_its_way = sent.pong is None or client.session.pongs < sent.pong
    return is_on_its_way and monotonic() < sent.until


def _of_socket(pid: str) -> str:
    # Not the pid itself: by that a socket is recovered.
    return UNNAMED + _digest(b"", pid)


def _digest(what: bytes, pid: str) -> str:
    return urlsafe_b64encode(blake2b(what, key=pid.encode()[:64], digest_size=_KEY_BYTES).digest()).decode()
