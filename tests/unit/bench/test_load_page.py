"""The page of a load story: what Locust counted is what it says."""

from pathlib import Path
from xml.etree import ElementTree as ET

from bench.locust import page
from bench.locust.story import Happening

STATS = """Type,Name,Request Count,Failure Count,50%,95%,99%,100%
SOCKET,message:received,1200,3,8,40,90,1400
GET,/api/conversations,500,0,6,20,30,44
,Aggregated,1700,3,7,38,88,1400
"""
HISTORY = """Timestamp,Name,50%,99%
1000,Aggregated,5,9
1001,message:received,N/A,N/A
1002,message:received,8,90
1060,message:received,9,20000
"""
FAILURES = """Method,Name,Error,Occurrences
SOCKET,message:received,LookupError('never heard'),3
"""
RUN = page.Run([Happening(30.2, "hub 1 restarted")], 60, 0.5, 1.25)


def report(folder: Path) -> page.Report:
    """Read the tables above."""
    for name, text in {"stats": STATS, "stats_history": HISTORY, "failures": FAILURES}.items():
        (folder / f"load_{name}.csv").write_text(text)
    return page.read(folder / "load", RUN, {"hub-1": 2, "api": 0})


def test_a_page_says_what_failed_what_was_heard_and_what_was_logged(tmp_path: Path) -> None:
    page.write(tmp_path, report(tmp_path), "100 users for 1 minute", "2 cores of something")
    text = (tmp_path / "load.md").read_text()
    assert "**3** of 1,700 requests failed; 1,197 messages were received" in text
    assert "3 x SOCKET message:received: LookupError('never heard')" in text
    assert "logged 2 errors of hub-1" in text
    assert "1. 30 s: hub 1 restarted" in text
    assert "| SOCKET message:received | 1,200 | 3 | 8 | 40 | 90 | 1,400 |" in text
    assert "Aggregated" not in text


def test_a_chart_has_what_was_waited_at_its_time_and_cuts_off_what_is_off_the_scale(tmp_path: Path) -> None:
    page.write(tmp_path, report(tmp_path), "100 users for 1 minute", "2 cores of something")
    lines = ET.parse(tmp_path / "load.svg").findall("{*}polyline")
    points = {line.get("class"): line.get("points", "").split() for line in lines}
    assert [len(one) for one in points.values()] == [2, 2], "what was before the first message is no point"
    assert points["p99"][1] == "884.0,44.0"
