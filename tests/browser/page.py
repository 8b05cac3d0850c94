"""The page as a person uses it: two panes, and what can be done and seen in each."""

import re

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, ViewportSize, expect

DESKTOP = ViewportSize(width=1440, height=900)
PHONE = ViewportSize(width=390, height=844)

# What Chromium says when a page is left while its socket connects: true, and no fault of the page.
CUT_SHORT = "WebSocket is closed before the connection is established"


class PaneView:
    """One user's pane."""

    def __init__(self, page: Page, slot: str) -> None:
        self.page = page
        self.root = page.locator(f".pane[data-slot={slot}]")
        self.field = self.root.get_by_role("textbox", name="Message")
        self.head = self.root.locator(".chat-head")
        self.messages = self.root.locator(".message")
        self.status = self.root.locator(".status")
        self.typing = self.root.locator(".typing")

    @property
    def name(self) -> str:
        """The name of the user who sits here."""
        return self.root.locator(".pane-head .who b").inner_text()

    def open(self, title: str) -> None:
        """Choose a conversation."""
        self.conversation(title).click()
        expect(self.head).to_contain_text(title)

    def conversation(self, title: str) -> Locator:
        """Return a row of the list of conversations."""
        return self.root.locator(".conversation").filter(has=self.page.locator(f'.title b:text-is("{title}")'))

    def say(self, text: str) -> Locator:
        """Send a message; return it when the server has it."""
        self.write(text)
        message = self.message(text)
        expect(message.get_by_role("img", name=re.compile("Sent|Read"))).to_be_visible()
        return message

    def write(self, text: str) -> None:
        """Type a message and press Enter."""
        self.field.fill(text)
        self.field.press("Enter")

    def message(self, text: str) -> Locator:
        """Return the message with exactly this text."""
        return self.messages.filter(has=self.page.locator(".text", has_text=re.compile(f"^{re.escape(text)}$")))

    def act(self, text: str, action: str) -> None:
        """Press one of the buttons of a message."""
        self.message(text).hover()
        self.message(text).get_by_role("button", name=action, exact=True).click()

    def texts(self) -> list[str]:
        """Return what the open conversation shows, the oldest first."""
        return self.root.locator(".message .text").all_inner_texts()

    def credentials(self) -> tuple[str, str]:
        """Return the e-mail and password of the invented user who sits here."""
        self.press("Account")
        email = self.root.get_by_label("E-mail").input_value()
        password = self.root.get_by_label("Password").input_value()
        self.page.keyboard.press("Escape")
        return email, password

    def press(self, label: str) -> None:
        """Press a button of the pane."""
        self.root.get_by_role("button", name=label).click()


class Visit:
    """A browser with the page open: `problems` is what it complained about or fetched from elsewhere."""

    def __init__(self, browser: Browser, url: str, viewport: ViewportSize = DESKTOP) -> None:
        self.url = url
        self.problems: list[str] = []
        self.context: BrowserContext = browser.new_context(viewport=viewport, reduced_motion="reduce")
        self.context.set_default_timeout(15_000)
        self.context.on("request", self._requested)
        self.context.on("console", self._logged)
        self.context.on("weberror", lambda error: self.problems.append(str(error.error)))
        self.page = self.open()
        self.creator = PaneView(self.page, "creator")
        self.talent = PaneView(self.page, "talent")

    def open(self, query: str = "") -> Page:
        """Open the page in a new window of this browser."""
        page = self.context.new_page()
        page.goto(f"{self.url}/{query}")
        return page

    def start_demo(self) -> None:
        """Let the page invent a creator and a talent, and wait until both see each other in their conversation."""
        self.page.get_by_role("button", name="Start demo").click()
        for pane in (self.creator, self.talent):
            expect(pane.head).to_contain_text("Online")

    def log_in(self, email: str, password: str) -> None:
        """Log in with the form of the first page."""
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def pane(self, slot: str) -> PaneView:
        """Return the pane of the creator or the talent."""
        return {"creator": self.creator, "talent": self.talent}[slot]

    def forgive(self, text: str) -> None:
        """Drop the problems that a test has brought about on purpose."""
        self.problems = [problem for problem in self.problems if text not in problem]

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.problems.append(f"fetched from elsewhere: {request.url}")

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and CUT_SHORT not in message.text:
            self.problems.append(f"{message.text} {message.location['url']}")
