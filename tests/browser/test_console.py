"""The operators' console in a browser: two hubs, a client that does not read, a job that is dead."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Route, ViewportSize, expect

from tests.browser.conftest import running_server
from tests.browser.people import Person, connect_and_join
from tests.browser.server import DevServer
from tests.flow.cli.commands import running

DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
PATIENCE = 15_000
MANY = 160  # messages of 40 KB: more than sockets hold for somebody who does not read


@dataclass
class Scene:
    """Ann and Sam have a conversation, and there are two hubs."""

    server: DevServer
    token: str
    database_url: str
    second: str
    ann: Person
    sam: Person
    room: str
    process: int  # of the second hub

    @property
    def second_port(self) -> int:
        """Where the second hub listens."""
        return int(self.second.rpartition(":")[2])


@pytest.fixture(scope="module")
def scene(chromium: str) -> Iterator[Scene]:
    """Return a dev server with a second hub beside it."""
    with running_server(RATE_LIMITS="off") as server:
        addresses = msgspec.json.decode((server.data / "servers.json").read_bytes())
        environ = {
            "DATABASE_URL": addresses["database_url"],
            "REDIS_URLS": addresses["redis_urls"][0],
            "JWT_KEYS": (server.data / "signing-key").read_text(),
            "RATE_LIMITS": "off",
        }
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        with running("hub", "--port", str(port), **environ) as process:
            ann, sam = Person(server.url, "Ann Archer", "creator"), Person(server.url, "Sam Slow", "talent")
            room = ann.group("Spring film", sam)
            token = (server.data / "operator-token").read_text().partition(":")[2]
            hub = f"{socket.gethostname()}:{port}"
            yield Scene(server, token, addresses["database_url"], hub, ann, sam, room, process.process.pid)


@pytest.fixture
def told(scene: Scene) -> Iterator[list[str]]:
    """Let Sam connect to the second hub and read nothing, while Ann says much; return the ids of her messages."""
    line = connect_and_join(scene.second_port, scene.sam, scene.room)
    yield [scene.ann.say(scene.room, "🎬" * 10_000) for _ in range(MANY)]
    line.close()


class Console:
    """The page of an operator who has logged in; `problems` is what the browser complained of."""

    def __init__(self, context: BrowserContext, scene: Scene) -> None:
        self.scene = scene
        self.problems: list[str] = []
        context.set_default_timeout(PATIENCE)
        context.on("console", self._logged)
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        self.page: Page = context.new_page()

    def open(self, place: str = "hubs") -> None:
        """Go to a place of the console with the link that brings the token along, if need be."""
        self.page.goto(f"{self.scene.server.url}/console#token={self.scene.token}")
        expect(self.page.get_by_role("heading", name="Hubs", exact=True)).to_be_visible()
        if place != "hubs":
            self.page.goto(f"{self.scene.server.url}/console#/{place}")

    def hub(self, name: str) -> Locator:
        """Return the card of a hub."""
        return self.page.get_by_role("article").filter(has=self.page.get_by_role("heading", name=name))

    def told_of(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Have the page told something else of a hub than what is so."""

        def answer(route: Route) -> None:
            response = route.fetch()
            listed = response.json()
            for entry in listed["hubs"]:
                if entry["vitals"]["name"] == name:
                    change(entry)
            route.fulfill(response=response, json=listed)

        self.page.route("**/ops/hubs", answer)

    def confirm(self, button: str) -> None:
        """Agree to the question that is asked."""
        self.page.get_by_role("dialog").get_by_role("button", name=button).click()

    def row(self, table: str, text: str) -> Locator:
        """Return a row of a table."""
        return self.page.get_by_role("table", name=table).get_by_role("row").filter(has_text=text)

    def forgive(self, text: str) -> None:
        """Drop the problems that a test has brought about on purpose."""
        self.problems = [problem for problem in self.problems if text not in problem]

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)


@pytest.fixture
def console(scene: Scene, browser: Browser) -> Iterator[Console]:
    """Return a console in a profile of its own; at the end it may have had no problem."""
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    one = Console(context, scene)
    yield one
    one.page.unroute_all(behavior="wait")
    context.close()
    assert one.problems == []


