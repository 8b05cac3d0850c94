"""Translates the input and output of a call between core's format and the dialect of its marketplace."""

from dataclasses import replace
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Final

import msgspec

from api.calls.signature import Signature, names_of
from core.base.answers import JSON, Answer
from core.base.errors import AppError, Detail
from core.base.ids import BigintIds
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
        self._ids = BigintIds(market.name) if market.dialect.bigint_ids else None
        self._parts = {part.name: taken.of(part.type) for part in signature.path}
        self._query = taken.of(signature.query) if signature.query else None
        self._page_names = market.dialect.page_names(names_of(signature.query)) if signature.query else {}
        # Of a change also what cannot be changed, for fixed.py to say so.
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

    def error(self, error: AppError) -> AppError:
        """Return an error with the names that clients have for what chooses a page, if its details are about that."""
        if not any(one.field in self._page_names for one in error.details):
            return error
        details = [Detail(self._page_names.get(one.field, one.field), one.message) for one in error.details]
        return error.kind.error(error.message, details)

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
        """Give an answer that is JSON in a file: its first fields are translated, of the data after them the ids."""
        first, data, _ = file.read(MOST_FIELDS).partition(DATA)
        fields = on_bytes(self._answer, first + b"}")[:-1] if data and self._answer else first
        before, after = (msgspec.json.encode({self._data: 0})[:-2], b"}") if self._data else (b"", b"")
        shown = TemporaryFile()  # noqa: SIM115 - who reads it closes it
        shown.write(before + fields + data)
        file.seek(len(first) + len(data))
        copy = self._ids.copy_shown if self._ids else copyfileobj
        with file:
            copy(file, shown)
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
