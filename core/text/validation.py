"""Decodes input, and reports all its errors, field by field, in words that a form can show.

Valid input is decoded by msgspec, at its speed. Input that it refuses is read again, field by field.

Everywhere alike: fields and parameters that are unknown are ignored; a wrong value of a known one is VALIDATION_ERROR; a field
that exists and cannot be changed is FIELD_NOT_CHANGEABLE (api/calls/fixed.py); "" is what forms send for nothing, so in an
optional field it is nothing.
"""

from collections.abc import Callable, Mapping
from types import GenericAlias
from typing import Annotated, Generic, TypeAlias, TypeVar, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, UNSET, UnsetType, inspect, structs

from core.base import errors
from core.base.errors import AppError, Detail
from core.text.texts import REQUIRED, Rule, UnfitError
from core.text.words import words

Value = TypeVar("Value")
Check: TypeAlias = Callable[[object], None]
# What each marketplace checks in its own way, by the name that the type of a field has for it.
Checks: TypeAlias = Mapping[str, Check]

NO_CHECKS: Checks = {}


class Field(msgspec.Struct, frozen=True):
    """A field of a struct. `is_filled_in`: it has a default."""

    name: str
    encoded: str
    part: "Part"
    is_required: bool
    is_filled_in: bool


class Part(msgspec.Struct, frozen=True):
    """The expected value of a field or list entry: `kind` without null.

    `rule` normalises a text, which must not be empty if it is `needed`; `check` checks a value of any kind. Both raise
    UnfitError.
    """

    annotation: object
    kind: inspect.Type
    nullable: bool
    words: str
    rule: Rule | None
    check: Check | None
    needed: bool
    items: "Part | None"
    struct: type[msgspec.Struct] | None
    fields: tuple[Field, ...]

    @property
    def is_text(self) -> bool:
        """Whether "" may be an intended value."""
        return isinstance(self.kind, inspect.StrType) and not self.kind.min_length


