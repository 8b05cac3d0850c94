"""What the documents say of the code is so."""

import re
from pathlib import Path

import pytest

import marketplaces
from api.asyncapi import server_events
from realtime import wire

ROOT = Path(__file__).parents[2]
PATH = re.findall(r"^(\w[\w/]+\.py) +(\w+)\.(\w+) ", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_the_readme_has_the_message_path() -> None:
    assert len(PATH) == 8


@pytest.mark.parametrize(("file", "owner", "name"), PATH)
def test_the_message_path_of_the_readme_is_the_one_in_the_code(file: str, owner: str, name: str) -> None:
    code = (ROOT / file).read_text()
    assert re.search(rf"^class {owner}\b", code, re.MULTILINE)
    assert re.search(rf"^    (async )?def {name}\(", code, re.MULTILINE)


def test_every_name_in_the_message_path_page_exists() -> None:
    code = "\n".join(path.read_text() for folder in ("core", "realtime") for path in (ROOT / folder).rglob("*.py"))
    code += (ROOT / "schema.sql").read_text()
    page = (ROOT / "docs/message-path.md").read_text()
    for owner, name in re.findall(r"`([A-Z]\w+)\.(\w+)`", page):
        assert re.search(rf"class {owner}\b", code), owner
        assert re.search(rf"def {name}\(", code), name
    for file in re.findall(r"`([\w/]+\.(?:py|sql))`", page):
        assert (ROOT / file).exists(), file


def test_every_event_is_in_the_page_of_events_and_no_other() -> None:
    page = (ROOT / "docs/events.md").read_text()
    rows = re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)
    documented = {name.strip("* ") for row in rows for name in row.split(",")} - {"event"}
    known = {kind.name for kind in wire.ClientEvent.__subclasses__()}
    known |= {kind.name for market in marketplaces.ALL.values() for kind in server_events(market)}
    assert documented == known


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / link).exists(), link


def test_every_metric_is_in_the_page_of_metrics_and_no_other() -> None:
    folders = ("api", "core", "realtime", "workers")
    code = "\n".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))
    documented = re.findall(r"^\| `(greenroom_\w+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    assert set(documented) == set(re.findall(r'"(greenroom_\w+)"', code))
