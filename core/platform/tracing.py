"""Spans: what a process does for how long, and what it does it for. Without a collector they cost a look at a variable."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["server", "client", "job"]
Fact: TypeAlias = str | int


class Span(Protocol):
    """Something that is being done."""

    def fact(self, name: str, value: Fact) -> None:
        """Note a fact about it."""
        ...

    def failed(self) -> None:
        """Note that it has failed."""
        ...


class Tracer(Protocol):
    """Tells a collector; core/platform/otel.py implements it."""

    def span(self, name: str, kind: Kind, parent: str, facts: dict[str, Fact]) -> AbstractContextManager[Span]:
        """Time a block. `parent`, a W3C traceparent, comes from another process; empty: the span around it."""
        ...

    def parent(self) -> str:
        """Return the traceparent of the span around the caller, for another process."""
        ...


class _Untold:
    def fact(self, _name: str, _value: Fact) -> None: ...

    def failed(self) -> None: ...


_UNTOLD: AbstractContextManager[Span] = nullcontext(_Untold())
_tracer: Tracer | None = None


def span(name: str, kind: Kind, parent: str = "", **facts: Fact) -> AbstractContextManager[Span]:
    """Time a block; an exception out of it is a failure. In names of facts `__` stands for a dot."""
    if _tracer is None:
        return _UNTOLD
    return _tracer.span(name, kind, parent, {name.replace("__", "."): fact for name, fact in facts.items()})


def query(name: str, sql: str) -> AbstractContextManager[Span]:
    """Time a statement."""
    if _tracer is None:
        return _UNTOLD
    return _tracer.span(name, "client", "", {"db.system.name": "postgresql", "db.query.text": sql})


def parent() -> str:
    """Return what names the span around the caller to another process; empty without one."""
    return _tracer.parent() if _tracer else ""


@contextmanager
def traced_by(tracer: Tracer) -> Iterator[None]:
    """Have spans told by a tracer."""
    global _tracer  # one for the process, as logging is
    before, _tracer = _tracer, tracer
    try:
        yield
    finally:
        _tracer = before
