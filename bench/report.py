"""Shows the results: on the terminal, and as a page of bench/results."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.results import Line
from bench.servers import NODE, OURS, SERVERS

Rows = list[list[str]]


def show(lines: Sequence[Line]) -> None:
    """Print the tables."""
    console = Console(width=200)
    for columns, group in _tables(lines):
        table = Table(*_header(columns))
        for row in _rows(columns, group):
            table.add_row(*row)
        console.print(table)


def write(path: Path, lines: Sequence[Line], notes: Iterable[str]) -> None:
    """Write the page."""
    parts = [f"# Measured on {path.stem}", "", *(f"- {note}" for note in notes), ""]
    for columns, group in _tables(lines):
        header = _header(columns)
        parts += [_row(header), _row(["---"] * len(header)), *map(_row, _rows(columns, group)), ""]
    remarks = [f"- {line.case}, {line.measure}: {line.remark}" for line in lines if line.remark]
    path.write_text("\n".join([*parts, *remarks]).rstrip() + "\n")


def _tables(lines: Sequence[Line]) -> list[tuple[list[str], list[Line]]]:
    """Return the comparison with the peers as one table, and each other case as a separate one."""
    peers = [line for line in lines if set(line.values) <= set(SERVERS)]
    others = [line for line in lines if line not in peers]
    tables = [(list(SERVERS), peers)] if peers else []
    for _, group in groupby(others, key=lambda line: line.case):
        listed = list(group)
        tables.append((list(dict.fromkeys(column for line in listed for column in line.values)), listed))
    return tables


def _header(columns: Sequence[str]) -> list[str]:
    ratio = ["ours / Node"] if {OURS, NODE} <= set(columns) else []
    return ["case", "measure", *columns, *ratio, "goal", "reached"]


def _rows(columns: Sequence[str], lines: Sequence[Line]) -> Rows:
    rows: Rows = []
    for line in lines:
        values = [format(line.values[column], line.form) if column in line.values else "" for column in columns]
        ratio = [f"{line.ratio:.2f}" if line.ratio is not None else ""] if {OURS, NODE} <= set(columns) else []
        reached = {True: "yes", False: "NO", None: ""}[line.reached]
        rows.append([line.case, line.measure, *values, *ratio, line.goal, reached])
    return rows


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
