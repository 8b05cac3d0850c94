"""The review queue in a browser: by keyboard, with pictures, several at once, on a phone."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import running_server
from tests.browser.people import Person
from tests.browser.test_console import DESKTOP, PHONE, Console, Scene, in_database
from tests.browser.test_pictures import Creator, encoded


@pytest.fixture(scope="module")
def scene(chromium: str) -> Iterator[Scene]:
    """Return a dev server in which Ann and Sam have a conversation."""
    with running_server(RATE_LIMITS="off") as server:
        addresses = msgspec.json.decode((server.data / "servers.json").read_bytes())
        token = (server.data / "operator-token").read_text().partition(":")[2]
        ann, sam = Person(server.url, "Ann Archer", "creator"), Person(server.url, "Sam Spammer", "talent")
        room = ann.group("Spring film", sam)
        yield Scene(server, token, addresses["database_url"], "", ann, sam, room, 0)


@pytest.fixture
def console(scene: Scene, browser: Browser) -> Iterator[Console]:
    """Return a console in a profile of its own, and an empty queue; at the end it may have had no problem."""
    in_database(scene, "delete from review_tasks", "delete from reports")
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    one = Console(context, scene)
    yield one
    one.page.unroute_all(behavior="wait")
    context.close()
    assert one.problems == []


def rows(console: Console) -> Locator:
    """Return the tasks in the list."""
    return console.page.get_by_role("list", name="Tasks").get_by_role("listitem")


def panel(console: Console) -> Locator:
    """Return the task that is shown in detail."""
    return console.page.get_by_role("region", name="Task")


def reported(scene: Scene, *texts: str) -> None:
    """Have messages of Sam reported."""
    for text in texts:
        said = scene.sam.say(scene.room, text)
        scene.ann.report(f"/conversations/{scene.room}/messages/{said}", "spam", "Again!")


def test_a_moderator_works_through_the_queue_by_keyboard_alone(console: Console, scene: Scene) -> None:
    reported(scene, "Cheap watches", "Cheaper watches", "The cheapest watches")
    console.open("queue")
    expect(rows(console)).to_have_count(3)
    console.page.keyboard.press("n")
    expect(panel(console)).to_contain_text("Cheap watches")
    expect(panel(console)).to_contain_text(re.compile(r"You hold it for (10:00|9:\d\d)"))
    expect(panel(console)).to_contain_text("by Ann Archer")
    console.page.keyboard.press("m")
    console.page.keyboard.type("Told to stop; 1 is no decision here")
    console.page.keyboard.press("Escape")
    console.page.keyboard.press("1")
    expect(console.page.get_by_role("status").filter(has_text="Decided: Resolve")).to_be_visible()
    expect(rows(console)).to_have_count(2)
    console.page.keyboard.press("j")
    expect(panel(console)).to_contain_text("Cheaper watches")
    console.page.keyboard.press("1")
    expect(rows(console)).to_have_count(2)  # it is not held, so no key decides it
    console.page.keyboard.press("t")
    expect(panel(console)).to_contain_text("You hold it")
    console.page.keyboard.press("r")
    expect(panel(console)).not_to_contain_text("You hold it")
    console.page.keyboard.press("?")
    expect(console.page.get_by_role("dialog", name="Keys")).to_be_visible()
    console.page.keyboard.press("Escape")
    console.page.keyboard.press("Escape")
    expect(panel(console)).to_contain_text("Choose a task")
    console.page.get_by_role("link", name="Decided").click()
    expect(rows(console)).to_have_count(1)
    rows(console).get_by_role("button").click()
    expect(panel(console)).to_contain_text("Told to stop; 1 is no decision here")


def test_what_is_typed_and_chosen_stays_while_the_page_is_loaded_again(console: Console, scene: Scene) -> None:
    reported(scene, "Cheap watches")
    console.open("queue")
    rows(console).get_by_role("button").click()
    note = panel(console).get_by_label("Note of the decision")
    note.fill("Half a sent")
    with console.page.expect_response("**/ops/review/tasks?**"):
        pass
    reported(scene, "Cheaper watches")
    expect(rows(console)).to_have_count(2)
    note.press_sequentially("ence")
    expect(note).to_have_value("Half a sentence")
    panel(console).get_by_label("New note").fill("Seen before")
    panel(console).get_by_role("button", name="Add note").click()
    expect(panel(console).get_by_text("Seen before", exact=True)).to_be_visible()
    expect(note).to_have_value("Half a sentence")


def test_several_are_decided_at_once_and_what_another_holds_stays(console: Console, scene: Scene) -> None:
    reported(scene, "One", "Two", "Three")
    console.open("queue")
    expect(rows(console)).to_have_count(3)
    for key in ("j", "x", "j", "x", "j", "x"):
        console.page.keyboard.press(key)
    in_database(
        scene,
        """update review_tasks set held_by = 'operator:omar', held_until = now() + interval '10 minutes'
        where facts::text like '%Three%'""",
    )
    console.page.get_by_text("3 chosen:").locator("..").get_by_role("button", name="Dismiss").click()
    console.confirm("Dismiss")
    expect(console.page.get_by_role("status").filter(has_text="2 decided, 1 not: omar holds this task")).to_be_visible()
    expect(rows(console)).to_have_count(1)
    expect(panel(console)).to_contain_text("omar is deciding this.")


def test_pictures_are_blurred_until_they_are_wanted(console: Console, scene: Scene) -> None:
    creator = Creator(scene.server)
    new = creator.uploaded(encoded("PNG"), "me.png", "image/png", "avatar")
    me = creator.call("POST", "/api/users/me/avatar", {"fileUrl": new["fileUrl"]})["avatarUrl"]
    assert me
    id = creator.call("GET", "/api/users/me")["id"]
    scene.ann.report(f"/users/{id}", "impersonation", "This is not her")
    console.open("queue")
    rows(console).get_by_role("button").click()
    picture = panel(console).get_by_role("img", name="me.png")
    expect(picture).to_have_css("filter", re.compile("blur"))
    assert picture.evaluate("async (one) => { await one.decode(); return one.naturalWidth; }") > 0
    console.page.keyboard.press("b")
    expect(picture).to_have_css("filter", "none")
    console.page.keyboard.press("b")
    picture.click()
    expect(picture).to_have_css("filter", "none")


def test_an_account_is_suspended_with_a_reason_and_made_active_again(console: Console, scene: Scene) -> None:
    eve = Person(scene.server.url, "Eve Eager", "talent")
    console.open(f"users/{eve.id}")
    console.page.get_by_role("button", name="Suspend").click()
    dialog = console.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Spam")
    dialog.get_by_label("Until").fill("2099-01-01T12:00")
    console.confirm("Suspend")
    expect(console.page.get_by_text("Suspended", exact=True)).to_be_visible()
    expect(console.page.get_by_text("Logged in nowhere.")).to_be_visible()
    console.page.get_by_role("button", name="Make active").click()
    console.page.get_by_role("dialog").get_by_label("Reason").fill("A mistake")
    console.confirm("Make active")
    expect(console.page.get_by_text("Active", exact=True)).to_be_visible()


def test_the_queue_fits_a_phone_and_looks_right(console: Console, scene: Scene, tmp_path: Path) -> None:
    """Set SCREENSHOTS to a folder to keep the pictures."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    creator = Creator(scene.server)
    new = creator.uploaded(encoded("PNG"), "a-picture-with-a-rather-long-name.png", "image/png", "avatar")
    creator.call("POST", "/api/users/me/avatar", {"fileUrl": new["fileUrl"]})
    id = creator.call("GET", "/api/users/me")["id"]
    reported(scene, "Cheap watches, only today: https://example.com/" + "watches-" * 12, "Two", "Three")
    for one in (scene.ann, scene.sam):
        one.report(f"/users/{id}", "harassment", "Writes to me every night, under ever new names. " * 4)
    in_database(scene, "update review_tasks set due_at = now() - interval '1 hour' where facts::text like '%Two%'")
    console.open("queue")
    expect(rows(console)).to_have_count(4)
    console.page.keyboard.press("n")
    expect(panel(console)).to_contain_text("You hold it")
    panel(console).get_by_label("New note").fill("The same as last week, see the other account.")
    panel(console).get_by_role("button", name="Add note").click()
    expect(panel(console).get_by_text("The same as last week", exact=False).first).to_be_visible()
    task = console.page.url
    for place, name in (
        (task, "task"),
        (re.sub(r"queue/[^?]*", "queue/", task), "queue"),
        ("#/statistics", "statistics"),
        (f"#/users/{id}", "user"),
    ):
        console.page.goto(place if place.startswith("http") else f"{scene.server.url}/console{place}")
        console.page.wait_for_load_state("networkidle")
        expect(console.page.locator("[aria-busy=true]")).to_have_count(0)
        console.page.evaluate("document.querySelector('#view').scrollTop = 0")
        for size, scheme in ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light")):
            console.page.set_viewport_size(size)
            console.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # a literal, through a tuple
            console.page.screenshot(path=folder / f"{name}-{size['width']}-{scheme}.png", full_page=True)
            width = console.page.evaluate(
                "Math.max(...[...document.querySelectorAll('body *')].map(n => n.scrollWidth))"
            )
            assert width <= size["width"], f"{name} sticks out at the side"
