"""What is refused, or not read at all: no word of it is kept anywhere."""

from collections.abc import Iterator

from tests.flow.api.conftest import PASSWORD
from tests.flow.conftest import Chatter
from tests.flow.onswift.walk.walker import Walker


async def refused(walker: Walker, group: str) -> None:
    """Call what cannot be done, with a marker in all that is sent."""
    passing = walker.marks.passing
    headers = {
        "X-Device-Token": passing("device token"), "Cookie": f"onswift-device={passing('cookie')}", "Referer": passing("referer"),
        "Origin": f"https://{passing('origin')}.example", "X-Request-Id": f"{passing('bad request id')}!",
        "Idempotency-Key": passing("key of a refused call"), "If-None-Match": passing("entity tag"),
    }  # fmt: skip
    message = f"/conversations/{group}/messages"
    calls: list[tuple[str, str, object]] = [
        ("GET", f"/{passing('path')}?q={passing('query')}", None),
        ("GET", f"/files/{passing('file')}", None),
        ("PUT", "/users/me", {"skills": [passing("skill")], "availability": passing("availability")}),
        ("PUT", "/users/me", {passing("field"): passing("value"), "name": f"{passing('name with U+0000')}\0"}),
        ("POST", "/projects", {"name": passing("unfinished"), "dueDate": passing("day")}),
        ("POST", message, {"content": passing("refused message"), "replyTo": passing("reply")}),
        ("POST", message, {"content": passing("to who is not there"), "mentions": [walker.id[::-1]]}),
        ("PUT", f"{message}/{walker.id}/reactions/{passing('emoji')}", None),
        ("POST", "/notifications/devices", {"platform": passing("platform"), "token": passing("unused token")}),
        (
            "POST",
            "/upload/presigned-url",
            {"fileName": f"{passing('program')}.exe", "fileSize": 1, "uploadType": "avatar"},
        ),
    ]
    for method, path, body in calls:
        reply = await walker.caller.call(method, path, json=body, headers=headers)
        assert 400 <= reply.status < 500, (method, path, reply)
    for path, body in _without_a_login(walker):
        reply = await walker.api.anyone.call("POST", path, json=body, headers=headers)
        assert reply.status in (200, 400, 401), (path, reply)


def _without_a_login(walker: Walker) -> Iterator[tuple[str, dict[str, str]]]:
    passing = walker.marks.passing
    nobody = f"{passing('address of nobody')}@{passing('domain')}.example"
    yield "/auth/login", {"email": nobody, "password": PASSWORD}
    yield "/auth/forgot-password", {"email": nobody}
    yield "/auth/signup", {"email": nobody, "password": "weak", "name": passing("nobody"), "userType": "creator"}
    yield "/auth/refresh", {"refreshToken": passing("refresh token")}
    yield "/auth/reset-password", {"token": passing("code"), "newPassword": PASSWORD}


async def refused_on_the_socket(walker: Walker, chatter: Chatter, group: str) -> None:
    """Say what nobody understands, or what is refused."""
    passing = walker.marks.passing
    for event, payload in (
        (passing("event"), {passing("field of an event"): passing("value of an event")}),
        ("message:send", {"conversationId": group, "content": passing("refused text"), "replyTo": passing("no id")}),
        (
            "message:send",
            {"conversationId": walker.id, "content": passing("elsewhere"), "clientId": passing("client id")},
        ),
        ("join:user", {"userId": passing("no user")}),
    ):
        assert "error" in await chatter.socket.call(event, payload), event
