"""What must not get lost: over reloads, restarts, tokens that run out, and too much at once."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.line import Line
from tests.browser.page import Visit
from tests.browser.server import DevServer

SPEND_TOKEN = """() => {
    for (const key of Object.keys(localStorage).filter((key) => key.startsWith("greenroom.account."))) {
        const account = JSON.parse(localStorage[key]);
        localStorage[key] = JSON.stringify({ ...account, accessToken: "spent" });
    }
}"""
SEND_MANY = """async ([slot, count]) => {
    const of = (key) => JSON.parse(localStorage[`greenroom.${key}`]);
    const { user, accessToken } = of(`account.${of(`pane.${slot}`)}`);
    const path = `/api/conversations/${of(`open.${user.id}`)}/messages`;
    const headers = { Authorization: `Bearer ${accessToken}`, "Content-Type": "application/json" };
    for (let i = 1; i <= count; i++) {
        await fetch(path, { method: "POST", headers, body: JSON.stringify({ content: `${slot} ${i}` }) });
    }
}"""


def test_a_reload_loses_nothing(demo: Visit) -> None:
    creator, talent = demo.creator, demo.talent
    creator.say("Before the reload")
    talent.say("Me too")
    creator.field.press_sequentially("Half a thou")
    demo.page.reload()
    for pane in (creator, talent):
        expect(pane.message("Me too")).to_be_visible()
    assert creator.texts() == talent.texts() == ["Before the reload", "Me too"]
    expect(creator.field).to_have_value("Half a thou")
    creator.field.press_sequentially("ght")
    creator.field.press("Enter")
    expect(talent.message("Half a thought")).to_be_visible()


def test_a_message_written_while_the_server_is_dead_arrives_once_when_it_is_back(
    demo: Visit, server: DevServer
) -> None:
    creator, talent = demo.creator, demo.talent
    creator.say("Before")
    expect(talent.message("Before")).to_be_visible()
    server.kill()
    expect(creator.status).to_contain_text("Reconnecting")
    creator.write("Meanwhile")
    expect(creator.message("Meanwhile").get_by_role("img", name="Waiting to be sent")).to_be_visible()
    server.start()
    expect(talent.message("Meanwhile")).to_be_visible(timeout=15_000)
    expect(creator.status).to_be_empty()
    talent.say("After")
    expect(creator.message("After")).to_be_visible()
    assert creator.texts() == talent.texts() == ["Before", "Meanwhile", "After"]
    demo.forgive("net::ERR_")  # the browser notes each attempt to reach a server that is away


def test_a_message_that_was_never_sent_is_sent_by_the_next_visit(demo: Visit, server: DevServer) -> None:
    server.kill()
    expect(demo.creator.status).to_contain_text("Reconnecting")
    demo.creator.write("In the tunnel")
    expect(demo.creator.message("In the tunnel")).to_be_visible()
    demo.page.goto("about:blank")
    server.start()
    demo.page.goto(demo.url)
    expect(demo.talent.message("In the tunnel")).to_be_visible()
    expect(demo.creator.message("In the tunnel").get_by_role("img", name="Sent")).to_be_visible()
    assert demo.creator.texts() == ["In the tunnel"]
    demo.forgive("net::ERR_")


def test_a_message_whose_answer_is_lost_is_sent_again_and_arrives_once(visit: Callable[..., Visit]) -> None:
    one = visit()
    line = Line(one.page)
    one.start_demo()
    line.await_upgrades(2)
    line.cut_once_after("message:send")
    one.creator.say("Once")
    one.talent.say("Yes")
    expect(one.creator.message("Yes")).to_be_visible()
    assert line.cuts == 1
    assert one.creator.texts() == one.talent.texts() == ["Once", "Yes"]


def test_what_was_missed_while_the_line_was_down_is_caught_up(demo: Visit, visit: Callable[..., Visit]) -> None:
    demo.creator.say("First")
    other = visit()
    line = Line(other.page)
    other.log_in(*demo.talent.credentials())
    other.talent.root.locator(".conversation").click()
    expect(other.talent.message("First")).to_be_visible()
    line.await_upgrades(1)
    line.cut()
    expect(other.talent.status).to_contain_text("Reconnecting")
    demo.creator.act("First", "Edit")
    demo.creator.write("First, corrected")
    demo.creator.say("Second")
    line.mend()
    expect(other.talent.message("Second")).to_be_visible()
    assert other.talent.texts() == ["First, corrected", "Second"]
    other.forgive("net::ERR_FAILED")  # the browser notes the attempts while the line was down


def test_more_messages_at_once_than_allowed_all_arrive_in_their_order(demo: Visit) -> None:
    texts = [f"Number {number}" for number in range(1, 34)]
    for text in texts:
        demo.creator.write(text)
    expect(demo.talent.message(texts[-1])).to_be_visible(timeout=15_000)
    assert demo.talent.texts() == texts


def test_a_token_that_has_run_out_is_renewed_unseen(demo: Visit) -> None:
    demo.page.evaluate(SPEND_TOKEN)
    demo.page.reload()
    demo.creator.say("Still here")
    expect(demo.talent.message("Still here")).to_be_visible()
    demo.forgive("401 (Unauthorized)")  # the browser notes the answers that made the page renew its tokens,
    demo.forgive("400 (Bad Request)")  # and a polling request may have found its connection closed


def test_a_token_is_renewed_before_it_runs_out_and_the_connection_goes_on(demo: Visit) -> None:
    line = Line(demo.page)
    line.await_upgrades(2)
    demo.creator.press("Socket events")
    line.tell('42["session:expiring",{"expiresAt":"2040-01-01T00:00:00Z"}]')
    answer = demo.creator.root.locator(".drawer .answer", has_text="auth:refresh")
    expect(answer).to_have_attribute("title", re.compile("expiresAt"))
    demo.creator.say("Still here")
    expect(demo.talent.message("Still here")).to_be_visible()
    assert line.upgrades == 2, "no connection was made anew"


def test_older_messages_come_when_one_scrolls_up_to_them(demo: Visit) -> None:
    counts = {"creator": 27, "talent": 30}  # what each may send at once: the conversation has cost her two
    for slot, count in counts.items():
        demo.page.evaluate(SEND_MANY, [slot, count])
    demo.page.reload()
    creator = demo.creator
    expect(creator.message("talent 30")).to_be_visible()
    expect(creator.message("creator 1")).to_have_count(0)
    creator.message("creator 11").scroll_into_view_if_needed()
    expect(creator.message("creator 1")).to_be_attached()
    assert creator.texts() == [f"{slot} {number}" for slot in counts for number in range(1, counts[slot] + 1)]
