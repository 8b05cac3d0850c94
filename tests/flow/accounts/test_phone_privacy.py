"""A phone number is in its user's export, and nowhere after the erasure."""

from dataclasses import replace

import msgspec

from core.accounts.logins import authenticate
from core.accounts.status.changes import set_status
from core.privacy import erasure, exports
from tests.flow.accounts.conftest import PHONE, Phones
from tests.flow.conftest import Environment, at_bazaar
from tests.flow.onswift.walk.marks import all_places

pytestmark = at_bazaar
REASON = "zq-reason"


async def places_of(env: Environment, *texts: str) -> set[str]:
    async with env.resources.storage._client() as s3:
        places = await all_places(env.resources.db, env.resources.redis, s3, env.settings.s3_bucket, [])
    return {place for place, text in places.items() if any(one in text for one in texts)}


async def test_the_number_is_in_the_export_and_after_the_erasure_nowhere(phones: Phones, env: Environment) -> None:
    await phones.signed_up()
    login = await phones.log_in(await phones.code())
    await phones.rest()
    assert login.tokens
    user = await authenticate(env.resources, "bazaar", login.tokens.access_token)
    await set_status(phones.anyone(), user.id, "suspended", REASON, operator="olga")
    await set_status(phones.anyone(), user.id, "active", REASON, operator="olga")
    await phones.code()
    await phones.rest()
    assert await places_of(env, PHONE) == {"users", "one_time_codes"}
    assert await places_of(env, REASON) == {"audit_log"}
    ctx = replace(phones.anyone(), caller=user)
    with await exports.export(ctx) as file:
        data = msgspec.json.decode(file.read())["data"]
    assert [row["phone"] for row in data["account"]] == [PHONE]
    assert [row["phone"] for row in data["phone codes"]] == [PHONE]
    told = [row["facts"] for row in data["audit log"] if row["action"] == "user.set_status"]
    assert [one["reason"] for one in told] == [REASON] * 2
    assert "olga" not in str(data)
    await erasure.erase(ctx)
    await erasure.finish(phones.anyone(), user.id)
    assert await places_of(env, PHONE, REASON) == set()
    assert (await phones.log_in(await phones.code())).is_new