def in_database(scene: Scene, *statements: str) -> None:
    """Run statements, in a thread: Playwright's loop has this one."""

    async def run() -> None:
        connection = await asyncpg.connect(scene.database_url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


def all_of(line: socket.socket) -> bytes:
    """Return all that a connection still brings, up to its end."""
    with line:
        heard = b""
        while more := line.recv(4096):
            heard += more
        return heard


def test_nobody_comes_in_without_a_token_and_a_tab_that_has_it_keeps_it(console: Console, scene: Scene) -> None:
    console.page.goto(f"{scene.server.url}/console")
    field = console.page.get_by_label("Token")
    expect(field).to_be_focused()
    expect(console.page.get_by_role("navigation")).to_be_hidden()
    field.fill("not-the-token")
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("alert")).to_contain_text("This is no operator")
    console.page.get_by_label("Token").fill(scene.token)
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("heading", name="Hubs", exact=True)).to_be_visible()
    expect(console.page.locator("#operator")).to_have_text("dev")
    console.page.reload()
    expect(console.page.get_by_role("heading", name="Hubs", exact=True)).to_be_visible()
    console.page.get_by_role("button", name="Log out").click()
    expect(console.page.get_by_label("Token")).to_be_visible()
    console.forgive("401 (Unauthorized)")


def test_both_hubs_are_shown_live_and_the_one_with_a_slow_client_says_so(
    console: Console, scene: Scene, told: list[str]
) -> None:
    console.open()
    expect(console.page.get_by_role("article")).to_have_count(2)
    second = console.hub(scene.second)
    expect(second).to_contain_text("1 slow")
    expect(second.get_by_role("img", name=re.compile("^Connections: 1;"))).to_be_visible()
    whole = console.page.get_by_role("region", name="All hubs")
    # The first look may be at a heartbeat from before he came.
    expect(whole.get_by_role("img", name=re.compile("^Connections: 1; between [01] and 1 "))).to_be_visible()
    assert "token" not in console.page.url


def test_apis_and_workers_are_shown_beside_the_hubs(console: Console, scene: Scene) -> None:
    console.open()
    api, worker = (console.row("APIs and workers", kind) for kind in ("API ", "Worker "))
    expect(api).to_contain_text(re.compile(r"Ready.*requests/s"))
    expect(worker).to_contain_text(re.compile(r"Ready.*jobs running; of all workers \d+ due, \d+ dead"))


def test_a_hub_that_is_not_ready_says_why_and_which_servers_it_does_not_hear(console: Console, scene: Scene) -> None:
    missing = {"database": "TimeoutError", "hub": "not heard: cache-2:6379"}
    console.told_of(
        scene.second, lambda entry: entry["vitals"].update(missing=missing, deaf=True, deafTo=["cache-2:6379"])
    )
    console.open()
    second = console.hub(scene.second)
    expect(second).to_contain_text("Not ready")
    expect(second).to_contain_text("Postgres does not answer (TimeoutError)")
    expect(second).to_contain_text("not heard: cache-2:6379")
    expect(second).to_contain_text("Bus down")
    expect(second).not_to_contain_text("Ready")


@pytest.mark.slow
def test_a_late_hub_is_left_out_of_the_sums_and_the_seconds_since_it_was_heard_are_counted(
    console: Console, scene: Scene, told: list[str]
) -> None:
    def be_late(entry: dict[str, Any]) -> None:
        entry["late"] = True
        entry["vitals"]["beatAt"] = (datetime.now(UTC) - timedelta(seconds=6)).isoformat()

    console.told_of(scene.second, be_late)
    console.open()
    second = console.hub(scene.second)
    expect(second).to_contain_text(re.compile(r"Late\s*last heard \d+s ago"))
    whole = console.page.get_by_role("region", name="All hubs")
    expect(whole.get_by_role("img", name=re.compile("^Connections: 0; between 0 and 0 "))).to_be_visible()
    console.page.route("**/ops/**", lambda route: route.abort())
    expect(second).to_contain_text(re.compile(r"last heard [1-5]\ds ago"))
    console.forgive("net::ERR_FAILED")


