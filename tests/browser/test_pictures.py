"""What people upload, shown by a real browser in a page of another origin: an <img> says nothing of who asks."""

import io
import json
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.browser.people import PASSWORD
from tests.browser.server import PATIENCE, DevServer

SIZES = """async url => {
    const one = new Image();
    one.src = url;
    await one.decode();
    return [one.naturalWidth, one.naturalHeight];
}"""


class Creator:
    """Someone who uploads pictures."""

    def __init__(self, server: DevServer) -> None:
        self._url, self._token = server.url, ""
        account = {"email": f"{uuid4()}@example.com", "password": PASSWORD, "name": "Ann", "userType": "creator"}
        self._token = self.call("POST", "/api/auth/signup", account)["accessToken"]
        new = {"name": "Film", "description": "A film", "dueDate": "2999-12-31"}
        self._project = self.call("POST", "/api/projects", new)["id"]

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API and return its answer."""
        return json.loads(self._sent(method, self._url + path, json.dumps(body).encode(), "application/json"))

    def uploaded(self, content: bytes, name: str, mime_type: str, purpose: str) -> Any:
        """Upload a file by a link and return its announcement."""
        new = {"fileName": name, "mimeType": mime_type, "fileSize": len(content), "uploadType": purpose}
        announced = self.call("POST", "/api/upload/presigned-url", new)
        self._sent("PUT", announced["uploadUrl"], content, mime_type or "application/octet-stream")
        return announced

    def sample(self, content: bytes, name: str, mime_type: str) -> str:
        """Add a sample and return the address that shows it, once it does."""
        url = self.uploaded(content, name, mime_type, "sample")["fileUrl"]
        new = {"name": name, "type": "file", "fileUrl": url}
        shown: str = self.call("POST", f"/api/projects/{self._project}/samples", new)["url"]
        until = monotonic() + PATIENCE
        while not _is_there(shown):
            assert monotonic() < until
            sleep(0.05)
        return shown

    def _sent(self, method: str, url: str, body: bytes, mime_type: str) -> bytes:
        headers = {"Content-Type": mime_type, "Authorization": f"Bearer {self._token}"}
        with urlopen(Request(url, body, headers, method=method), timeout=PATIENCE) as answer:
            content: bytes = answer.read()
            return content


def _is_there(url: str) -> bool:
    """Say whether a file can be read, or is still being checked."""
    try:
        with urlopen(url, timeout=PATIENCE):
            return True
    except HTTPError as error:
        if error.code != 409:
            raise
        return False


def encoded(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((90, 40), 60).convert("P" if kind == "GIF" else "RGB").save(out, kind, **options)
    return out.getvalue()


def exif() -> Image.Exif:
    told = Image.Exif()
    told[0x0112] = 6
    return told


@pytest.fixture
def creator(server: DevServer) -> Creator:
    server.start()
    return Creator(server)


@pytest.mark.parametrize(
    ("content", "name", "mime_type", "size"),
    [
        (encoded("PNG"), "a.png", "image/png", [90, 40]),
        (encoded("PNG", exif=exif()), "turned.png", "image/png", [40, 90]),
        (encoded("JPEG", exif=exif()), "IMG.JPG", "image/jpg", [40, 90]),
        (encoded("JPEG")[:-2], "cut.jfif", "image/pjpeg", [90, 40]),
        (encoded("JPEG", progressive=True)[:-2], "cut.jpeg", "", [90, 40]),
        (encoded("PNG")[:-12], "cut.png", "application/octet-stream", [90, 40]),
        (encoded("GIF")[:-1], "cut.gif", "IMAGE/GIF", [90, 40]),
    ],
)  # fmt: skip
def test_the_address_of_a_sample_shows_it_upright_and_whole(
    creator: Creator, browser: Browser, content: bytes, name: str, mime_type: str, size: list[int]
) -> None:
    url = creator.sample(content, name, mime_type)
    context = browser.new_context()
    assert context.new_page().evaluate(SIZES, url) == size
    context.close()


def test_an_avatar_is_shown_as_soon_as_its_address_is_named(creator: Creator, browser: Browser) -> None:
    new = creator.uploaded(encoded("PNG"), "me.png", "image/png", "avatar")
    url = creator.call("POST", "/api/users/me/avatar", {"fileUrl": new["fileUrl"]})["avatarUrl"]
    context = browser.new_context()
    assert context.new_page().evaluate(SIZES, url) == [90, 40]
    context.close()
