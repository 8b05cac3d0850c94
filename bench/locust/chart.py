"""The chart of a load story: two lines over time, on a logarithmic scale, with the events of the story."""

import math
from collections.abc import Callable, Sequence

import msgspec

from bench.locust.story import Happening

WIDTH, HEIGHT = 900, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 884, 44, 300
LOWEST, HIGHEST = 1, 10_000  # ms
STYLE = """
    svg { font: 12px system-ui, sans-serif; background: #fff } text { fill: #333 } .grid { stroke: #e4e4e4 }
    .event { stroke: #b35900; stroke-dasharray: 3 3 } .number { fill: #b35900; font-weight: 600; text-anchor: middle }
    polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round } .p50 { stroke: #1a6fb5 } .p99 { stroke: #b5301a }
    tspan.p50 { fill: #1a6fb5; stroke: none } tspan.p99 { fill: #b5301a; stroke: none }
    .right { text-anchor: end } .middle { text-anchor: middle }
"""
LEGEND = (
    "From sending a message to hearing it, ms, in the last ten seconds: "
    '<tspan class="p50">half of them</tspan>, <tspan class="p99">99 of 100</tspan>'
)


class Point(msgspec.Struct, frozen=True):
    """A time in seconds, and the latencies of the ten seconds before, in milliseconds."""

    at: float
    p50: float
    p99: float


def chart(points: Sequence[Point], happenings: Sequence[Happening], seconds: float) -> str:
    """Return an SVG."""
    parts = [
        *_grid(seconds),
        *(_event(number, one, seconds) for number, one in enumerate(happenings, 1)),
        _line("p99", points, lambda point: point.p99, seconds),
        _line("p50", points, lambda point: point.p50, seconds),
        f'<text x="{LEFT}" y="18">{LEGEND}</text>',
        f'<text class="middle" x="{(LEFT + RIGHT) / 2}" y="334">seconds</text>',
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    title = "<title>How long people waited for their own messages, over time</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", *parts, "</svg>\n"])


def _across(at: float, seconds: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * at / seconds, 1)


def _up(milliseconds: float) -> float:
    share = math.log(min(max(milliseconds, LOWEST), HIGHEST) / LOWEST) / math.log(HIGHEST / LOWEST)
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)


def _grid(seconds: float) -> list[str]:
    rows = [10**power for power in range(5)]
    step = max(10, round(seconds / 100) * 10)
    return [
        *(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{_up(one)}" y2="{_up(one)}"/>' for one in rows),
        *(f'<text class="right" x="{LEFT - 8}" y="{_up(one) + 4}">{one:,}</text>' for one in rows),
        *(
            f'<text class="middle" x="{_across(at, seconds)}" y="{BOTTOM + 18}">{at}</text>'
            for at in range(0, round(seconds) + 1, step)
        ),
    ]


def _event(number: int, happening: Happening, seconds: float) -> str:
    x = _across(happening.at, seconds)
    line = f'<line class="event" x1="{x}" x2="{x}" y1="{TOP}" y2="{BOTTOM}"/>'
    return f'{line}<text class="number" x="{x}" y="{TOP - 6}">{number}</text>'


def _line(name: str, points: Sequence[Point], value: Callable[[Point], float], seconds: float) -> str:
    line = " ".join(f"{_across(point.at, seconds)},{_up(value(point))}" for point in points if point.at <= seconds)
    return f'<polyline class="{name}" points="{line}"/>'