def test_while_the_first_redis_is_away_it_is_named_and_the_hubs_stay_as_they_were_seen(
    console: Console, scene: Scene
) -> None:
    console.open()
    expect(console.page.get_by_role("article")).to_have_count(2)
    error = {"code": "UNAVAILABLE", "message": "Redis cache:6379 does not answer.", "details": []}
    console.page.route("**/ops/hubs", lambda route: route.fulfill(status=503, json={"error": error}))
    trouble = console.page.locator("#trouble")
    expect(trouble).to_have_text("Redis cache:6379 does not answer. What you see may be old; trying again.")
    console.page.get_by_role("link", name="Find").click()
    expect(trouble).to_be_empty()
    console.page.get_by_role("link", name="Hubs").click()
    expect(trouble).to_contain_text("may be old")
    expect(console.page.get_by_role("article")).to_have_count(2)
    console.page.reload()
    expect(trouble).to_have_text("Redis cache:6379 does not answer. Trying again.")
    expect(console.page.get_by_role("article")).to_have_count(0)
    console.forgive("503 (Service Unavailable)")


def test_a_missing_delivery_is_explained_by_the_name_of_the_user(
    console: Console, scene: Scene, told: list[str]
) -> None:
    console.open()
    console.page.get_by_role("link", name="Find").click()
    console.page.get_by_label("User, conversation or message").fill("sam sl")
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("heading", name="Sam Slow")).to_contain_text("Online")
    expect(console.row("Sessions", "127.0.0.0/24")).to_contain_text(f"{scene.second}, websocket")
    console.page.get_by_role("link", name="Spring film").click()
    expect(console.row("Members", "Sam Slow")).to_contain_text("Slow")
    expect(console.row("Hubs on which it is loaded", scene.second)).to_contain_text("Up to date")
    console.page.goto(f"{scene.server.url}/console#/messages/{told[-1]}")
    expect(console.row("What became of it", "Ann Archer")).to_contain_text("Read")
    sam = console.row("What became of it", "Sam Slow")
    expect(sam).to_contain_text("does not read at the moment")
    expect(sam).to_contain_text(re.compile(r"Delivered up to version \d+; this is version \d+"))
    way = console.row("Delivery trace", scene.second)
    expect(way).to_contain_text(re.compile(r"\d\.\d{3}.*\+\d+ ms.*over the bus.*\d\.\d{3}.*\+\d+ ms"))
    console.page.goto(f"{scene.server.url}/console#/messages/{told[0]}")
    expect(console.row("What became of it", "Sam Slow")).to_contain_text("Delivered")


def test_while_nobody_knows_which_hubs_there_are_nobody_is_called_offline(console: Console, scene: Scene) -> None:
    def answer(route: Route) -> None:
        response = route.fetch()
        unknown = {"sockets": [], "unheard": [], "heardAll": False}
        route.fulfill(response=response, json=response.json() | unknown)

    console.page.route(f"**/ops/users/{scene.ann.id}", answer)
    console.open(f"users/{scene.ann.id}")
    expect(console.page.get_by_role("heading", name="Ann Archer")).to_contain_text("Unknown")
    expect(console.page.get_by_text("does not say which hubs there are")).to_be_visible()


def test_a_page_that_is_opened_without_the_list_of_hubs_calls_them_by_name(
    console: Console, scene: Scene, told: list[str]
) -> None:
    console.open(f"users/{scene.sam.id}")
    console.page.reload()
    expect(console.row("Sessions", "127.0.0.0/24")).to_contain_text(f"{scene.second}, websocket")


def test_an_id_leads_to_what_it_names_and_nothing_found_is_said(console: Console, scene: Scene) -> None:
    console.open("find")
    field = console.page.get_by_label("User, conversation or message")
    field.fill(scene.room)
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_role("heading", name="Spring film")).to_be_visible()
    console.page.goto(f"{scene.server.url}/console#/find/?q={scene.ann.email}")
    expect(console.page.get_by_role("heading", name="Ann Archer")).to_be_visible()
    console.page.goto(f"{scene.server.url}/console#/find/?q=nobody-of-this-name")
    expect(console.page.get_by_text("Nobody and nothing was found.")).to_be_visible()
    console.page.goto(f"{scene.server.url}/console#/users/{scene.room}")
    expect(console.page.get_by_role("alert")).to_contain_text("Nobody has this ID")
    console.forgive("404 (Not Found)")


