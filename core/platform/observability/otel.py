"""Exports spans to an OpenTelemetry collector over OTLP. Imported only if one is configured; needs the extra otel."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, get_current_span

from core.platform.db import Query
from core.platform.observability.logs import masked
from core.platform.observability.tracing import Fact, Kind

KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "job": SpanKind.CONSUMER}
EXPORT_SECONDS = 2.0  # at shutdown, do not wait long for a collector that is away
HEADER = "traceparent"


class OtelSpan:
    """One span; error messages are masked as in the log."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def fact(self, name: str, value: Fact) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)

    def failed(self, error: BaseException | None = None) -> None:
        """Record a failure."""
        self._span.set_status(StatusCode.ERROR, masked(f"{type(error).__name__}: {error}") if error else None)


class OtelTracer:
    """All spans of one process."""

    def __init__(self, endpoint: str) -> None:
        exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=EXPORT_SECONDS)
        # OpenTelemetry's own variables apply too: OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and so on.
        self._provider = TracerProvider(resource=Resource.create({"service.name": "greenroom"}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, export_timeout_millis=EXPORT_SECONDS * 1000))
        self._tracer = self._provider.get_tracer("greenroom")
        name_queries()

    @contextmanager
    def span(self, name: str, kind: Kind, parent: str, facts: dict[str, Fact]) -> Iterator[OtelSpan]:
        """Time a block."""
        around = propagate.extract({HEADER: parent}) if parent else context.get_current()
        with self._tracer.start_as_current_span(
            name, around, KINDS[kind], facts, record_exception=False, set_status_on_exception=False
        ) as started:
            span = OtelSpan(started)
            try:
                yield span
            except BaseException as error:
                span.failed(error)
                raise

    def parent(self) -> str:
        """Return the traceparent of the span around the caller."""
        carrier: dict[str, str] = {}
        if get_current_span().get_span_context().is_valid:
            propagate.inject(carrier)
        return carrier.get(HEADER, "")

    def close(self) -> None:
        """Export the remaining spans; blocks for some seconds at most."""
        self._provider.shutdown()


def name_queries() -> None:
    """Name each declared statement after its module and variable: messages.PAGE_BEFORE."""
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if isinstance(value, Query):
                value.name = f"{module.__name__.rpartition('.')[2]}.{name}"
