"""People who chat, over sockets or over REST, for any deployment of Greenroom: see bench/README.md.

locust --locustfile bench/locust/locustfile.py --host URL [ChatUser] [RestUser]

Users sign up and open conversations with each other. With GREENROOM_TOKENS and GREENROOM_CONVERSATIONS set to the files that
`greenroom seed` has written they are those of the files instead; then let one Locust process do all, or give each its own files.
"""

# mypy: disable-error-code="misc, untyped-decorator"
# Locust is not installed where types are checked.

import itertools
import json
import os
import random
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import requests
import socketio
from gevent.event import AsyncResult, Event
from locust import HttpUser, User, between, task
from socketio.exceptions import SocketIOError

PASSWORD = "Load-test-1"  # noqa: S105 - of users made for the test
ROLES = ("creator", "talent")
RENEW_SECONDS = 600  # an access token is good for 900
TIMEOUT_SECONDS = 10
PATIENCE_SECONDS = 60
WORDS = ("the", "part", "is", "yours", "if", "you", "can", "come", "on", "Friday", "bring", "a", "song", "and", "shoes")


def lines(variable: str) -> list[str]:
    """Return the lines of the file that an environment variable names."""
    path = os.environ.get(variable)
    return Path(path).read_text().split() if path else []


TOKENS, CONVERSATIONS = lines("GREENROOM_TOKENS"), lines("GREENROOM_CONVERSATIONS")
numbers = itertools.count()
newest: dict[str, str] = {}  # the latest sign-up of each role in this process


