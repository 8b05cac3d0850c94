"""Bodies come as they are: what is compressed is refused before it is read, let alone decompressed."""

import zlib

import pytest

from tests.flow.api.conftest import Api, Caller
from tests.flow.onswift.test_forms import part
from tests.flow.onswift.uploading import announce, image, path_of

LOGIN = b'{"email": "x@example.com", "password": "x"}'


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x-unknown", "GZIP", "identity, gzip"])
async def test_an_encoded_body_is_refused_whether_or_not_it_can_be_decoded(api: Api, encoding: str) -> None:
    for body in (zlib.compress(LOGIN), LOGIN, b""):
        headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
        reply = await api.anyone.call("POST", "/auth/login", data=body, headers=headers)
        assert (reply.status, reply.code) == (415, "UNSUPPORTED_MEDIA_TYPE"), body
        assert "Content-Encoding" in reply.body["error"]["message"]


async def test_a_body_that_says_that_it_comes_as_it_is_is_read(api: Api) -> None:
    headers = {"Content-Encoding": "identity", "Content-Type": "application/json"}
    reply = await api.anyone.call("POST", "/auth/login", data=LOGIN, headers=headers)
    assert (reply.status, reply.code) == (401, "INVALID_CREDENTIALS")


async def test_an_encoded_file_is_not_put(api: Api) -> None:
    ann = await api.signed_up()
    url = path_of((await announce(ann, image())).body["uploadUrl"])
    headers = {"Content-Encoding": "gzip", "Content-Type": "image/png"}
    reply = await Caller(ann.client, "").call("PUT", url, data=image(), headers=headers)
    assert (reply.status, reply.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_an_encoded_form_and_an_encoded_part_of_one_are_refused(api: Api) -> None:
    ann = await api.signed_up()
    plain = part("avatar", image(), '; filename="me.png"', "Content-Type: image/png")
    encoded = part("avatar", image(), '; filename="me.png"', "Content-Type: image/png", "Content-Encoding: gzip")
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    for body, headers in ((plain, form | {"Content-Encoding": "gzip"}), (encoded, form)):
        reply = await ann.call("POST", "/users/me/avatar", data=body + b"--b--\r\n", headers=headers)
        assert (reply.status, reply.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
