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
from pathlib import Path
from typing import Any

import gevent
import requests
import socketio
from locust import HttpUser, User, between, task

PASSWORD = "Load-test-1"  # noqa: S105 - of users made for the test
ROLES = ("creator", "talent")
RENEW_SECONDS = 600  # an access token is good for 900
TIMEOUT_SECONDS = 10
WORDS = ("the", "part", "is", "yours", "if", "you", "can", "come", "on", "Friday", "bring", "a", "song", "and", "shoes")


def lines(variable: str) -> list[str]:
    """Return the lines of the file that an environment variable names."""
    path = os.environ.get(variable)
    return Path(path).read_text().split() if path else []


TOKENS, CONVERSATIONS = lines("GREENROOM_TOKENS"), lines("GREENROOM_CONVERSATIONS")
numbers = itertools.count()
newest: dict[str, str] = {}  # the user of each role who signed up last in this process


class Person:
    """Someone who is logged in, and the conversations that she knows of."""

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
        """Return the header that says who she is, with a token that is still good."""
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
    """Return something to say."""
    return " ".join(random.choices(WORDS, k=random.randint(3, 20)))


class ChatUser(User):
    """Someone with the chat open: joins, says something now and then, types before and reads after."""

    wait_time = between(2, 10)
    weight = 3

    def on_start(self) -> None:
        """Log in, connect and join."""
        self.person = Person(self.host)
        self.sent: dict[str, float] = {}
        self.socket = socketio.Client(reconnection=False)
        self.socket.on("message:received", self._received)
        self.socket.on("conversation:created", self._created)
        self._connect(limit=50)

    def on_stop(self) -> None:
        """Leave."""
        self.socket.disconnect()

    @task(5)
    def speak(self) -> None:
        """Type, and send; the delay until one's own message is heard is reported as `message:received`."""
        if self.person.conversations:
            conversation, client_id = random.choice(self.person.conversations), uuid.uuid4().hex
            self._call("conversation:typing", {"conversationId": conversation, "isTyping": True})
            gevent.sleep(random.uniform(0.5, 3))
            self.sent[client_id] = time.perf_counter()
            message = {"conversationId": conversation, "content": text(), "clientId": client_id}
            self._call("message:send", message)

    @task(1)
    def come_back(self) -> None:
        """Lose the connection and join again, as people on the road do."""
        self.socket.disconnect()
        gevent.sleep(1)
        self._connect(since=0)

    def _connect(self, **position: int) -> None:
        token = self.person.headers()["Authorization"].removeprefix("Bearer ")
        with self.environment.events.request.measure("SOCKET", "connect"):
            self.socket.connect(
                self.host, auth={"token": token}, transports=["websocket"], wait_timeout=TIMEOUT_SECONDS
            )
        for conversation in self.person.conversations:
            self._call("join:conversation", {"conversationId": conversation, **position})

    def _call(self, event: str, data: dict[str, Any]) -> None:
        with self.environment.events.request.measure("SOCKET", event):
            answer = self.socket.call(event, data, timeout=TIMEOUT_SECONDS)
            if "error" in answer:
                raise RuntimeError(answer["error"]["code"])

    def _received(self, data: dict[str, Any]) -> None:
        started = self.sent.pop(data["message"].get("clientId") or "", None)
        if started is not None:
            self.environment.events.request.fire(
                request_type="SOCKET",
                name="message:received",
                response_time=(time.perf_counter() - started) * 1000,
                response_length=0,
                exception=None,
                context={},
            )

    def _created(self, data: dict[str, str]) -> None:
        self.person.conversations.append(data["conversationId"])
        gevent.spawn(self._call, "join:conversation", {"conversationId": data["conversationId"], "limit": 50})


class RestUser(HttpUser):
    """Someone who looks in now and then: reads lists and pages, and answers."""

    wait_time = between(2, 10)

    def on_start(self) -> None:
        """Log in."""
        self.person = Person(self.host)

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
