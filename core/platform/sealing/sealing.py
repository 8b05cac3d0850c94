"""Sealed values: AES-256-GCM of what a column holds, readable only at the place that it was sealed for.

A value is `MARK key id:market:tag:base64(nonce, ciphertext)`. Its place is "column row": a value that is copied to
another row or column cannot be opened there. Place and header are authenticated. Each place has a key of its own (HKDF-SHA256,
RFC 5869), which seals the versions of one row only: no key comes near the 2^32 seals after which random nonces of 96 bits are at
risk (NIST SP 800-38D). Queries read such a column by `placed` (schema.sql), which adds the place of the row to a sealed value.
"""

import hmac
import logging
import secrets
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.base import errors

# A direction override, which texts of users cannot contain (core/text/texts.py), and the version of the form. `is_sealed` in SQL.
MARK: Final = "\u202d1:"
# In place of a text that cannot be opened, where an error would hide what is around it.
UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SALT: Final = b"greenroom sealing"
MOST_LINES: Final = 100  # logged of unreadable values by a process; after that, one of a thousand

Row = TypeVar("Row", bound=msgspec.Struct)
log = logging.getLogger(__name__)


class Sealing:
    """Seals with the first key of a ring, and opens with any of them; without keys it opens nothing, and must not seal.

    `unreadable` counts values that could not be opened.
    """

    def __init__(self, keys: Mapping[str, bytes], index_key: bytes) -> None:
        self._keys = {id: hmac.digest(_SALT, key, sha256) for id, key in keys.items()}
        self._index_key = index_key
        self.key_id = next(iter(keys), "")
        self.unreadable = 0

    @property
    def prefix(self) -> str:
        """How values that are sealed with the first key begin."""
        return f"{MARK}{self.key_id}:"

    def seal(self, market: str, column: str, row: object, text: str, tag: str = "") -> str:
        """Seal a text for a place. `tag` stays in the clear, for comparisons in SQL."""
        return self._seal(market, f"{column} {row}", text.encode(), tag)

    def open(self, text: str) -> str:
        """Open what `placed` has read; a text that is not sealed is returned as it is. Raises SEALED_VALUE_UNREADABLE."""
        return self._open(text).decode() if text.startswith(MARK) else text

    def open_at(self, column: str, row: object, text: str) -> str:
        """Open what was read without `placed`; raises SEALED_VALUE_UNREADABLE."""
        return self.open(f"{text} {column} {row}" if text.startswith(MARK) else text)

    def resealed(self, text: str, opened: str | None = None) -> str:
        """Seal what `placed` has read with the first key, or `opened` in its stead; raises SEALED_VALUE_UNREADABLE."""
        value, _, place = text.partition(" ")
        _, _, market, tag, _ = value.split(":")
        return self._seal(market, place, (self.open(text) if opened is None else opened).encode(), tag)

    def shown(self, text: str, most: int | None = None) -> str:
        """Open the sealed rest of a text, at most so many characters of it; UNREADABLE if that fails."""
        head, mark, rest = text.partition(MARK)
        if not mark:
            return text
        try:
            return head + self.open(mark + rest)[:most]
        except errors.AppError:
            return head + UNREADABLE

    def opened(self, rows: Sequence[Row], field: str, most: int | None = None) -> list[Row]:
        """Return rows with a field as `shown`; equal values are opened once."""
        sealed = {text for row in rows if MARK in (text := getattr(row, field) or "")}
        if not sealed:
            return list(rows)
        shown = {text: self.shown(text, most) for text in sealed}
        return [msgspec.structs.replace(row, **{field: shown.get(text := getattr(row, field), text)}) for row in rows]

    def pack(self, data: bytes) -> bytes:
        """Seal what Redis keeps, as the job queue, if there are keys."""
        return self._seal("", "jobs", data).encode() if self.key_id else data

    def unpack(self, data: bytes) -> bytes:
        """Undo `pack`; raises SEALED_VALUE_UNREADABLE."""
        return self._open(f"{data.decode()} jobs") if data.startswith(MARK.encode()) else data

    def index(self, market: str, column: str, normal: str) -> str:
        """Return the blind index of a value in its normal form: equal values of one column of one market have the same."""
        return hmac.digest(self._index_key, f"{market} {column} {normal}".encode(), sha256).hex()

    def _seal(self, market: str, place: str, data: bytes, tag: str = "") -> str:
        header = f"{self.prefix}{market}:{tag}"
        bound = f"{header} {place}".encode()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher(self.key_id, bound).encrypt(nonce, data, bound)
        return f"{header}:{b2a_base64(sealed, newline=False).decode()}"

    def _open(self, text: str) -> bytes:
        value, _, place = text.partition(" ")
        header, _, body = value.rpartition(":")
        try:
            key_id, _, _ = header.removeprefix(MARK).split(":")
            sealed, bound = a2b_base64(body, strict_mode=True), f"{header} {place}".encode()
            if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
                raise ValueError
            return self._cipher(key_id, bound).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)
        except KeyError:
            raise self._refused(place, "it is sealed with a key that is not in GREENROOM_SEAL_KEYS") from None
        except (ValueError, InvalidTag):
            raise self._refused(place, "it was changed, cut or moved, or the key is another one of that name") from None

    def _cipher(self, key_id: str, bound: bytes) -> AESGCM:
        """Return the cipher of a place, by its own key: HKDF-Expand for one block. Raises KeyError."""
        return AESGCM(hmac.digest(self._keys[key_id], bound + b"\x01", sha256))

    def _refused(self, place: str, why: str) -> errors.AppError:
        self.unreadable += 1
        if self.unreadable <= MOST_LINES or self.unreadable % 1000 == 0:
            log.warning("a sealed value cannot be opened (%s): %s", place[:100], why)
        return errors.SEALED_VALUE_UNREADABLE.error()
