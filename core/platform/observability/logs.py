"""The log: text or JSON lines, each with its request id, none with an address or a token."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

Format: TypeAlias = Literal["json", "text"]


class Origin(msgspec.Struct, frozen=True):
    """The origin of an action: a request or job, and its user. All may be unknown."""

    request_id: str = ""
    market: str = ""
    user_id: str = ""


NOBODY = Origin()
_origin: ContextVar[Origin] = ContextVar("origin", default=NOBODY)

# Each starts at a word boundary: tried at every letter, a very long word would take quadratic time.
_LOCAL = r"A-Za-z0-9.!#$%&'*+/=?^_`{|}~-"
_ADDRESS = re.compile(rf"(?<![{_LOCAL}])([{_LOCAL}])[{_LOCAL}]*@(?=[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_TOKEN = re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?|(?<=Bearer )[\w.~+/-]+=*")


def origin() -> Origin:
    """Return the origin of the current task."""
    return _origin.get()


def request_id() -> str:
    """Return the id of the current request, also in jobs that result from it; empty outside of requests."""
    return _origin.get().request_id


@contextmanager
def on_behalf(origin: Origin) -> Iterator[None]:
    """Add this origin to each line that the block logs."""
    before = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(before)


def enter(origin: Origin) -> None:
    """Add this origin from now on, in this task and those that it starts."""
    _origin.set(origin)


def identify(market: str, user_id: str) -> None:
    """Add the user, once authenticated."""
    enter(Origin(request_id(), market, user_id))


def masked(text: str) -> str:
    """Return a text without the names in e-mail addresses and without access tokens."""
    return _TOKEN.sub("***", _ADDRESS.sub(r"\1***@", text))


def configure(level: str, form: Format) -> None:
    """Send all logging of this process to stderr, in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else Lines())
    logging.basicConfig(level=level, handlers=[handler])


class Lines(logging.Formatter):
    """Text lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the traceback below it."""
        id = request_id()
        head, newline, rest = super().format(record).partition("\n")
        return masked(f"{head} [{id}]{newline}{rest}" if id else f"{head}{newline}{rest}")


class JsonLines(logging.Formatter):
    """JSON lines; `trace` is the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **msgspec.to_builtins(_origin.get()),
            "trace": self.formatException(record.exc_info) if record.exc_info else "",
        }
        said = {name: value for name, value in line.items() if value}
        return masked(msgspec.json.encode(said).decode())
