"""Ways into the page, and how it fits: windows, accounts, phones."""

import os
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.page import PHONE, PaneView, Visit
from tests.browser.server import DevServer

FITS = "document.documentElement.scrollWidth <= innerWidth"
NARROW = ViewportSize(width=1280, height=800)
TALK = (
    ("creator", "Hi! We loved your reel. Are you free for a launch film in March?"),
    ("creator", "Two shooting days, one in the studio and one outside."),
    ("talent", "Thank you! March works, from the 9th on."),
    ("talent", "What is the mood?"),
    ("creator", "Warm, slow, a little strange. I will send the board tonight."),
)


def test_each_user_can_have_a_window_of_their_own(demo: Visit) -> None:
    windows: list[Page] = [demo.open("?as=creator"), demo.open("?as=talent")]
    creator, talent = PaneView(windows[0], "creator"), PaneView(windows[1], "talent")
    creator.say("From window to window")
    expect(talent.message("From window to window")).to_be_visible()
    expect(creator.page.locator(".pane")).to_have_count(1)
    expect(talent.page.locator(".pane")).to_have_count(1)


def test_a_name_is_not_cut_where_two_panes_stand_side_by_side(demo: Visit) -> None:
    demo.page.set_viewport_size(NARROW)
    title = demo.creator.root.locator(".conversation .title b")
    expect(title).to_have_count(1)
    cut = "(one, name) => { one.textContent = name; return one.scrollWidth > one.clientWidth }"
    assert title.evaluate(cut, "x" * 60)
    for name in ("Jonas Lindqvist", "Tomasz Kowalczyk"):
        assert not title.evaluate(cut, name), name


def test_one_can_log_out_and_in_again_in_another_browser(demo: Visit, visit: Callable[..., Visit]) -> None:
    demo.creator.say("Remember me")
    credentials = demo.creator.credentials()
    demo.creator.press("Account")
    demo.creator.press("Log out")
    other = visit()
    other.log_in(*credentials)
    other.creator.root.locator(".conversation").click()
    expect(other.creator.message("Remember me")).to_be_visible()


def test_a_forgotten_password_is_replaced_through_the_link_in_the_mail(
    demo: Visit, visit: Callable[..., Visit], server: DevServer
) -> None:
    email, _ = demo.creator.credentials()
    other = visit()
    page = other.page
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Forgot the password?").click()
    page.get_by_role("button", name="Send a mail").click()
    page.goto(server.printed(rf"{server.url}/#reset=\S+"))
    page.get_by_label("New password").fill("A-better-password-1")
    page.get_by_role("button", name="Save").click()
    other.log_in(email, "A-better-password-1")
    expect(other.creator.root.locator(".pane-head")).to_be_visible()
    expect(demo.page.get_by_role("region", name="Log in as creator")).to_be_visible()
    demo.forgive("401 (Unauthorized)")  # the session of the old password has ended,
    demo.forgive("400 (Bad Request)")  # and a polling request may have found its connection closed


def test_the_link_in_the_mail_to_a_new_user_verifies_her_address_at_the_press_of_a_button(
    demo: Visit, visit: Callable[..., Visit], server: DevServer
) -> None:
    page = visit().page
    page.goto(server.printed(rf"{server.url}/#verify=\S+"))
    page.get_by_role("button", name="Yes, it is mine").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def ask_for(new: str, one: Visit, email: str, password: str) -> None:
    """Ask for another e-mail address, as apps do: this page has no form for it."""
    request, api = one.context.request, f"{one.url}/api/auth"
    login = request.post(f"{api}/login", data={"email": email, "password": password}).json()
    headers = {"Authorization": f"Bearer {login['accessToken']}"}
    assert request.post(f"{api}/change-email", data={"newEmail": new}, headers=headers).ok


def linked(server: DevServer, to: str, fragment: str) -> str:
    """Return the link in the last mail about a change of e-mail to an address."""
    return server.printed(rf"(?s)--- mail to {to}: A new address(?:(?!--- mail).)*?({server.url}/#{fragment}=\S+)")


def test_a_change_of_email_is_confirmed_at_the_press_of_a_button_in_both_mails(
    demo: Visit, visit: Callable[..., Visit], server: DevServer
) -> None:
    email, password = demo.creator.credentials()
    new = f"newer.{email}"
    other = visit()
    ask_for(new, other, email, password)
    page = other.page
    page.goto(linked(server, email, "email"))
    page.get_by_role("button", name="Yes, confirm it").click()
    expect(page.get_by_role("status")).to_contain_text("the other address")
    page.goto(linked(server, new, "email"))
    page.get_by_role("button", name="Yes, confirm it").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    other.log_in(new, password)
    expect(other.creator.root.locator(".pane-head")).to_be_visible()
    for one in (demo, other):
        one.forgive("401 (Unauthorized)")  # its session has ended,
    demo.forgive("400 (Bad Request)")  # and a polling request may have found its connection closed


