"""The sandbox's page in a real browser, as with `greenroom dev`, on a phone and on a desk."""

import shutil

import pytest
from playwright.async_api import async_playwright, expect

from cli.sandbox_payments.page import BAD_CARD
from tests.browser.conftest import ARGUMENTS, NAMES
from tests.flow.payments.conftest import Market

OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.mark.parametrize("width", [390, 1280])
async def test_somebody_tries_a_bad_card_then_pays_and_comes_back(market: Market, width: int) -> None:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser on the PATH: {', '.join(NAMES)}")
    payment = await market.begun(title="A lamp with a name so long that it must be broken: " + "x" * 100)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = await chromium.new_page(viewport={"width": width, "height": 844})
        await page.goto(payment["pay_url"])
        await expect(page.get_by_role("heading", name="12.00 USD")).to_be_visible()
        assert not await page.evaluate(OVERFLOWS)
        await page.get_by_label("Card number").fill(BAD_CARD)
        await page.get_by_role("button", name="Pay 12.00 USD").click()
        await expect(page.get_by_role("alert")).to_contain_text("declined")
        assert not await page.evaluate(OVERFLOWS)
        await page.get_by_role("button", name="Pay 12.00 USD").click()
        await page.wait_for_url(f"**/#payment={payment['id']}")
        await chromium.close()
    assert await market.state(payment) == "succeeded"
