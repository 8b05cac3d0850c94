"""Translates the input and output of a call between core's format and the dialect of its marketplace."""

from dataclasses import replace
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Final

import msgspec

from api.calls.signature import Signature, names_of
from core.base.answers import JSON, Answer
from core.market.dialect import is_page
from core.market.market import Marketplace
from core.market.translation import Translation, on_bytes

# Of a JSON file: the fields before its data, and the start of the data.
MOST_FIELDS: Final = 4096
DATA: Final = b',"data":'


class CallTranslation:
    """The translations of one call."""

    def __init__(self, market: Marketplace, signature: Signature) -> None:
        taken = Translation(market.dialect, market.name, incoming=True)
        given = Translation(market.dialect, market.name, incoming=False)
        self._name = market.dialect.name
        self._parts = {part.name: taken.of(part.type) for part in signature.path}
        self._query = taken.of(signature.query) if signature.query else None
        # For a change also the read-only fields, so that fixed.py can report them.
        self._body = taken.of_struct(signature.body, signature.answer) if signature.body else None
        self._answer = given.of(signature.answer) if signature.answer else None
        self._data = "" if signature.answer is None or is_page(names_of(signature.answer)) else market.dialect.data

    def part(self, name: str, text: str) -> str:
        """Translate a path parameter."""
        turn = self._parts[name]
        return str(turn(text)) if turn else text

    def query(self, values: dict[str, object]) -> dict[str, object]:
        """Translate the query parameters."""
        return _mapping(self._query(values)) if self._query else values

    def query_name(self, name: str) -> str:
        """Return the clients' name of a list in the query."""
        return self._name(name)

    def form(self, texts: dict[str, object]) -> dict[str, object]:
        """Translate the texts of a form."""
        return _mapping(self._body(texts)) if self._body else texts

    def body(self, raw: bytes) -> bytes:
        """Translate a body."""
        return on_bytes(self._body, raw) if self._body else raw

    def answer(self, answer: Answer[bytes]) -> Answer[bytes]:
        """Translate an answer."""
        if not answer.body or answer.media_type != JSON or not (self._answer or self._data):
            return answer
        return replace(answer, body=on_bytes(self._shown, answer.body))

    def file(self, file: IO[bytes]) -> IO[bytes]:
        """Translate an answer in a JSON file: the leading fields only, not the data."""
        first, data, rest = file.read(MOST_FIELDS).partition(DATA)
        fields = on_bytes(self._answer, first + b"}")[:-1] if data and self._answer else first
        before, after = (msgspec.json.encode({self._data: 0})[:-2], b"}") if self._data else (b"", b"")
        shown = TemporaryFile()  # noqa: SIM115 - who reads it closes it
        shown.write(before + fields + data + rest)
        with file:
            copyfileobj(file, shown)
        shown.write(after)
        shown.seek(0)
        return shown

    def _shown(self, value: object) -> object:
        shown = self._answer(value) if self._answer else value
        return {self._data: shown} if self._data else shown


def call_translation(market: Marketplace, signature: Signature) -> CallTranslation | None:
    """Return the translations of a call; None if nothing needs translation."""
    return CallTranslation(market, signature) if market.dialect.translates else None


def _mapping(value: object) -> dict[str, object]:
    assert isinstance(value, dict)  # noqa: S101 - what was a mapping stays one
    return value
