"""Two people in two panes: what one does, the other sees."""

import re

from playwright.sync_api import expect

from tests.browser.page import Visit


def test_two_people_talk_see_each_other_type_and_know_what_was_read(demo: Visit) -> None:
    creator, talent = demo.creator, demo.talent
    creator.field.press_sequentially("Are you")
    expect(talent.typing).to_contain_text("is typing")
    sent = creator.say("Are you free in March?")
    expect(talent.message("Are you free in March?")).to_be_visible()
    expect(talent.typing).to_be_empty()
    expect(sent.get_by_role("img", name="Sent")).to_be_visible()
    talent.field.focus()
    expect(sent.get_by_role("img", name="Read")).to_be_visible()
    talent.say("From the 9th on")
    expect(creator.message("From the 9th on")).to_be_visible()


def test_unread_messages_are_counted_until_they_are_looked_at(demo: Visit) -> None:
    creator, talent = demo.creator, demo.talent
    creator.field.focus()
    creator.say("One")
    creator.say("Two")
    badge = talent.root.locator(".conversation .badge")
    expect(badge).to_have_text("2")
    expect(demo.page).to_have_title("(2) Greenroom")
    expect(talent.root.locator(".line.new")).to_be_visible()
    talent.field.focus()
    expect(badge).to_be_hidden()
    expect(demo.page).to_have_title("Greenroom")


def test_an_edit_a_reaction_a_reply_and_a_deletion_are_seen_by_the_other(demo: Visit) -> None:
    creator, talent = demo.creator, demo.talent
    creator.say("Two shooting day")
    creator.act("Two shooting day", "Edit")
    creator.write("Two shooting days")
    expect(talent.message("Two shooting days")).to_contain_text("edited")
    talent.act("Two shooting days", "React")
    talent.root.get_by_role("menuitem").first.click()
    expect(creator.message("Two shooting days").locator(".reaction")).to_contain_text("1")
    talent.act("Two shooting days", "Reply")
    talent.say("Which ones?")
    expect(creator.message("Which ones?").locator(".quote")).to_contain_text("Two shooting days")
    creator.act("Two shooting days", "Delete")
    demo.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(talent.message("This message was deleted")).to_be_visible()
    expect(talent.message("Which ones?").locator(".quote")).to_contain_text("Deleted message")


def test_a_reaction_is_taken_back_with_a_second_click(demo: Visit) -> None:
    demo.creator.say("Deal?")
    demo.talent.act("Deal?", "React")
    demo.talent.root.get_by_role("menuitem").first.click()
    reaction = demo.talent.message("Deal?").locator(".reaction")
    expect(reaction).to_have_attribute("aria-pressed", "true")
    reaction.click()
    expect(demo.creator.message("Deal?").locator(".reaction")).to_have_count(0)


def test_a_script_in_a_message_is_shown_as_text(demo: Visit) -> None:
    attack = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    demo.creator.say(attack)
    expect(demo.talent.message(attack)).to_be_visible()
    expect(demo.talent.root.locator(".conversation")).to_contain_text("<script>")
    assert demo.page.locator(".log script, .log img").count() == 0
    assert "owned" not in demo.page.title()


def test_enter_sends_shift_enter_breaks_the_line_and_escape_leaves_an_edit(demo: Visit) -> None:
    creator = demo.creator
    creator.field.press_sequentially("First")
    creator.field.press("Shift+Enter")
    creator.field.press_sequentially("second")
    creator.field.press("Enter")
    expect(demo.talent.message("First\nsecond")).to_be_visible()
    expect(creator.message("First\nsecond").get_by_role("img", name="Sent")).to_be_visible()
    creator.field.press("ArrowUp")
    expect(creator.field).to_have_value("First\nsecond")
    creator.field.fill("Third")
    creator.field.press("Escape")
    expect(creator.field).to_have_value("")
    assert creator.texts() == ["First\nsecond"]


def test_a_text_that_is_too_long_is_kept_and_not_sent(demo: Visit) -> None:
    demo.creator.write("x" * 10_001)
    expect(demo.creator.root.get_by_role("button", name="Send")).to_be_disabled()
    expect(demo.creator.root.locator(".counter")).to_have_text("-1")
    assert demo.creator.texts() == []


def test_a_group_is_made_mentions_its_members_shows_in_their_lists_and_removes_one(demo: Visit) -> None:
    creator, talent, page = demo.creator, demo.talent, demo.page
    creator.press("New conversation")
    dialog = page.get_by_role("dialog", name="New conversation")
    dialog.get_by_role("button", name="New talent").click()
    expect(dialog.get_by_role("checkbox")).to_have_count(2)
    dialog.get_by_role("checkbox").first.check()
    dialog.get_by_label("Title, for a group").fill("Launch film")
    dialog.get_by_role("button", name="Start").click()
    told = page.get_by_role("dialog", name="Invited")
    expect(told.get_by_role("listitem")).to_have_text(re.compile(talent.name))
    told.get_by_role("button", name="OK").click()
    expect(creator.head).to_contain_text("2 members")
    talent.press("Accept the invitation to Launch film")
    expect(talent.head).to_contain_text("Launch film")
    expect(creator.head).to_contain_text("3 members")
    talent.field.press_sequentially("Hello @")
    talent.root.get_by_role("option", name=creator.name).click()
    talent.field.press("Enter")
    expect(creator.root.locator(".mention")).to_have_text(f"@{creator.name}")
    talent.open(creator.name)
    creator.say("And you?")
    expect(talent.conversation("Launch film")).to_contain_text(f"{creator.name.split()[0]}: And you?")
    expect(talent.conversation("Launch film").locator(".badge")).to_have_text("1")
    creator.press("Members")
    page.get_by_role("button", name=f"Remove {talent.name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(talent.conversation("Launch film")).to_have_count(0)
    expect(creator.messages.last).to_contain_text(f"removed {talent.name}")


def test_a_notification_is_gone_when_it_or_its_message_is_read(demo: Visit) -> None:
    creator, talent = demo.creator, demo.talent
    badge = talent.root.locator(".bell .badge")
    creator.field.focus()
    creator.say("Have a look")
    expect(badge).to_have_text("1")
    talent.press("Notifications")
    talent.root.get_by_role("button", name="New message").click()
    expect(badge).to_be_hidden()
    creator.field.focus()
    creator.say("And another")
    expect(badge).to_have_text("1")
    talent.field.focus()
    expect(badge).to_be_hidden()


def test_a_user_who_leaves_is_shown_as_offline(demo: Visit) -> None:
    demo.talent.press("Account")
    demo.talent.press("Log out")
    expect(demo.creator.head).to_contain_text("Last seen")
