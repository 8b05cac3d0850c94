"""Who is invited to a group sees it in her list and her bell, and answers there."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.page import PHONE, Visit
from tests.browser.people import Person
from tests.browser.server import DevServer


def invited(server: DevServer, visit: Visit, title: str) -> tuple[Person, str]:
    """Invite the talent of the page to a group of Sam's; return Sam and the group."""
    sam = Person(server.url, "Sam Stranger", "creator")
    talent = visit.page.evaluate("JSON.parse(localStorage['greenroom.pane.talent'])")
    return sam, sam.invite(title, talent)


def test_an_invitation_is_declined_in_the_list(server: DevServer, demo: Visit) -> None:
    talent = demo.talent
    invited(server, demo, "Spring film")
    row = talent.root.locator(".invitation")
    expect(row).to_contain_text("Sam Stranger invites you · 1 member")
    expect(talent.root.locator(".bell .badge")).to_have_text("1")
    talent.press("Decline the invitation to Spring film")
    expect(row).to_have_count(0)
    expect(talent.root.locator(".bell .badge")).to_be_hidden()
    expect(talent.conversation("Spring film")).to_have_count(0)


def test_an_invitation_is_accepted_in_the_bell(server: DevServer, demo: Visit) -> None:
    talent = demo.talent
    sam, group = invited(server, demo, "Spring film")
    sam.say(group, "Welcome")
    expect(talent.root.locator(".bell .badge")).to_have_text("1")
    talent.press("Notifications")
    panel = talent.root.get_by_role("dialog", name="Notifications")
    expect(panel).to_contain_text("Sam Stranger invites you to the group “Spring film”")
    panel.get_by_role("button", name="Accept the invitation to Spring film").click()
    expect(talent.message("Welcome")).to_be_visible()
    expect(panel.get_by_role("button", name="Accept the invitation to Spring film")).to_have_count(0)
    expect(talent.root.locator(".invitation")).to_have_count(0)


def test_an_invitation_is_taken_back_among_the_members(server: DevServer, demo: Visit) -> None:
    creator, page = demo.creator, demo.page
    sam = Person(server.url, "Sam Stranger", "talent")
    creator.press("New conversation")
    dialog = page.get_by_role("dialog", name="New conversation")
    dialog.get_by_label("ID of a person").fill(sam.id)
    dialog.get_by_label("Title, for a group").fill("Launch film")
    dialog.get_by_role("button", name="Start").click()
    page.get_by_role("dialog", name="Invited").get_by_role("button", name="OK").click()
    expect(creator.head).to_contain_text("1 member")
    creator.press("Members")
    back = page.get_by_role("button", name="Take back the invitation of Sam Stranger")
    expect(back).to_be_visible()
    back.click()
    expect(back).to_have_count(0)
    assert sam.invitations() == []


def test_an_invitation_fits_a_phone(server: DevServer, visit: Callable[..., Visit]) -> None:
    one = visit(viewport=PHONE)
    one.page.get_by_role("button", name="Start demo").click()
    one.page.locator("#tabs button").nth(1).click()
    one.talent.press("Back to the conversations")
    invited(server, one, "An uncommonly long title of a group " + "x" * 60)
    row = one.talent.root.locator(".invitation")
    expect(row).to_be_visible()
    box = row.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 390
    row.get_by_role("button", name="Accept").click()
    expect(row).to_have_count(0)
    expect(one.talent.head).to_contain_text("An uncommonly long title")