def test_a_change_of_email_that_is_nobodys_is_cancelled_at_the_press_of_a_button(
    demo: Visit, visit: Callable[..., Visit], server: DevServer
) -> None:
    email, password = demo.talent.credentials()
    other = visit()
    ask_for(f"newer.{email}", other, email, password)
    page = other.page
    page.goto(linked(server, email, "keep-email"))
    page.get_by_role("button", name="Yes, keep it").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(linked(server, email, "email"))
    page.get_by_role("button", name="Yes, confirm it").click()
    expect(page.get_by_role("alert")).to_contain_text("cancelled")
    other.forgive("400 (Bad Request)")


def test_a_wrong_password_is_said_in_plain_words(visit: Callable[..., Visit]) -> None:
    one = visit()
    one.log_in("nobody@demo.example", "not-the-Password-1")
    expect(one.page.get_by_role("alert")).to_contain_text("do not belong together")
    one.forgive("401 (Unauthorized)")


def test_a_phone_shows_one_pane_with_a_way_back_to_the_list(visit: Callable[..., Visit]) -> None:
    one = visit(viewport=PHONE)
    one.page.get_by_role("button", name="Start demo").click()
    creator, talent = one.creator, one.talent
    expect(creator.root).to_be_visible()
    expect(talent.root).to_be_hidden()
    creator.say("On the road")
    creator.press("Back to the conversations")
    expect(creator.field).to_be_hidden()
    one.page.locator("#tabs button").last.click()
    expect(creator.root).to_be_hidden()
    expect(talent.message("On the road")).to_be_visible()
    talent.press("Back to the conversations")
    one.page.locator("#tabs button").first.click()
    creator.root.locator(".conversation").click()
    creator.say("Are you there?")
    one.page.locator("#tabs button").last.click()
    expect(talent.root.locator(".conversation .badge")).to_have_text("1")
    talent.root.locator(".conversation").click()
    expect(talent.message("Are you there?")).to_be_visible()


def test_one_can_sign_up_and_is_told_what_is_wrong_with_the_password(visit: Callable[..., Visit]) -> None:
    one = visit()
    page = one.page
    page.get_by_role("button", name="No account yet?").click()
    for label, value in (("Name", "Ada Quist"), ("E-mail", "ada.quist@demo.example"), ("Password", "short")):
        page.get_by_label(label).fill(value)
    page.get_by_label("I am a").select_option("talent")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("alert").last).to_contain_text("password", ignore_case=True)
    one.forgive("400 (Bad Request)")
    page.get_by_label("Password").fill("Long-enough-1234")
    page.get_by_role("button", name="Sign up").click()
    expect(one.talent.root).to_be_visible()
    assert one.talent.name == "Ada Quist"
    expect(one.talent.root.get_by_text("No conversations yet.")).to_be_visible()


def test_the_demo_opens_its_conversation_in_both_panes_between_two_names(demo: Visit) -> None:
    assert demo.creator.name.split()[0] != demo.talent.name.split()[0]
    demo.creator.say("Here we are")
    expect(demo.talent.message("Here we are")).to_be_visible()


def test_the_socket_events_say_what_they_are(demo: Visit) -> None:
    demo.creator.press("Socket events")
    drawer = demo.creator.root.get_by_role("complementary", name="Socket events")
    expect(drawer.get_by_role("heading", name="Socket events, newest first")).to_be_visible()
    expect(drawer.get_by_text("join:conversation").first).to_be_visible()
    drawer.get_by_role("button", name="Close").click()
    expect(drawer).to_be_hidden()


def test_long_names_do_not_make_a_phone_scroll_sideways(demo: Visit) -> None:
    demo.page.set_viewport_size(PHONE)
    for tab in demo.page.locator("#tabs button").all():
        tab.evaluate("(tab) => { tab.textContent = 'Wilhelmina-Alexandra'; }")
    assert demo.page.evaluate(FITS)


def test_the_page_looks_right_asks_nobody_else_and_complains_of_nothing(demo: Visit, tmp_path: Path) -> None:
    """Set SCREENSHOTS to a folder to keep the pictures."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    for slot, text in TALK:
        demo.pane(slot).say(text)
    demo.talent.act(TALK[2][1], "React")
    demo.talent.root.get_by_role("menuitem").first.click()
    demo.page.screenshot(path=folder / "light.png")
    demo.page.emulate_media(color_scheme="dark")
    demo.page.screenshot(path=folder / "dark.png")
    demo.page.set_viewport_size(PHONE)
    demo.page.screenshot(path=folder / "phone.png")
    assert demo.page.evaluate(FITS), "nothing sticks out at the side"
    assert demo.problems == []
