"""The gateway: authenticates clients, and limits, decodes and dispatches their events."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import msgspec

from core.accounts.logins import Login
from core.base import errors
from core.base.clock import now
from core.base.people import Person
from core.platform.tokens import Access
from core.work.context import Resources, User
from realtime import wire
from realtime.concurrency.tasks import Tasks
from realtime.dialect.space import Space
from realtime.engine.session import RECONNECT, Session
from realtime.engine.socketio.sockets import Socket
from realtime.gateway.later import Later
from realtime.gateway.limits import CONNECT, UNKNOWN, Limiter
from realtime.gateway.logins import Logins
from realtime.gateway.namespaces import NamespaceSocket, SplitClient
from realtime.gateway.recovery import Recovery
from realtime.gateway.resync import Resync
from realtime.gateway.spaces import Spaces
from realtime.gateway.typing import Typing
from realtime.rooms.client import Client, Reply
from realtime.rooms.users import Users

WARNING_SECONDS = 60.0
ENDED_REMEMBERED = 10_000


class Auth(msgspec.Struct, frozen=True):
    """What a client sends with CONNECT; official clients add `pid` and `offset` when they reconnect, see recovery.py."""

    token: str
    pid: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    offset: str | None = None


class AuthAgain(msgspec.Struct, frozen=True):
    """The same of a client that is in another namespace already: it need not show its token again."""

    token: str = ""
    pid: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    offset: str | None = None


_AUTH = msgspec.json.Decoder(Auth)
_AUTH_AGAIN = msgspec.json.Decoder(AuthAgain)


class Gateway:
    """The gateway of one hub."""

    def __init__(
        self,
        resources: Resources,
        users: Users,
        typing: Typing,
        spaces: Spaces,
        limiter: Limiter,
        recovery: Recovery,
        resync: Resync,
    ) -> None:
        self._resources = resources
        self._users = users
        self.logins = Logins(resources.db, users, self._end)
        # The logins that ended last: some of their clients may be connecting.
        self._ended = OrderedDict[bytes, None]()
        self.limiter = limiter
        self._later = later = Later(self._do)
        self.hold, self.release = later.hold, later.release
        self._recovering = defaultdict[bytes, int](int)  # by user: sockets that are admitted, but not in `users` yet
        self._resync = resync
        self._tasks = Tasks()
        self._recovery = recovery
        self._typing = typing
        self._spaces = spaces
        for code in errors.TABLE:  # start at 0: Prometheus sees no increase in a counter that appears at 1
            resources.metrics.errors.labels(code)

    def count_error(self, code: str) -> None:
        """Count an error that is sent to a client."""
        self._resources.metrics.errors.labels(code).inc()

    def charge(self, client: Client, cost: float) -> None:
        """Charge the user for what an event weighs beyond what was taken for it."""
        self.limiter.charge(client.user_key, client.user.market, cost)

    def namespaces(self) -> dict[str, Callable[[Session], Socket]]:
        """Return what makes the socket of a client that connects, by namespace."""
        spaces = self._spaces
        return {
            name: partial(NamespaceSocket if spaces.is_split(name) else Client, self, space=spaces.any(name))
            for name in spaces
        }

    def connect(self, client: Client, auth: bytes) -> None:
        """Verify the token now, and its login together with all others that connect in this turn."""
        try:
            given, claims = self._given(client, auth)
            if claims.session_id.bytes in self._ended:
                raise errors.SESSION_ENDED.error()
            self.limiter.look_up(claims)
            self.logins.look_up(claims.session_id, partial(self._looked_up, client, given, claims))
        except errors.AppError as error:
            client.turn_away(error)

    def _given(self, socket: Client | NamespaceSocket, auth: bytes) -> tuple[Auth, Access]:
        """Verify what a client sends; tokens that we have not signed count against its address."""
        remote = socket.session.remote
        try:
            given = _AUTH.decode(auth)
            claims, socket.space = self._claims(given.token, socket.namespace)
            return given, claims
        except msgspec.DecodeError:
            self.limiter.fail(remote)
            raise errors.UNAUTHORIZED.error("Connect with auth: {token}") from None
        except errors.AppError:
            self.limiter.fail(remote)
            raise

    def _looked_up(self, client: Client, given: Auth, claims: Access, login: Login | errors.AppError) -> None:
        if not isinstance(login, errors.AppError) or login.kind.retryable:
            self.limiter.looked_up(claims)
        if client.gone:
            return
        try:
            user = self._user(claims, login)
            self.limiter.open(user, self._users.count(user.id.bytes) + self._recovering.get(user.id.bytes, 0))
        except errors.AppError as error:
            client.turn_away(error)
            return
        self._watch(client, claims)
        if isinstance(client, SplitClient):
            self._let_in(client, user, given)
        elif given.pid:
            self._recovering[user.id.bytes] += 1
            self._tasks.spawn(self._recover(client, user, given.pid, given.offset))
        else:
            self._admit(client, user)

    def join(self, socket: NamespaceSocket, auth: bytes) -> None:
        """Let a client into one more of its namespaces, or authenticate it if this is the first."""
        others = [one for one in socket.layer.sockets if one is not socket]
        client = next((one.client for one in others if isinstance(one, NamespaceSocket) and one.client), None)
        if client is None or client.gone:
            self.connect(SplitClient(self, socket), auth)
        elif not client.user_key:
            client.attach(socket)
            client.waiting.append((socket, auth))
        else:
            client.attach(socket)
            try:
                given = self._given_again(client, socket, auth)
            except errors.AppError as error:
                socket.turn_away(error)
                return
            self._enter(client, socket, given)

    def _given_again(self, client: SplitClient, socket: NamespaceSocket, auth: bytes) -> Auth:
        """Check what a client sends for one more namespace: the token of the same user, or none."""
        user = client.user
        self.limiter.take(client.user_key, user.market, CONNECT)
        socket.space = self._space(user.market, socket.namespace)
        try:
            given = _AUTH_AGAIN.decode(auth)
        except msgspec.DecodeError:
            raise errors.UNAUTHORIZED.error("Connect with auth: {token}") from None
        if given.token and self._given(socket, auth)[1].user_id != user.id:
            raise errors.FORBIDDEN.error("The token is another user's")
        return Auth(given.token, given.pid, given.offset)

    def _let_in(self, client: SplitClient, user: User, given: Auth) -> None:
        """Make a client with several namespaces this user, and let it into those that it has asked for."""
        first = client.enter(user, self._spaces.main(user.market))
        self._users.add(client)
        self._enter(client, first, given)
        waiting, client.waiting = client.waiting, []
        for socket, auth in waiting:
            if client.sockets.get(socket.namespace) is socket:
                self.join(socket, auth)

    def _enter(self, client: SplitClient, socket: NamespaceSocket, given: Auth) -> None:
        if not socket.space.is_main:
            socket.accept()
        elif given.pid:
            self._tasks.spawn(self._recover_main(client, socket, given.pid, given.offset))
        else:
            client.admit(client.user, self._recovery.new_pid())

    async def _recover_main(self, client: SplitClient, socket: NamespaceSocket, pid: str, offset: str | None) -> None:
        await self._resync.recover(client, client.user, pid, offset)
        if client.sockets.get(socket.namespace) is not socket:  # it has left meanwhile
            self.left_rooms(client)

    def _admit(self, client: Client, user: User) -> None:
        client.admit(user, self._recovery.new_pid())
        self._users.add(client)

    async def _recover(self, client: Client, user: User, pid: str, offset: str | None) -> None:
        try:
            await self._resync.recover(client, user, pid, offset)
        finally:
            self._recovering[user.id.bytes] -= 1
            if not self._recovering[user.id.bytes]:
                del self._recovering[user.id.bytes]
        if not client.gone:
            self._users.add(client)
            if user.session_id.bytes in self._ended:
                self._end(client)

    def refresh_auth(self, client: Client, event: wire.RefreshAuth, reply: Reply) -> None:
        """Switch to a new token of the same user, perhaps of another login, which counts from then on."""
        claims, _ = self._claims(event.token, client.namespace)

        def looked_up(login: Login | errors.AppError) -> None:
            if client.gone:
                return None
            try:
                user = self._user(claims, login)
                if user.id != client.user.id:
                    raise errors.FORBIDDEN.error("The token is another user's")
            except errors.AppError as error:
                return reply.refuse(error)
            self._users.go_on(client, user)
            self._watch(client, claims)
            return reply.done(wire.Authorized(datetime.fromtimestamp(claims.exp, UTC)))

        self.logins.look_up(claims.session_id, looked_up)

    def _claims(self, token: str, namespace: str) -> tuple[Access, Space]:
        claims = self._resources.keys.access(token)
        return claims, self._space(claims.market, namespace)

    def _space(self, market: str, namespace: str) -> Space:
        space = self._spaces.of(market, namespace)
        if space is None:
            raise errors.UNAUTHORIZED.error("The token is for another marketplace")
        return space

    def _user(self, claims: Access, login: Login | errors.AppError) -> User:
        """Return the user of a token whose login was looked up; raises SESSION_ENDED, UNAUTHORIZED."""
        if isinstance(login, errors.AppError):
            raise login
        if claims.session_id.bytes in self._ended:
            raise errors.SESSION_ENDED.error()
        if (login.user_id, login.market) != (claims.user_id, claims.market):
            raise errors.UNAUTHORIZED.error("The token is not valid")
        (login,) = self._resources.sealing.opened([login], "email")
        person = Person(login.user_id, login.name, login.avatar_url)
        return User(login.user_id, login.market, login.role, login.email, login.session_id, person)

    def _watch(self, client: Client, claims: Access) -> None:
        """Warn the client a minute before its token expires."""
        client.expires_at = float(claims.exp)
        left = client.expires_at - now().timestamp()
        client.session.engine.wheel.schedule(client, max(left - WARNING_SECONDS, 0.0))

    def expiring(self, client: Client) -> None:
        """Warn a client that its token expires within a minute; once it has expired, close the connection.

        Not only the namespace: official clients do not reconnect after that. After a lost connection they do, with a new token if
        their `auth` is a function.
        """
        left = client.expires_at - now().timestamp()
        if left > 0:
            client.send_event(wire.SessionExpiring(datetime.fromtimestamp(client.expires_at, UTC)))
            client.session.engine.wheel.schedule(client, left + 1.0)
        else:
            client.session.close(RECONNECT)

    def disconnected(self, client: Client) -> None:
        """Forget a client."""
        client.session.engine.wheel.cancel(client)
        client.release()
        self.left_rooms(client)
        if client.user_key:
            self._users.remove(client)

    def left_rooms(self, client: Client) -> None:
        """Forget the conversations of a client that has disconnected, or left the main namespace."""
        self._typing.gone(client)
        self._recovery.gone(client)
        for room in list(client.rooms.values()):
            client.leave(room)

    def caught_up(self, client: Client) -> None:
        """Send a client that was slow what it has missed, from the log."""
        self._resync.catch_up(client)

    def reload(self, user_key: bytes) -> None:
        """Look up a user again, whose later messages carry the new name."""
        for client in self._users.of(user_key):
            self.logins.look_up(client.user.session_id, partial(_renew, client))

    def end_session(self, session: bytes) -> None:
        """Close the sockets of a login that has ended."""
        self._ended[session] = None
        if len(self._ended) > ENDED_REMEMBERED:
            self._ended.popitem(last=False)
        for client in self._users.of_session(session):
            self._end(client)

    def _end(self, client: Client) -> None:
        client.send_event(wire.SessionEnded("This session was ended"))
        client.disconnect(close=True)

    def dispatch(self, client: Client, reply: Reply) -> None:
        """Handle an event, unless it repeats one that waits."""
        if client.held is None or not self._later.joins(client, reply):
            self._do(client, reply)

    def _do(self, client: Client, reply: Reply) -> None:
        """Decode and handle an event; any error becomes the reply."""
        entry = reply.space.entries.get(reply.name)
        try:
            self.limiter.take(client.user_key, client.user.market, entry.name if entry else UNKNOWN)
            if entry is None:
                raise errors.UNKNOWN_EVENT.error(f"There is no event {reply.name[:64]!r}")
            if reply.is_binary:
                raise errors.invalid("body", f"{reply.name} takes no binary data")
            entry.handle(client, reply.args, reply)
        except errors.AppError as error:
            reply.refuse(error)


def _renew(client: Client, login: Login | errors.AppError) -> None:
    if isinstance(login, Login):
        client.user = replace(client.user, person=Person(login.user_id, login.name, login.avatar_url))
