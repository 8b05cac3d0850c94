"""Translates JSON between core's format and the dialect of a marketplace, in both directions.

The translators are built once per type, as functions on decoded JSON. Keys of dicts are data, and are not translated.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec
from msgspec import inspect

from core.base.errors import AppError, Detail
from core.base.ids import BigintIds
from core.market.dialect import Dialect

Turn: TypeAlias = Callable[[object], object]


class Fields(dict[str, tuple[str, Turn | None]]):
    """The fields of a struct by their names in the input: the names in the output, and the translators of their values."""


class Translation:
    """The translators of one marketplace, for input (`incoming`) or for output."""

    def __init__(self, dialect: Dialect, market: str, *, incoming: bool) -> None:
        self._dialect = dialect
        self._incoming = incoming
        ids = BigintIds(market)
        self._id: Callable[[str], str] | None = (ids.taken if incoming else ids.shown) if dialect.bigint_ids else None
        self._structs: dict[type, Fields] = {}

    def of(self, kind: object) -> Turn | None:
        """Return the translator of a type; None: its values are the same on both sides."""
        return self._turn(inspect.type_info(kind)) if self._dialect.translates else None

    def of_struct(self, *kinds: object) -> Turn:
        """Return the translator of a struct that has the fields of several; the first one wins."""
        fields = Fields()
        for struct in reversed([one for kind in kinds for one in _structs(inspect.type_info(kind))]):
            fields |= self._fields(struct)
        return _struct(fields)

    def _turn(self, kind: inspect.Type) -> Turn | None:
        match kind:
            case inspect.Metadata():
                return self._turn(kind.type)
            case inspect.UUIDType():
                return _text(self._id) if self._id else None
            case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType():
                return _each(self._turn(kind.item_type))
            case inspect.DictType():
                return _entries(self._turn(kind.key_type), self._turn(kind.value_type))
            case inspect.UnionType():
                return self._union(kind.types)
            case inspect.StructType():
                return _struct(self._fields(kind))
            case _:
                return None

    def _fields(self, kind: inspect.StructType) -> Fields:
        if kind.cls in self._structs:
            return self._structs[kind.cls]
        names = self._dialect.names({field.encode_name: _is_list(field.type) for field in kind.fields})
        fields = self._structs[kind.cls] = Fields()  # before its fields: a struct may contain itself
        for field in kind.fields:
            ours, theirs = field.encode_name, names[field.encode_name]
            read, written = (theirs, ours) if self._incoming else (ours, theirs)
            fields[read] = written, self._turn(field.type)
        if kind.tag_field:
            fields[kind.tag_field] = kind.tag_field, None
        return fields

    def _union(self, kinds: Sequence[inspect.Type]) -> Turn | None:
        turns = [turn for kind in kinds if (turn := self._turn(kind))]
        return _first(turns) if len(turns) > 1 else turns[0] if turns else None


def _structs(kind: inspect.Type) -> list[inspect.StructType]:
    options = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [one for one in options if isinstance(one, inspect.StructType)]


def _is_list(kind: inspect.Type) -> bool:
    return isinstance(kind.type if isinstance(kind, inspect.Metadata) else kind, inspect.ListType)


# Each of these returns values of other types unchanged: null, and invalid input, which validation rejects later.


def _text(turn: Callable[[str], str]) -> Turn:
    return lambda value: turn(value) if isinstance(value, str) and value else value


def _each(turn: Turn | None) -> Turn | None:
    if turn is None:
        return None
    return lambda value: [turn(one) for one in value] if isinstance(value, list) else value


def _entries(key_turn: Turn | None, turn: Turn | None) -> Turn | None:
    if key_turn is None and turn is None:
        return None

    def translated(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {_by(key_turn, name): _by(turn, one) for name, one in value.items()}

    return translated


def _struct(fields: Fields) -> Turn:
    def translated(value: object) -> object:
        if not isinstance(value, dict):
            return value
        known = ((fields[name], one) for name, one in value.items() if name in fields)
        return {name: _by(turn, one) for (name, turn), one in known}

    return translated


def _first(turns: Sequence[Turn]) -> Turn:
    def translated(value: object) -> object:
        results = (turn(value) for turn in turns)
        return next((result for result in results if result is not value), value)

    return translated


def _by(turn: Turn | None, value: object) -> object:
    return value if turn is None else turn(value)


def on_bytes(turn: Turn, raw: bytes) -> bytes:
    """Translate JSON bytes; invalid JSON is returned unchanged, and its decoder reports it."""
    try:
        return msgspec.json.encode(turn(msgspec.json.decode(raw))) if raw else raw
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw


class ErrorWriter:
    """Writes errors in the dialect of a marketplace."""

    def __init__(self, dialect: Dialect, market: str) -> None:
        self._dialect = dialect
        self._turn = Translation(dialect, market, incoming=False).of(dialect.errors.kind)

    def write(self, error: AppError, request_id: str) -> tuple[int, bytes]:
        """Return the status and the body for an error."""
        form, kind = self._dialect.errors, self._dialect.errors.own(error.kind)
        worded = self._dialect.worded
        details = tuple(Detail(self._dialect.name(one.field), worded(one.message)) for one in error.details)
        body = msgspec.json.encode(form.make(AppError(kind, worded(error.message), details), request_id))
        return kind.status, on_bytes(self._turn, body) if self._turn else body
