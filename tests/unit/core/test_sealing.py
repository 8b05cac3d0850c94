"""Sealed values open where they were sealed, with a key of the ring, and nowhere else."""

import logging
from base64 import b64decode
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.settings import Settings, SettingsError, load, masked
from core.base.errors import AppError
from core.platform.sealing.keys import LocalKeyService, key_service, new_key, open_sealing
from core.platform.sealing.sealing import MARK, UNREADABLE, Sealing
from core.text.texts import line, prose

OLD, NEW, INDEX = b"o" * 32, b"n" * 32, b"i" * 32
RING = Sealing({"new": NEW, "old": OLD}, INDEX)
TEXT = "meet me at noon \N{CLOCK FACE TWELVE OCLOCK}"
PLACE = "messages.body 1"


def sealed(ring: Sealing = RING, text: str = TEXT) -> str:
    return ring.seal("bazaar", "messages.body", 1, text)


def refused(ring: Sealing, text: str) -> bool:
    before = ring.unreadable
    with pytest.raises(AppError) as error:
        ring.open(text)
    assert ring.unreadable == before + 1, "it is counted"
    return error.value.kind.code == "SEALED_VALUE_UNREADABLE"


def test_a_value_opens_at_its_place_and_says_nothing_itself() -> None:
    value = sealed()
    assert value.startswith(f"{MARK}new:bazaar:")
    assert "noon" not in value
    assert RING.open(f"{value} {PLACE}") == TEXT
    assert sealed() != value, "two seals of one text differ"


def test_it_is_aes_256_gcm_by_a_key_derived_with_hkdf() -> None:
    header, _, body = sealed().rpartition(":")
    bound = f"{header} {PLACE}".encode()
    raw = b64decode(body)
    key = HKDF(SHA256(), 32, salt=b"greenroom sealing", info=bound).derive(NEW)
    assert AESGCM(key).decrypt(raw[:12], raw[12:], bound).decode() == TEXT


def test_a_value_is_useless_in_another_row_column_market_or_with_another_tag() -> None:
    value = sealed()
    for place in ("messages.body 2", "reports.evidence 1", "messages.body", ""):
        assert refused(RING, f"{value} {place}")
    assert refused(RING, f"{value.replace('bazaar', 'onswift')} {PLACE}")
    assert refused(RING, f"{value.replace('bazaar::', 'bazaar:x:')} {PLACE}")
    assert refused(RING, f"{value} {PLACE} messages.body 2"), "a place that was stored with it does not count"


def test_any_changed_byte_and_any_cut_is_noticed() -> None:
    value = sealed(text="x")
    for at in range(len(MARK), len(value)):
        other = "B" if value[at] != "B" else "C"
        assert refused(RING, f"{value[:at]}{other}{value[at + 1 :]} {PLACE}")
        assert refused(RING, f"{value[:at]} {PLACE}")


def test_all_keys_of_the_ring_open_and_the_first_one_seals() -> None:
    old = sealed(Sealing({"old": OLD}, INDEX))
    assert RING.open(f"{old} {PLACE}") == TEXT
    again = RING.resealed(f"{old} {PLACE}")
    assert again.startswith(RING.prefix)
    assert RING.open(f"{again} {PLACE}") == TEXT
    assert refused(Sealing({"old": OLD}, INDEX), f"{sealed()} {PLACE}"), "a key that is not there"
    assert refused(Sealing({"new": OLD}, INDEX), f"{sealed()} {PLACE}"), "another key of that name"
    assert refused(Sealing({}, b""), f"{sealed()} {PLACE}"), "no keys at all"


def test_what_cannot_be_opened_is_logged_without_it_and_not_without_end(caplog: pytest.LogCaptureFixture) -> None:
    ring = Sealing({"new": OLD}, INDEX)
    value = sealed()
    with caplog.at_level(logging.WARNING):
        assert [ring.shown(f"Ann: {value} {PLACE}") for _ in range(1000)] == [f"Ann: {UNREADABLE}"] * 1000
    assert PLACE in caplog.messages[0]
    assert value not in caplog.text
    assert len(caplog.messages) == 101


class Line(msgspec.Struct, frozen=True):
    text: str | None