def test_a_dead_job_is_tried_again_or_dropped_after_a_question(console: Console, scene: Scene) -> None:
    insert = "insert into dead_jobs (id, name, arguments, error, tries, failed_at) values (gen_random_uuid(), "
    in_database(
        scene,
        insert + "'NotifyMembers', '{\"conversation_ids\": []}', 'ConnectionError: no answer', 5, now())",
        insert + "'SendMail', null, 'SMTPRecipientsRefused: no such mailbox', 5, now())",
    )
    console.open("jobs")
    expect(console.row("All", "SendMail")).to_contain_text("Not kept")
    console.page.get_by_role("checkbox", name="Choose NotifyMembers").check()
    console.page.get_by_role("button", name="Try again (1)").click()
    console.confirm("Cancel")
    expect(console.row("All", "NotifyMembers")).to_be_visible()
    console.page.get_by_role("button", name="Try again (1)").click()
    console.confirm("Try again")
    expect(console.row("All", "NotifyMembers")).to_have_count(0)
    console.page.get_by_role("checkbox", name="Choose SendMail").press("Space")
    console.page.get_by_role("button", name="Drop (1)").press("Enter")
    console.page.keyboard.press("Tab")  # from the cross to the answer
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_text("No job is dead.")).to_be_visible()


def test_a_report_shows_what_was_said_and_is_resolved_with_a_note(console: Console, scene: Scene) -> None:
    message = scene.sam.say(scene.room, "Cheap watches, only today")
    scene.ann.report(f"/conversations/{scene.room}/messages/{message}", "spam", "Third time this week")
    scene.ann.report(f"/users/{scene.sam.id}", "impersonation")
    console.open("reports")
    row = console.row("Open (2)", "Spam")
    expect(row).to_contain_text("Cheap watches, only today")
    expect(row).to_contain_text("Third time this week")
    expect(row.get_by_role("link", name="Ann Archer")).to_be_visible()
    expect(console.row("Open (2)", "Impersonation")).to_contain_text("The user, not a message")
    row.get_by_role("button", name="Resolve").click()
    console.confirm("Cancel")
    row.get_by_role("button", name="Resolve").click()
    console.page.get_by_label("What was done").fill("Asked Sam to stop")
    console.confirm("Resolve")
    expect(console.row("Open (1)", "Impersonation")).to_be_visible()
    console.page.get_by_role("link", name="Resolved").click()
    expect(console.row("Resolved (1)", "Spam")).to_contain_text(re.compile("by dev.*Asked Sam to stop"))
    console.page.get_by_role("link", name="Conversation").click()
    expect(console.page.get_by_role("heading", name="Spring film")).to_be_visible()
    console.page.goto(f"{scene.server.url}/console#/users/{scene.sam.id}")
    console.page.get_by_role("link", name="About this user").click()
    expect(console.page.get_by_role("heading", name="All (2)")).to_be_visible()
    console.page.goto(f"{scene.server.url}/console#/reports/?userId={scene.ann.id}")
    expect(console.page.get_by_text("No report is open.")).to_be_visible()
    in_database(scene, "delete from reports")


def test_older_reports_are_paged_by_a_cursor(console: Console, scene: Scene) -> None:
    in_database(
        scene,
        f"""
        insert into reports (id, market, reporter_id, user_id, message_id, reason, text, created_at)
        select lpad(to_hex(n), 32, '0')::uuid, 'onswift', '{scene.ann.id}', '{scene.sam.id}', gen_random_uuid(), 'spam',
            'Report ' || n, now() from generate_series(1, 25) n""",
    )
    console.open("reports")
    expect(console.row("Open (25)", "Report 25")).to_be_visible()
    console.page.get_by_role("link", name="Older").click()
    rows = console.page.get_by_role("table", name="Open (25)").get_by_role("row")
    expect(rows).to_have_count(6)
    expect(rows.nth(1)).to_contain_text("Report 5")
    expect(console.page.get_by_role("link", name="Older")).to_have_count(0)
    console.page.get_by_role("link", name="Newest").click()
    expect(console.row("Open (25)", "Report 25")).to_be_visible()
    in_database(scene, "delete from reports")