class Shape(Generic[Value]):
    """The expected input of a call or event."""

    def __init__(self, type: object, checks: Checks = NO_CHECKS) -> None:
        self._part = part_of(type, checks)
        self._decode: Callable[[bytes], Value] = msgspec.json.Decoder(type).decode
        # What to check after msgspec has accepted the input; deeper values are always read field by field.
        self._looked_at = tuple(
            (field.name, field.part)
            for field in self._part.fields
            if field.part.rule or field.part.check or (field.part.nullable and field.part.is_text)
        )
        self._is_deep = any(_has_rules(field.part) for field in self._part.fields)

    def decode(self, raw: bytes) -> Value:
        """Decode JSON; raises MALFORMED_REQUEST, VALIDATION_ERROR."""
        try:
            value = self._decode(raw)
        except msgspec.ValidationError:
            return self.read(_json(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _malformed() from None
        return self.checked(value, lambda: _json(raw))

    def convert(self, values: dict[str, object]) -> Value:
        """Convert the texts of a query or form; raises VALIDATION_ERROR."""
        return self.read(values, lax=True)

    def checked(self, value: Value, again: Callable[[], object]) -> Value:
        """Return a decoded value with its texts as they are stored; `again` returns the input it was decoded from."""
        if self._is_deep or not self._tidied(value):
            return self.read(again())
        return value

    def read(self, value: object, *, lax: bool = False) -> Value:
        """Read a value field by field; raises VALIDATION_ERROR that names each wrong field."""
        reader = _Reader(lax=lax)
        read = reader.read(self._part, value, "")
        if reader.problems:
            raise errors.VALIDATION_ERROR.error(details=reader.details())
        return read  # type: ignore[return-value] # it was read as one

    def _tidied(self, value: Value) -> bool:
        if value is None:  # null for an optional body
            return True
        try:
            for name, part in self._looked_at:
                given = getattr(value, name)
                if given is None or given is UNSET:
                    continue
                if part.check:
                    part.check(given)
                if isinstance(given, str):
                    tidy = part.rule(given) if part.rule else given
                    if not tidy and part.needed and not part.nullable:
                        return False
                    if tidy is not given or not tidy:
                        structs.force_setattr(value, name, tidy or (None if part.nullable else ""))  # type: ignore[arg-type]
        except UnfitError:
            return False
        return True


class EventShape(Shape[Value]):
    """The expected input of a client event: its name and one argument, the body, which is empty if missing."""

    def __init__(self, type: type[Value]) -> None:
        super().__init__(type)
        pair: Callable[[bytes], tuple[str, Value]] = msgspec.json.Decoder(GenericAlias(tuple, (str, type))).decode
        self._decode_pair = pair
        self._is_plain = not self._looked_at and not self._is_deep

    def decode(self, raw: bytes) -> Value:
        """Decode the arguments of an event; raises MALFORMED_REQUEST, VALIDATION_ERROR."""
        try:
            value = self._decode_pair(raw)[1]
        except msgspec.ValidationError:
            return self.read(_body(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _malformed() from None
        return value if self._is_plain else self.checked(value, lambda: _body(raw))


class _Reader:
    """Reads a value that may have many errors; `problems`: the errors, by field."""

    def __init__(self, *, lax: bool) -> None:
        self.problems: dict[str, tuple[str, ...]] = {}
        self._lax = lax

    def details(self) -> list[Detail]:
        """Return what is wrong."""
        return [Detail(field, message) for field, messages in self.problems.items() for message in messages]

    def read(self, part: Part, value: object, at: str) -> object:
        """Return a value converted to the expected type, or record its errors."""
        if value is None or (value == "" and part.nullable):
            return None if part.nullable else self._wrong(at, REQUIRED)
        if part.struct:
            return self._struct(part, part.struct, value, at)
        if part.items and isinstance(value, list):
            value = [one for one in value if one != ""] if self._lax else value
            if part.items.struct or part.items.rule or part.items.check:
                return self._list(part, part.items, value, at)
        try:
            read: object = msgspec.convert(value, part.annotation, strict=not self._lax)
            if part.check:
                part.check(read)
            return self._text(part, part.rule(read), at) if part.rule and isinstance(read, str) else read
        except msgspec.ValidationError:
            return self._wrong(at, _why(part, value))
        except UnfitError as problem:
            return self._wrong(at, *problem.args)

    def _text(self, part: Part, text: str, at: str) -> object:
        if text:
            return text
        return None if part.nullable else self._wrong(at, REQUIRED) if part.needed else text

    def _list(self, part: Part, items: Part, value: list[object], at: str) -> object:
        assert isinstance(part.kind, inspect.ListType)  # noqa: S101
        if len(value) > (part.kind.max_length or len(value)) or len(value) < (part.kind.min_length or 0):
            return self._wrong(at, words(part.kind, value, ""))
        return [self.read(items, one, at) for one in value]

    def _struct(self, part: Part, struct: type[msgspec.Struct], value: object, at: str) -> object:
        if not isinstance(value, dict):
            return self._wrong(at, "Must be an object with fields")
        values: dict[str, object] = {}
        for field in part.fields:
            place = f"{at}.{field.encoded}".lstrip(".")
            given = value.get(field.encoded, UNSET)
            if given is UNSET or (
                given == "" and field.is_filled_in and not field.part.nullable and not field.part.is_text
            ):
                if field.is_required:
                    self._wrong(place, REQUIRED)
            else:
                values[field.name] = self.read(field.part, given, place)
        return None if self.problems else struct(**values)

    def _wrong(self, at: str, *messages: str) -> object:
        self.problems.setdefault(at or "body", messages)
        return None


def converted(type: object, text: str, field: str) -> object:
    """Return a path parameter converted to the expected type; raises VALIDATION_ERROR."""
    reader = _Reader(lax=True)
    value = reader.read(part_of(type), text, field)
    if reader.problems:
        raise errors.VALIDATION_ERROR.error(details=reader.details())
    return value


def part_of(annotation: object, checks: Checks = NO_CHECKS) -> Part:
    """Derive the expected value from its type."""
    inner = _bare(annotation)
    info = inspect.type_info(inner)
    kind, extra = (info.type, info.extra or {}) if isinstance(info, inspect.Metadata) else (info, {})
    struct = inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None
    return Part(
        annotation=inner,
        kind=kind,
        nullable=type(None) in get_args(annotation),
        words=extra.get("words", ""),
        rule=extra.get("rule"),
        check=extra.get("check") or checks.get(extra.get("market", "")),
        needed=extra.get("needed", False),
        items=part_of(get_args(_unannotated(inner))[0], checks) if isinstance(kind, inspect.ListType) else None,
        struct=struct,
        fields=tuple(_field(field, checks) for field in structs.fields(struct)) if struct else (),
    )


def _field(field: structs.FieldInfo, checks: Checks) -> Field:
    filled_in = field.default_factory is not NODEFAULT or field.default not in (NODEFAULT, UNSET)
    return Field(field.name, field.encode_name, part_of(field.type, checks), field.required, filled_in)


def _bare(annotation: object) -> object:
    """Return a union without None and UNSET."""
    if get_origin(annotation) in (Annotated, list):
        return annotation
    others = [one for one in get_args(annotation) if one not in (type(None), UnsetType)]
    return others[0] if len(others) == 1 else annotation


def _unannotated(annotation: object) -> object:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _has_rules(part: Part) -> bool:
    inner = [*(field.part for field in part.fields), *([part.items] if part.items else [])]
    return any(one.rule or one.check or _has_rules(one) for one in inner)


def _why(part: Part, value: object) -> str:
    """Return the errors of a value; for a list of valid length, those of its entries."""
    problem = words(part.kind, value, part.words)
    if part.items and isinstance(value, list) and not problem:
        return next((why for one in value if (why := _wrong_item(part.items, one))), "Cannot be this list")
    return problem


def _wrong_item(items: Part, value: object) -> str:
    try:
        msgspec.convert(value, items.annotation)
    except msgspec.ValidationError:
        return words(items.kind, value, items.words)
    return ""


def _json(raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed() from None


def _body(args: bytes) -> object:
    """Return the body of an event; raises VALIDATION_ERROR for further arguments, except null, which stands for `undefined`."""
    given = _json(args)
    body, *more = given[1:] if isinstance(given, list) and given[1:] else [None]
    if any(one is not None for one in more):
        raise errors.invalid("arguments", f"An event takes one argument, an object, and an ack: {1 + len(more)} came")
    return {} if body is None else body


def _malformed() -> AppError:
    return errors.MALFORMED_REQUEST.error("The body is not valid JSON")
