"""Spans: what a process does, for how long, and for which request. Without a collector they cost one variable look-up."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["server", "client", "job"]
Fact: TypeAlias = str | int


class Span(Protocol):
    """An operation in progress."""

    def fact(self, name: str, value: Fact) -> None:
        """Set an attribute."""
        ...

    def failed(self) -> None:
        """Record a failure."""
        ...


class Tracer(Protocol):
    """Exports spans; core/platform/observability/otel.py implements it."""

    def span(self, name: str, kind: Kind, parent: str, facts: dict[str, Fact]) -> AbstractContextManager[Span]:
        """Time a block. `parent` is a W3C traceparent from another process; empty: the enclosing span."""
        ...

    def parent(self) -> str:
        """Return the traceparent of the current span, for another process."""
        ...


class _NoSpan:
    def fact(self, _name: str, _value: Fact) -> None: ...

    def failed(self) -> None: ...


_NO_SPAN: AbstractContextManager[Span] = nullcontext(_NoSpan())
_tracer: Tracer | None = None


def span(name: str, kind: Kind, parent: str = "", **facts: Fact) -> AbstractContextManager[Span]:
    """Time a block; an exception marks it as failed. In names of attributes `__` stands for a dot."""
    if _tracer is None:
        return _NO_SPAN
    return _tracer.span(name, kind, parent, {name.replace("__", "."): fact for name, fact in facts.items()})


def query(name: str, sql: str) -> AbstractContextManager[Span]:
    """Time a statement."""
    if _tracer is None:
        return _NO_SPAN
    return _tracer.span(name, "client", "", {"db.system.name": "postgresql", "db.query.text": sql})


def parent() -> str:
    """Return the traceparent of the current span, for another process; empty without one."""
    return _tracer.parent() if _tracer else ""


@contextmanager
def traced_by(tracer: Tracer) -> Iterator[None]:
    """Export spans through this tracer."""
    global _tracer  # one per process, as in logging
    before, _tracer = _tracer, tracer
    try:
        yield
    finally:
        _tracer = before