def test_a_value_in_many_rows_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    usual = RING.shown

    def shown(text: str, most: int | None = None) -> str:
        opened.append(text)
        return usual(text, most)

    monkeypatch.setattr(RING, "shown", shown)
    value = f"{sealed()} {PLACE}"
    rows = [Line(value), Line("plain"), Line(None), Line(value)]
    assert [row.text for row in RING.opened(rows, "text", 7)] == [TEXT[:7], "plain", None, TEXT[:7]]
    assert opened == [value]
    assert RING.opened(rows[1:3], "text") == rows[1:3]


def test_what_is_not_sealed_stays_as_it_is() -> None:
    for text in ("", "hello", "1:new:bazaar::x"):
        assert (RING.open(text), RING.shown(text)) == (text, text)


def test_no_text_of_a_user_passes_for_a_sealed_value() -> None:
    value = sealed()
    assert not prose(value).startswith(MARK)
    assert MARK not in prose(f"x {value}")
    assert MARK not in line(value)


def test_jobs_are_sealed_where_there_are_keys() -> None:
    packed = RING.pack(b"\x81 a code")
    assert b"code" not in packed
    assert RING.unpack(packed) == b"\x81 a code"
    assert RING.unpack(b"\x81 a code") == b"\x81 a code", "what was queued before"
    assert Sealing({}, b"").pack(b"x") == b"x"


def test_an_index_is_that_of_one_column_of_one_market() -> None:
    index = RING.index("bazaar", "users.email", "ann@example.com")
    assert index == RING.index("bazaar", "users.email", "ann@example.com")
    assert index != Sealing({"new": NEW}, OLD).index("bazaar", "users.email", "ann@example.com")
    others = [("onswift", "users.email", "ann@example.com"), ("bazaar", "users.phone", "ann@example.com")]
    assert index not in [RING.index(*one) for one in others]


async def test_keys_come_from_the_settings() -> None:
    settings = Settings(seal_keys=(f"new:{NEW.hex()}", f"old:{OLD.hex()}"), seal_index_key=INDEX.hex())
    ring = await open_sealing(settings)
    assert ring.open(f"{sealed()} {PLACE}") == TEXT
    assert ring.index("", "", "x") == RING.index("", "", "x")
    assert masked(settings)["GREENROOM_SEAL_KEYS"] == "new:***,old:***"
    assert masked(settings)["GREENROOM_SEAL_INDEX_KEY"] == "***"


@pytest.mark.parametrize(
    "keys", [f"a:{NEW.hex()[2:]}", "a:hello", NEW.hex(), f"a:{NEW.hex()},a:{OLD.hex()}", f"a b:{NEW.hex()}"]
)
def test_bad_keys_are_refused_at_the_start_without_showing_them(keys: str) -> None:
    with pytest.raises(SettingsError, match="GREENROOM_SEAL_KEYS=") as error:
        load({"GREENROOM_SEAL_KEYS": keys})
    assert NEW.hex()[2:] not in str(error.value)


async def test_keys_may_be_wrapped_by_a_master_key(tmp_path: Path) -> None:
    file = tmp_path / "master"
    file.write_text("ab" * 32 + "\n")
    service = key_service(Settings(seal_master_key=str(file)))
    assert service
    wrapped = (await service.wrap(NEW)).hex()
    index = await new_key(service)
    settings = Settings(seal_keys=(f"new:{wrapped}",), seal_index_key=index)
    assert (await open_sealing(settings, service)).open(f"{sealed()} {PLACE}") == TEXT
    with pytest.raises(SettingsError, match=r"GREENROOM_SEAL_KEYS=new:\*\*\* was not wrapped by the master key"):
        await open_sealing(settings, LocalKeyService(b"x" * 32))
    with pytest.raises(SettingsError, match="does not have 32 bytes"):
        await open_sealing(settings)
    with pytest.raises(SettingsError, match="needed together"):
        await open_sealing(Settings(seal_keys=settings.seal_keys), service)


@pytest.mark.parametrize("content", [None, "", "ab", "zz" * 32])
def test_a_master_key_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "master"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match="GREENROOM_SEAL_MASTER_KEY="):
        key_service(Settings(seal_master_key=str(file)))
