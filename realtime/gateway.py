"""The gateway: who may connect, and how fast and in what form clients may talk."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import msgspec

from core import errors
from core.context import Resources, User
from core.people import Person
from core.rooms import LIVE_SESSIONS, Login
from core.tokens import Access
from core.validation import as_error
from realtime import wire
from realtime.batch import Batch
from realtime.client import Client, Reply
from realtime.engine.session import Session
from realtime.handlers import Handlers
from realtime.limits import Limiter
from realtime.users import Users


class Auth(msgspec.Struct, frozen=True):
    """What a client gives with CONNECT."""

    token: str


_AUTH = msgspec.json.Decoder(Auth)


class Gateway:
    """The one namespace of the hub."""

    def __init__(
        self, resources: Resources, markets: frozenset[str], users: Users, handlers: Handlers, limiter: Limiter
    ) -> None:
        self._resources = resources
        self._markets = markets
        self._users = users
        self._limiter = limiter
        self._handlers = handlers
        self._events = handlers.table()
        self._logins = Batch(self._look_up)

    def client(self, session: Session) -> Client:
        """Make the socket of a client that connects."""
        return Client(self, session)

    def connect(self, client: Client, auth: bytes) -> None:
        """Check the token now and its session with all others that connect in this turn."""
        try:
            claims = self._resources.keys.access(_AUTH.decode(auth).token)
            if claims.market not in self._markets:
                raise errors.UNAUTHORIZED.error("The token is for another marketplace")
            self._logins.add(claims.session_id, partial(self._looked_up, client, claims))
        except msgspec.DecodeError:
            client.turn_away(errors.UNAUTHORIZED.error("Connect with auth: {token}"))
        except errors.AppError as error:
            client.turn_away(error)

    async def _look_up(self, session_ids: list[UUID]) -> Sequence[Login | errors.AppError]:
        logins = {login.session_id: login for login in await LIVE_SESSIONS(self._resources.db, session_ids)}
        ended = errors.SESSION_ENDED.error()
        return [logins.get(session_id, ended) for session_id in session_ids]

    def _looked_up(self, client: Client, claims: Access, login: Login | errors.AppError) -> None:
        if client.gone:
            return
        if isinstance(login, errors.AppError):
            client.turn_away(login)
        elif (login.user_id, login.market) != (claims.user_id, claims.market):
            client.turn_away(errors.UNAUTHORIZED.error("The token is not valid"))
        else:
            person = Person(login.user_id, login.name, login.avatar_url)
            client.admit(User(login.user_id, login.market, login.role, login.email, login.session_id, person))
            self._users.add(client)

    def disconnected(self, client: Client) -> None:
        """Forget a client."""
        for room in list(client.rooms.values()):
            client.leave(room)
        if client.user_key:
            self._users.remove(client)

    def caught_up(self, client: Client) -> None:
        """Give a client that was slow what it has missed, from the log."""
        self._handlers.catch_up(client)

    def end_session(self, session: bytes) -> None:
        """Close the sockets of a login that has ended elsewhere."""
        for client in self._users.of_session(session):
            client.tell(wire.SessionEnded("This session was ended"))
            client.disconnect(close=True)

    def dispatch(self, client: Client, name: str, args: bytes, reply: Reply) -> None:
        """Decode an event and do it; whatever is wrong with it becomes the reply."""
        try:
            if name not in self._events:
                raise errors.UNKNOWN_EVENT.error(f"There is no event {name[:64]!r}")
            self._limiter.take(client.user_key, name)
            self._events[name](client, args, reply)
        except msgspec.DecodeError as problem:
            reply.refuse(as_error(problem))
        except errors.AppError as error:
            reply.refuse(error)
