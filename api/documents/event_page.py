"""Generates docs/events.md from realtime/wire.py, core/base/events.py, core/files/events.py and marketplaces' events."""

import re
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc

import msgspec
from msgspec.inspect import StructType, Type, type_info

from api.documents.asyncapi import Payload, server_events
from core.base.events import ClientEvent, Event
from core.market.market import Marketplace
from realtime.wire import ANSWERS

HEAD = """# Events

Generated from the types by `make docs`: every event that clients send and receive, with its payload. How to use them is in
[sockets.md](sockets.md). The same as AsyncAPI 3.0, with the types of all fields: [asyncapi](asyncapi), and
`/api/asyncapi.json` of each server. A `?` marks a field that may be left out."""
CLIENT = "| event | payload | ack | what it does |\n|---|---|---|---|"
SERVER = "| event | payload | when, and to whom |\n|---|---|---|"
ACK = re.compile(r"\s*Answer[^:.]*: [^.]*\.")  # left out: the next column has it, from the type


def events_page(markets: Iterable[Marketplace]) -> str:
    """Return the page: events of all marketplaces first, then those of each."""
    markets = list(markets)
    core = [kind for kind in server_events(markets[0]) if not _is_own(kind)]
    parts = [HEAD, "## From the client", _client_table(ANSWERS)]
    parts += [_own(market, _client_table({one.event: one.answer for one in market.events})) for market in markets]
    parts += ["## From the server", _server_table(core)]
    parts += [_own(market, _server_table(filter(_is_own, server_events(market)))) for market in markets]
    objects = {name: fields for market in markets for name, fields in _objects(market)}
    parts += ["## Objects in payloads", "\n".join(f"- **{name}**: {objects[name]}" for name in sorted(objects))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _is_own(kind: type[Event]) -> bool:
    return kind.__module__.startswith("marketplaces.")


def _own(market: Marketplace, table: str) -> str:
    return f"Only {market.title}:\n\n{table}" if table else ""


def _client_table(answers: Mapping[type[ClientEvent], Payload]) -> str:
    rows = [
        f"| {kind.name} | {_fields(kind, is_sent=True)} | {_fields(answer)} | {ACK.sub('', _about(kind)).strip()} |"
        for kind, answer in answers.items()
    ]
    return "\n".join([CLIENT, *rows]) if rows else ""


def _server_table(kinds: Iterable[type[Event]]) -> str:
    rows = [f"| {kind.name} | {_fields(kind)} | {_when(kind)} |" for kind in kinds]
    return "\n".join([SERVER, *rows]) if rows else ""


def _fields(kind: Payload, *, is_sent: bool = False) -> str:
    fields = [
        field.encode_name + ("?" if is_sent and not field.required else "") for field in msgspec.structs.fields(kind)
    ]
    return f"`{', '.join(fields)}`" if fields else "`{}`"


def _when(kind: type[Event]) -> str:
    return f"{_about(kind)} {f'To {kind.recipients}.' if kind.recipients else ''}".strip()


def _about(kind: Payload) -> str:
    # A struct without a docstring inherits that of its base.
    text = kind.__doc__ if kind.__doc__ != kind.__base__.__doc__ else None
    return " ".join(cleandoc(text or "").split()).replace("|", "\\|")


def _objects(market: Marketplace) -> Iterator[tuple[str, str]]:
    for kind in server_events(market):
        for field in type_info(kind).fields:  # type: ignore[attr-defined]
            for one in _structs(field.type):
                yield one.cls.__name__, _fields(one.cls)


def _structs(of: Type) -> Iterator[StructType]:
    if isinstance(of, StructType):
        yield of
    for inner in _inner(of):
        yield from _structs(inner)


def _inner(of: Type) -> Iterator[Type]:
    if isinstance(of, StructType):
        yield from (field.type for field in of.fields)
    yield from getattr(of, "types", ())  # of a union
    if (item := getattr(of, "item_type", None)) is not None:  # of a list
        yield item
