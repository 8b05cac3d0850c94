"""Secrets of webhooks are sealed where anything is, sign as before, and are sealed anew."""

from base64 import b64decode

import pytest

from core.platform.sealing.keys import open_sealing
from core.platform.sealing.sealing import MARK
from core.webhooks import signing
from tests.flow.api.conftest import Caller
from tests.flow.sealing.conftest import Bazaar
from tests.flow.sealing.test_rotation import NEW_FIRST, left, rotated, with_keys


async def secrets(ann: Caller) -> list[str]:
    """Make a webhook and give it a new secret; return that and the former one, as they are shown."""
    made = (await ann.post("/webhooks", url="https://shop.example/hook", events=["listing.sold"])).body["data"]
    later = (await ann.post(f"/webhooks/{made['webhook']['id']}/rotate")).body["data"]
    return [later["secret"], made["secret"]]


async def kept(place: Bazaar) -> list[str]:
    row = await place.env.resources.db.fetchrow("select secret, former_secret from webhook_endpoints")
    return [row["secret"], row["former_secret"]]


@pytest.mark.parametrize("place", [True, False], ids=["sealed", "in the clear"], indirect=True)
async def test_secrets_of_webhooks_are_nowhere_in_the_clear_and_sign_as_they_were_shown(place: Bazaar) -> None:
    ann = await place.person("ann")
    shown, places = await secrets(ann), (await place.places()).values()
    stored = [any(secret.lower() in text.lower() for text in places) for secret in shown]
    assert stored == [not place.is_sealed] * 2
    id = await place.env.resources.db.fetchval("select id from webhook_endpoints")
    keys = [signing.key_of(place.ctx(ann), id, one) for one in await kept(place)]
    assert keys == [b64decode(one.removeprefix(signing.PREFIX)) for one in shown]


async def test_both_secrets_of_a_webhook_are_sealed_anew_with_the_first_key(place: Bazaar) -> None:
    await secrets(await place.person("ann"))
    ring = await open_sealing(with_keys(place.env.settings, *NEW_FIRST))
    assert [one.startswith(f"{MARK}old:") for one in await kept(place)] == [True, True]
    assert await rotated(place, ring) == 3, "and an address"
    assert [one.startswith(ring.prefix) for one in await kept(place)] == [True, True]
    assert await left(place, ring) == 0
