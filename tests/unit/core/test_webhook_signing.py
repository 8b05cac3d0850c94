"""Signatures of webhooks are those of Standard Webhooks."""

from base64 import b64decode
from datetime import UTC, datetime

from core.webhooks import signing


def test_a_signature_is_that_of_the_example_of_the_reference_library() -> None:
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    assert signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [key]) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_give_two_signatures_in_one_header() -> None:
    keys, at = [b"one", b"other"], datetime.now(UTC)
    one, other = (signing.headers("id", at, b"", [key])["webhook-signature"] for key in keys)
    assert signing.headers("id", at, b"", keys)["webhook-signature"].split(" ") == [one, other]
    assert one != other


def test_a_secret_is_shown_in_the_form_that_libraries_take() -> None:
    one, other = signing.new_secret(), signing.new_secret()
    assert one.startswith("whsec_")
    assert 24 <= len(b64decode(one.removeprefix("whsec_"))) <= 64
    assert one != other
