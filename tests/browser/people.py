"""People without a browser: they call the API, and one of them connects and never reads."""

import json
import socket
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

PASSWORD = "Correct-horse-1"


class Person:
    """Someone with an account."""

    def __init__(self, url: str, name: str, user_type: str) -> None:
        self._url = url
        account = {"email": f"{uuid4()}@example.com", "password": PASSWORD, "name": name, "userType": user_type}
        answer = self._post("/api/auth/signup", account, "")
        self.id: str = answer["user"]["id"]
        self.email: str = answer["user"]["email"]
        self.token: str = answer["accessToken"]

    def group(self, title: str, *others: "Person") -> str:
        """Make a group and return its id."""
        group = {"title": title, "participantIds": [one.id for one in others]}
        id: str = self._post("/api/conversations/groups", group, self.token)["id"]
        for one in others:
            one.accept_all()
        return id

    def invite(self, title: str, stranger: str) -> str:
        """Make a group to which somebody is invited, and return its id."""
        group = {"title": title, "participantIds": [stranger]}
        id: str = self._post("/api/conversations/groups", group, self.token)["id"]
        return id

    def invitations(self) -> list[dict[str, Any]]:
        """Return the open invitations."""
        page: list[dict[str, Any]] = self._call("/api/invitations", None, self.token)["invitations"]
        return page

    def accept_all(self) -> None:
        """Accept all invitations."""
        for one in self.invitations():
            self._post(f"/api/invitations/{one['id']}/accept", {}, self.token)

    def say(self, conversation: str, text: str) -> str:
        """Send a message and return its id."""
        answer = self._post(f"/api/conversations/{conversation}/messages", {"content": text}, self.token)
        id: str = answer["id"]
        return id

    def report(self, path: str, reason: str, text: str = "") -> str:
        """Report a user or a message and return the id of the report."""
        id: str = self._post(f"/api{path}/report", {"reason": reason, "text": text}, self.token)["id"]
        return id

    def _post(self, path: str, body: object, token: str) -> Any:
        return self._call(path, json.dumps(body).encode(), token)

    def _call(self, path: str, body: bytes | None, token: str) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        with urlopen(Request(self._url + path, body, headers), timeout=10) as answer:
            return json.load(answer)


def connect_and_join(port: int, person: Person, conversation: str) -> socket.socket:
    """Connect to a hub and open a conversation by hand, with the smallest of receive buffers; nothing more is read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", port))
    connection.sendall(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    _read_until(connection, b"\r\n\r\n")
    _say(connection, f'40{{"token":"{person.token}"}}')
    _read_until(connection, b'40{"sid"')
    _say(connection, f'420["join:conversation",{{"conversationId":"{conversation}"}}]')
    _read_until(connection, b'"complete":true')
    return connection


def _say(connection: socket.socket, packet: str) -> None:
    size = bytes([0x80 | len(packet)]) if len(packet) < 126 else b"\xfe" + len(packet).to_bytes(2, "big")
    connection.sendall(b"\x81" + size + bytes(4) + packet.encode())


def _read_until(connection: socket.socket, mark: bytes) -> None:
    heard = b""
    while mark not in heard:
        more = connection.recv(4096)
        assert more, heard
        heard += more
