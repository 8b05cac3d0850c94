"""Metrics for Prometheus. Values that can be read on each scrape are not counted as they change: see `watch` and `count`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
# Of a picture: decoded, or the exceeded limit; lost: something else ended its decoder, and it is retried.
PICTURE_OUTCOMES = ("decoded", "unreadable", "structure", "cpu", "memory", "crash", "lost")
# ignored: of a type, or about something, that is not ours.
HOOK_OUTCOMES = ("received", "repeated", "ignored", "forged")

Family: TypeAlias = type[CounterMetricFamily] | type[GaugeMetricFamily]


class Metrics:
    """The registry of one process, with the metrics that every kind of process has. Names: docs/operate/metrics.md."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._readings: dict[str, _Reading] = {}
        ProcessCollector(registry=self.registry)
        self.errors = Counter(
            "greenroom_errors", "Errors sent to clients of the hub, by code", ["code"], registry=self.registry
        )
        self.batch_size = self._histogram("greenroom_journal_batch_messages", "Messages committed at once", SIZES)
        self.batch_seconds = self._histogram("greenroom_journal_batch_seconds", "Time of a commit", SECONDS)
        self.bus_seconds = self._histogram(
            "greenroom_bus_lag_seconds", "Time of a beacon over the bus and back", SECONDS
        )
        self.loop_seconds = self._histogram("greenroom_loop_lag_seconds", "How late the event loop is", SECONDS)
        self.requests = Histogram(
            "greenroom_http_request_seconds",
            "Time of REST calls, by call and status",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.limited = Counter(
            "greenroom_limited", "Refusals of what asked for more than a limit allows", ["kind"], registry=self.registry
        )
        # Not "job": Prometheus uses that label for its targets.
        self.jobs = Counter(
            "greenroom_jobs", "Jobs run, by kind and outcome", ["name", "outcome"], registry=self.registry
        )
        self.pictures = Counter(
            "greenroom_pictures", "Pictures decoded or not, by outcome", ["outcome"], registry=self.registry
        )
        for outcome in PICTURE_OUTCOMES:
            self.pictures.labels(outcome)
        self.texts = Counter(
            "greenroom_texts", "Text messages, by channel and state", ["channel", "state"], registry=self.registry
        )
        self.cached_calls = Counter(
            "greenroom_cached_calls",
            "Calls whose answers are shared, by outcome",
            ["route", "outcome"],
            registry=self.registry,
        )
        self.payment_hooks = Counter(
            "greenroom_payment_hooks",
            "Webhooks of payment providers, by what became of them",
            ["outcome"],
            registry=self.registry,
        )
        for outcome in HOOK_OUTCOMES:
            self.payment_hooks.labels(outcome)
        self.ready = Gauge(
            "greenroom_ready", "Whether it can do this part of its work", ["check"], registry=self.registry
        )

    def watch(self, name: str, what: str, read: Callable[[], float], **labels: str) -> None:
        """Register a gauge that is read on each scrape; readers with the same labels are added up."""
        self._read(GaugeMetricFamily, name, what, read, labels)

    def count(self, name: str, what: str, read: Callable[[], float], **labels: str) -> None:
        """Register a counter in the same way."""
        self._read(CounterMetricFamily, name, what, read, labels)

    def _read(self, family: Family, name: str, what: str, read: Callable[[], float], labels: Mapping[str, str]) -> None:
        if name not in self._readings:
            self._readings[name] = _Reading(family, name, what, list(labels))
            self.registry.register(self._readings[name])
        self._readings[name].readers[tuple(labels.values())].append(read)

    def _histogram(self, name: str, what: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(name, what, buckets=tuple(buckets), registry=self.registry)


class _Reading(Collector):
    def __init__(self, family: Family, name: str, what: str, labels: Sequence[str]) -> None:
        self._family = family
        self._name = name
        self._what = what
        self._labels = labels
        self.readers: defaultdict[tuple[str, ...], list[Callable[[], float]]] = defaultdict(list)

    def describe(self) -> Iterable[Metric]:
        return [self._family(self._name, self._what, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        metric = self._family(self._name, self._what, labels=self._labels)
        for values, readers in self.readers.items():
            metric.add_metric(values, sum(read() for read in readers))
        return [metric]
