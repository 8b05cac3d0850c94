"""Tokens of links to files (core/platform/tokens.py): what was not signed by us opens nothing."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from core.base.clock import now
from core.base.errors import FORBIDDEN, AppError
from core.base.ids import uuid7
from core.platform.tokens import Access, FileLink, KeyRing, Refresh, expiry

KEYS = KeyRing(Settings(jwt_keys=("test:a-secret-of-tests-that-is-long-enough",)))
OTHERS = KeyRing(Settings(jwt_keys=("test:another-secret-that-is-long-enough-too",)))
VALID = expiry(now(), timedelta(hours=1))
LINK = FileLink(uuid7(), uuid7(), **VALID, kind="download", variant="thumbnail")
TOKEN = KEYS.sign(LINK)


def refused(token: str) -> bool:
    with pytest.raises(AppError) as error:
        KEYS.file_link(token, "download")
    return error.value.kind is FORBIDDEN


def test_a_link_says_what_it_was_made_for() -> None:
    assert KEYS.file_link(TOKEN, "download") == LINK
    with pytest.raises(AppError):
        KEYS.file_link(TOKEN, "upload")


@given(st.text(max_size=400))
def test_no_text_is_a_link_by_chance(token: str) -> None:
    assert refused(token)


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii", categories=("L", "N")), st.integers(0, 2))
def test_a_link_that_was_changed_is_none(place: int, character: str, cut: int) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + cut :]
    if changed != TOKEN and not same_signature(changed):
        assert refused(changed)


def same_signature(token: str) -> bool:
    """Say whether only bits that base64 does not use have changed: the last character of 32 bytes holds two of them."""
    return token[:-1] == TOKEN[:-1] and len(token) == len(TOKEN)


def test_other_tokens_are_no_links() -> None:
    user, session = uuid7(), uuid7()
    assert refused(KEYS.sign(Access(user, "a@b.c", "creator", "onswift", session, **VALID)))
    assert refused(KEYS.sign(Refresh(user, session, "onswift", **VALID)))
    assert refused(OTHERS.sign(LINK))
    past = expiry(now() - timedelta(hours=2), timedelta(hours=1))
    assert refused(KEYS.sign(FileLink(user, user, **past, kind="download")))


def test_a_link_is_no_access_token() -> None:
    with pytest.raises(AppError):
        KEYS.access(TOKEN)
    with pytest.raises(AppError):
        KEYS.refresh(TOKEN)
