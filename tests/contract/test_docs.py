"""What the documents say of the code is so."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import marketplaces
from api.documents.asyncapi import server_events
from realtime import wire

ROOT = Path(__file__).parents[2]
SUFFIXES = (".py", ".sql", ".yml", ".yaml", ".sh", ".js", ".html", ".toml", ".conf", ".template")
MIGRATIONS = ROOT / "migrations"  # never changed once applied, so they may name a page by its old place
PATH = re.findall(r"^(\w[\w/]+\.py) +(\w+)\.(\w+) ", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_the_readme_has_the_message_path() -> None:
    assert len(PATH) == 8


@pytest.mark.parametrize(("file", "owner", "name"), PATH)
def test_the_message_path_of_the_readme_is_the_one_in_the_code(file: str, owner: str, name: str) -> None:
    code = (ROOT / file).read_text()
    assert re.search(rf"^class {owner}\b", code, re.MULTILINE)
    assert re.search(rf"^    (async )?def {name}\(", code, re.MULTILINE)


@pytest.mark.parametrize("page", ["message-path.md", "guarantees.md"])
def test_every_name_in_the_pages_of_path_and_guarantees_exists(page: str) -> None:
    code = "\n".join(path.read_text() for folder in ("core", "realtime") for path in (ROOT / folder).rglob("*.py"))
    code += (ROOT / "schema.sql").read_text()
    text = (ROOT / "docs" / page).read_text()
    for owner, name in re.findall(r"`([A-Z]\w+)\.(\w+)`", text):
        assert re.search(rf"class {owner}\b", code), owner
        assert re.search(rf"def {name}\(", code), name
    for file in re.findall(r"`([\w/]+/[\w/]+\.(?:py|sql))`", text):
        assert (ROOT / file).exists(), file


def test_every_event_is_in_the_page_of_events_and_no_other() -> None:
    page = (ROOT / "docs/events.md").read_text()
    rows = re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)
    known = {kind.name for kind in wire.ClientEvent.__subclasses__()}
    known |= {kind.name for market in marketplaces.ALL.values() for kind in server_events(market)}
    assert {*rows} - {"event"} == known


def own_files(*suffixes: str) -> Iterator[Path]:
    """Yield the project's own files of these kinds, without installed packages and hidden folders."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if not name.startswith(".") and name != "node_modules"]
        yield from (Path(folder, name) for name in names if name.endswith(suffixes))


def relative(path: Path) -> str:
    """Return a path as messages and the names of tests show it."""
    return str(path.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", sorted({relative(path) for path in own_files(".md")} - {"CHANGELOG.md"}))
def test_links_lead_somewhere(page: str) -> None:
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", (ROOT / page).read_text()):
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target.read_text()), f"{path}#{anchor}"


def test_every_page_is_in_the_index() -> None:
    linked = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", (ROOT / "docs/README.md").read_text())}
    docs = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in docs if not page.startswith("adr/")} - {"README.md"} <= linked


def test_pages_that_code_and_configuration_name_exist() -> None:
    named = {
        (relative(path), page)
        for path in own_files(*SUFFIXES)
        if path.parent != MIGRATIONS
        for page in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())
    }
    assert named
    assert [(file, page) for file, page in named if not (ROOT / page).exists()] == []


def test_every_metric_is_in_the_page_of_metrics_and_no_other() -> None:
    folders = ("api", "core", "realtime", "workers")
    code = "\n".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))
    documented = re.findall(r"^\| `(greenroom_\w+)`", (ROOT / "docs/operate/metrics.md").read_text(), re.MULTILINE)
    assert set(documented) == set(re.findall(r'"(greenroom_\w+)"', code))