class Person:
    """A logged-in user, and the known conversations."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.conversations: list[str] = []
        self.refresh_token = ""
        self.renewed = time.monotonic()
        if TOKENS:
            number = next(numbers) % len(TOKENS)
            self.token: str = json.loads(TOKENS[number])["token"]
            self.conversations.append(CONVERSATIONS[number % len(CONVERSATIONS)])
        else:
            self._sign_up()

    def headers(self) -> dict[str, str]:
        """Return the authorization header, with a valid token."""
        if self.refresh_token and time.monotonic() - self.renewed > RENEW_SECONDS:
            self._take(self._post("/api/auth/refresh", {"refreshToken": self.refresh_token}))
            self.renewed = time.monotonic()
        return {"Authorization": f"Bearer {self.token}"}

    def _sign_up(self) -> None:
        role, other = random.sample(ROLES, 2)
        name = uuid.uuid4().hex[:12]
        account = {"email": f"{name}@load.invalid", "password": PASSWORD, "name": f"Load {name}", "userType": role}
        answer = self._post("/api/auth/signup", account)
        self._take(answer)
        if partner := newest.get(other):
            conversation = self._post("/api/conversations", {"participantId": partner}, self.headers())
            self.conversations.append(conversation["id"])
        newest[role] = answer["user"]["id"]

    def _take(self, answer: dict[str, Any]) -> None:
        self.token, self.refresh_token = answer["accessToken"], answer["refreshToken"]

    def _post(self, path: str, body: dict[str, str], headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = requests.post(self.host + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content


def text() -> str:
    """Return a text to send."""
    return " ".join(random.choices(WORDS, k=random.randint(3, 20)))


class ChatUser(User):
    """A user with the chat open: joins, sends a message now and then, types before and reads after.

    It behaves like a real client: it reconnects by itself, joins with the version it has seen, and repeats unacknowledged
    messages. Latencies are measured from the first try.
    """

    wait_time = between(2, 10)
    weight = 3

    def on_start(self) -> None:
        """Log in, connect and join."""
        self.person = Person(self.host)
        self.versions: dict[str, int] = {}  # the newest version seen of each conversation
        self.sent: dict[str, float] = {}
        self.here, self.gone = Event(), Event()
        self.staying = gevent.spawn(self._stay)
        self.here.wait(PATIENCE_SECONDS)

    def on_stop(self) -> None:
        """Leave; own messages not received by then count as lost."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self.sent and time.monotonic() < deadline:
            gevent.sleep(0.1)
        for started in self.sent.values():
            self._report("message:received", started, LookupError("never heard"))
        self.staying.kill()
        self.socket.disconnect()

    @task(5)
    def speak(self) -> None:
        """Type, and send; the time until the own message is received is reported as `message:received`."""
        if self.person.conversations:
            conversation, client_id = random.choice(self.person.conversations), uuid.uuid4().hex
            self._tell("conversation:typing", {"conversationId": conversation, "isTyping": True})
            gevent.sleep(random.uniform(0.5, 3))
            self.sent[client_id] = started = time.perf_counter()
            message = {"conversationId": conversation, "content": text(), "clientId": client_id}
            failure = self._send(message)
            self._report("message:send", started, failure)
            if failure:
                self.sent.pop(client_id, None)

    @task(1)
    def come_back(self) -> None:
        """Lose the connection, like mobile users do."""
        if self.here.is_set():
            self.socket.disconnect()

    def _stay(self) -> None:
        """Connect and join, and again whenever the connection is lost; reports the time until the user is back."""
        while True:
            started, tries = time.perf_counter(), 0
            while not self._connected():
                tries += 1
                gevent.sleep(random.uniform(0.2, min(0.4 * 2**tries, 5)))
            self._report("connect and join", started)
            self.gone.wait()
            gevent.sleep(random.uniform(0.2, 1))

    def _connected(self) -> bool:
        """Reconnect and join; returns whether that succeeded."""
        self.gone.clear()
        self.socket = socketio.Client(reconnection=False)
        self.socket.on("disconnect", self._lost)
        self.socket.on("message:received", lambda event: self._heard(event["message"]))
        self.socket.on("conversation:created", lambda event: self._created(event["conversationId"]))
        try:
            self.socket.connect(self.host, auth=self._auth(), transports=["websocket"], wait_timeout=TIMEOUT_SECONDS)
            for conversation in self.person.conversations:
                self._join(conversation)
        except (SocketIOError, requests.RequestException):
            self.socket.disconnect()
            return False
        self.here.set()
        return True

    def _lost(self, _reason: str) -> None:
        self.here.clear()
        self.gone.set()

    def _auth(self) -> dict[str, str]:
        return {"token": self.person.headers()["Authorization"].removeprefix("Bearer ")}

    def _join(self, conversation: str) -> None:
        seen = self.versions.get(conversation)
        place = {"limit": 50} if seen is None else {"since": seen}
        answer = self.socket.call(
            "join:conversation", {"conversationId": conversation, **place}, timeout=TIMEOUT_SECONDS
        )
        for message in answer["messages"]:
            self._heard(message)
        self.versions[conversation] = max(answer["version"], self.versions.get(conversation, 0))

    def _send(self, message: dict[str, str]) -> Exception | None:
        """Send until it is acknowledged, always with the same client id; returns the reason for a failure."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.here.wait(max(deadline - time.monotonic(), 0)):
            answer = AsyncResult()
            with suppress(SocketIOError):
                self.socket.emit("message:send", message, callback=answer.set)
            gevent.wait([answer, self.gone], TIMEOUT_SECONDS, count=1)
            code = answer.get_nowait().get("error", {}).get("code") if answer.ready() else "UNAVAILABLE"
            if code != "UNAVAILABLE":
                return RuntimeError(code) if code else None
            gevent.sleep(0.2)
        return TimeoutError("not acknowledged")

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        with suppress(SocketIOError):
            self.socket.emit(event, data)

    def _heard(self, message: dict[str, Any]) -> None:
        conversation = message["conversationId"]
        self.versions[conversation] = max(message["version"], self.versions.get(conversation, 0))
        if started := self.sent.pop(message.get("clientId") or "", None):
            self._report("message:received", started)

    def _created(self, conversation: str) -> None:
        self.person.conversations.append(conversation)
        with suppress(SocketIOError):
            self._join(conversation)

    def _report(self, name: str, started: float, failure: Exception | None = None) -> None:
        milliseconds = (time.perf_counter() - started) * 1000
        self.environment.events.request.fire(
            request_type="SOCKET",
            name=name,
            response_time=milliseconds,
            response_length=0,
            exception=failure,
            context={},
        )


class RestUser(HttpUser):
    """A user who looks in now and then: reads lists and pages, and answers."""

    wait_time = between(2, 10)

    def on_start(self) -> None:
        """Log in, and open the list."""
        self.person = Person(self.host)
        self.look()

    @task(3)
    def look(self) -> None:
        """Open the list."""
        headers = self.person.headers()
        answer = self.client.get("/api/conversations", headers=headers)
        if answer.ok:
            self.person.conversations = [conversation["id"] for conversation in answer.json()["conversations"]]
        self.client.get("/api/notifications", headers=headers)

    @task(3)
    def read(self) -> None:
        """Open a conversation and read it to its end."""
        if self.person.conversations:
            headers, path = self.person.headers(), f"/api/conversations/{random.choice(self.person.conversations)}"
            answer = self.client.get(f"{path}/messages", headers=headers, name="/api/conversations/:id/messages")
            if answer.ok and (messages := answer.json()["messages"]):
                last = {"messageId": messages[-1]["id"]}
                self.client.put(f"{path}/read", json=last, headers=headers, name="/api/conversations/:id/read")

    @task(2)
    def answer(self) -> None:
        """Send a message."""
        if self.person.conversations:
            path = f"/api/conversations/{random.choice(self.person.conversations)}/messages"
            body = {"content": text(), "clientId": uuid.uuid4().hex}
            headers = self.person.headers()
            self.client.post(path, json=body, headers=headers, name="/api/conversations/:id/messages")
