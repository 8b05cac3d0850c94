"""Our tokens are everybody's JWTs, and nothing else passes for one."""

from datetime import timedelta
from uuid import UUID

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.settings import Settings
from core.base import clock
from core.base.errors import AppError
from core.platform.tokens import ACCESS_LIFETIME, Access, KeyRing, Refresh, expiry

OLD, NEW = "an-old-key-that-is-long-enough-for-this", "a-new-key-that-is-long-enough-for-this"
USER, SESSION = UUID(int=1), UUID(int=2)
KEYS = KeyRing(Settings(jwt_keys=(f"new:{NEW}", f"old:{OLD}")))


def access(lifetime: timedelta = ACCESS_LIFETIME, email: str = "ann@example.com") -> Access:
    return Access(USER, email, "creator", "onswift", SESSION, **expiry(clock.now(), lifetime))


def refused(token: str) -> str:
    with pytest.raises(AppError) as error:
        KEYS.access(token)
    return error.value.kind.code


@given(st.text(max_size=50))
def test_any_jwt_library_reads_what_we_sign(email: str) -> None:
    token = KEYS.sign(access(email=email))
    claims = jwt.decode(token, NEW, algorithms=["HS256"])
    assert (claims["userId"], claims["email"]) == (str(USER), email)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "new", "typ": "JWT"}
    assert KEYS.access(token).email == email


@pytest.mark.parametrize(("name", "key"), [("new", NEW), ("old", OLD)])
def test_what_any_jwt_library_signs_with_one_of_our_keys_is_read(name: str, key: str) -> None:
    claims = jwt.decode(KEYS.sign(access()), NEW, algorithms=["HS256"])
    assert KEYS.access(jwt.encode(claims, key, headers={"kid": name})) == access()


def test_a_token_of_another_key_algorithm_or_kind_is_refused() -> None:
    claims = jwt.decode(KEYS.sign(access()), NEW, algorithms=["HS256"])
    assert refused(jwt.encode(claims, OLD, headers={"kid": "new"})) == "UNAUTHORIZED"
    assert refused(jwt.encode(claims, NEW, headers={"kid": "newer"})) == "UNAUTHORIZED"
    assert refused(jwt.encode(claims, NEW)) == "UNAUTHORIZED"
    assert refused(jwt.encode(claims, "", algorithm="none", headers={"kid": "new"})) == "UNAUTHORIZED"
    assert refused(jwt.encode(claims, NEW * 2, algorithm="HS512", headers={"kid": "new"})) == "UNAUTHORIZED"
    without_end = {name: value for name, value in claims.items() if name != "exp"}
    assert refused(jwt.encode(without_end, NEW, headers={"kid": "new"})) == "UNAUTHORIZED"
    assert (
        refused(KEYS.sign(Refresh(USER, SESSION, "onswift", **expiry(clock.now(), ACCESS_LIFETIME)))) == "UNAUTHORIZED"
    )


def test_a_token_is_good_until_it_expires_and_no_longer() -> None:
    assert KEYS.access(KEYS.sign(access(timedelta(seconds=60)))).user_id == USER
    assert refused(KEYS.sign(access(timedelta(0)))) == "TOKEN_EXPIRED"
    assert refused(KEYS.sign(access(timedelta(seconds=-60)))) == "TOKEN_EXPIRED"


@given(place=st.integers(0, 10_000), character=st.characters())
def test_a_token_with_any_character_changed_is_refused(place: int, character: str) -> None:
    token = KEYS.sign(access())
    place %= len(token)
    if token[place] != character:
        assert refused(token[:place] + character + token[place + 1 :]) == "UNAUTHORIZED"


@given(st.text(max_size=200))
@example("")
@example("..")
@example("....")
@example("eyJraWQiOiJuZXciLCJhbGciOiJIUzI1NiJ9..")
@example("\ud800.a.b")
def test_what_is_no_token_is_refused(text: str) -> None:
    assert refused(text) == "UNAUTHORIZED"


def test_each_key_derives_another_secret_of_each_name_and_the_signers_comes_first() -> None:
    derived = KEYS.derive(b"feed:a")
    assert derived == KEYS.derive(b"feed:a")
    assert derived[0] == KeyRing(Settings(jwt_keys=(f"new:{NEW}",))).derive(b"feed:a")[0]
    assert len({*derived, *KEYS.derive(b"feed:b")}) == 4


def test_what_is_derived_signs_no_token() -> None:
    head, payload, signature = KEYS.sign(access()).split(".")
    for name in (f"{head}.{payload}".encode(), b""):
        assert signature not in KEYS.derive(name)
        assert refused(f"{head}.{payload}.{KEYS.derive(name)[0]}") == "UNAUTHORIZED"