def test_every_place_fits_a_phone_and_looks_right(
    console: Console, scene: Scene, told: list[str], tmp_path: Path
) -> None:
    """Set SCREENSHOTS to a folder to keep the pictures."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    insert = "insert into dead_jobs (id, name, arguments, error, tries, failed_at) values (gen_random_uuid(), "
    in_database(scene, insert + "'CheckFile', '{\"file_id\": \"0192\"}', 'ConnectionRefusedError: clamd', 5, now())")
    scene.ann.report(f"/users/{scene.sam.id}", "harassment", "Writes to me every night, under ever new names. " * 4)
    said = scene.sam.say(scene.room, "Cheap watches, only today: https://example.com/" + "watches-" * 12)
    scene.ann.report(f"/conversations/{scene.room}/messages/{said}", "spam")
    places = {
        "hubs": "All hubs",
        "find/?q=nobody": "Users",
        f"users/{scene.sam.id}": "Sessions",
        f"conversations/{scene.room}": "Newest messages",
        f"messages/{told[-1]}": "What became of it",
        "reports": "Open (2)",
        "jobs": "All",
    }
    console.open()
    console.page.wait_for_timeout(9000)  # for a line to be seen there must be some looks
    for place, heading in places.items():
        console.page.goto(f"{scene.server.url}/console#/{place}")
        expect(console.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        name = place.partition("/")[0]
        for size, scheme in ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light")):
            console.page.set_viewport_size(size)
            console.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # a literal, through a tuple
            console.page.screenshot(path=folder / f"console-{name}-{size['width']}-{scheme}.png")
            width = console.page.evaluate(
                "Math.max(...[...document.querySelectorAll('body *')].map(n => n.scrollWidth))"
            )
            assert width <= size["width"], f"{place} sticks out at the side"
    in_database(scene, "delete from dead_jobs", "delete from reports")


@pytest.mark.slow
def test_a_hub_that_hangs_is_silent_and_nobody_on_it_is_called_offline(console: Console, scene: Scene) -> None:
    message = scene.ann.say(scene.room, "Are you there?")
    os.kill(scene.process, signal.SIGSTOP)
    try:
        console.open(f"messages/{message}")
        expect(console.page.get_by_text(re.compile("^No answer from "))).to_be_visible()
        expect(console.row("What became of it", "Sam Slow")).to_contain_text("Unknown")
        console.page.get_by_role("link", name="Hubs").click()
        expect(console.hub(scene.second)).to_contain_text("Silent")
    finally:
        os.kill(scene.process, signal.SIGCONT)
    expect(console.hub(scene.second)).to_contain_text("Ready")


@pytest.mark.slow
def test_a_drained_hub_is_empty_and_takes_clients_again(console: Console, scene: Scene) -> None:
    console.open()
    second = console.hub(scene.second)
    line = connect_and_join(scene.second_port, scene.sam, scene.room)
    second.get_by_role("button", name="Drain").click()
    console.confirm("Cancel")
    expect(second).not_to_contain_text("Draining")
    second.get_by_role("button", name="Drain").click()
    console.confirm("Drain")
    expect(second).to_contain_text("Draining")
    expect(second.get_by_role("img", name=re.compile("^Connections: 0;"))).to_be_visible()
    assert b"server:restarting" in all_of(line)
    second.get_by_role("button", name="Stop draining").click()
    console.confirm("Stop draining")
    expect(second).to_contain_text("Ready")


def test_an_ended_session_closes_its_connections_wherever_they_are(console: Console, scene: Scene) -> None:
    line = connect_and_join(scene.second_port, scene.sam, scene.room)
    console.open(f"users/{scene.sam.id}")
    expect(console.row("Sessions", scene.second)).to_be_visible()
    console.page.get_by_role("button", name="End session").click()
    console.confirm("End it")
    expect(console.page.get_by_text("Logged in nowhere.")).to_be_visible()
    assert b"session:ended" in all_of(line)


@pytest.mark.slow
def test_when_the_server_is_gone_what_was_seen_stays_and_is_said_to_be_old(console: Console, scene: Scene) -> None:
    console.open()
    expect(console.page.get_by_role("article")).to_have_count(2)
    console.page.route("**/ops/**", lambda route: route.abort())
    expect(console.page.locator("#trouble")).to_contain_text("may be old")
    expect(console.page.get_by_role("article")).to_have_count(2)
    console.page.unroute_all()
    expect(console.page.locator("#trouble")).to_be_empty()
    console.forgive("net::ERR_FAILED")
