"""A verification ends once, whoever tells of it, how often and how late; and a person has one account."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import msgspec
import pytest

from core.base import clock
from core.base.answers import RawBody
from core.base.errors import AppError
from core.base.ids import BigintIds
from core.files.kinds.purposes import purpose_named
from core.files.table import FILE
from core.operations.tidy import tidy
from core.privacy import erasure
from core.verification import local, requests
from core.verification.kinds import STATES, Outcome
from core.verification.requests import SOMEBODY_ELSE, TAKEN, person_hash, require_verified
from core.work.rate_limits import RateLimitedError
from core.work.unit_of_work import unit_of_work
from tests.bazaar.people import BazaarApi, BazaarCaller
from tests.bazaar.policy import IDENTITY, SHOP
from tests.bazaar.stories.verification import papers
from tests.flow.api.conftest import audited
from tests.flow.conftest import Environment
from tests.flow.onswift.uploading import image
from tests.flow.verification.conftest import ANOTHER, GOOD, REFUSED, SILENT, Moody, Someone

IDS = BigintIds("bazaar")


async def refused(call: object) -> str:
    """Return the code of the error that a call raises."""
    with pytest.raises(AppError) as error:
        await call  # type: ignore[misc]
    return error.value.kind.code


async def test_a_number_is_shown_and_the_poll_that_finds_it_answered_approves(ann: Someone) -> None:
    begun = await ann.start()
    assert (begun.state, len(begun.code)) == ("pending", 2)
    assert begun.expires_at
    assert begun.expires_at > clock.now()
    assert (await ann.look(begun)).state == "pending", "it is late"
    found = await ann.look(begun)
    assert (found.state, found.code, found.claims) == ("approved", "", {"name": "Ada"}), "no more is stored"
    await require_verified(ann.ctx, IDENTITY)


@pytest.mark.parametrize(
    ("person", "state", "reason"),
    [(REFUSED, "rejected", ""), (ANOTHER, "rejected", SOMEBODY_ELSE), (SILENT, "pending", "")],
)
async def test_who_refuses_or_is_somebody_else_is_not_verified(
    ann: Someone, person: str, state: str, reason: str
) -> None:
    begun = await ann.start(person)
    for _ in range(3):
        found = await ann.look(begun)
    assert (found.state, found.reason, found.claims) == (state, reason, {})
    assert await refused(require_verified(ann.ctx, IDENTITY)) == "VERIFICATION_REQUIRED"


async def test_poll_and_callback_at_once_and_again_meet_in_one_row(ann: Someone, env: Environment) -> None:
    begun = await ann.start()
    outcome = ann.provider.outcome(ann.ref(begun))
    await ann.look(begun)
    await asyncio.gather(*(ann.called(outcome) for _ in range(5)), *(ann.look(begun) for _ in range(5)))
    await ann.called(msgspec.structs.replace(outcome, state="rejected"))
    assert (await ann.look(begun)).state == "approved"
    actions = [action for action, id, _ in await audited(env) if id == begun.id]
    assert actions == ["verification.start", "verification.approved"]
    assert await env.resources.db.fetchval("select count(*) from notifications") == 1, "she is told once"


@pytest.mark.parametrize("known_by", ["request_id", "ref"])
async def test_a_callback_finds_its_request_by_our_id_or_the_providers(ann: Someone, known_by: str) -> None:
    begun = await ann.start()
    outcome = ann.provider.outcome(ann.ref(begun))
    none = {"request_id": None, "ref": ""}
    await ann.called(msgspec.structs.replace(outcome, **none | {known_by: getattr(outcome, known_by)}))
    assert await ann.states() == ["approved"]


async def test_a_callback_that_is_forged_or_of_nothing_changes_nothing(ann: Someone) -> None:
    begun = await ann.start()
    outcome = ann.provider.outcome(ann.ref(begun))
    octets = msgspec.json.encode(outcome)
    for headers in ({}, {local.SIGNATURE: "0" * 64}, {local.SIGNATURE: "ä"}):
        assert await refused(requests.called(ann.ctx, IDENTITY, RawBody(octets, headers))) == "FORBIDDEN"
    for stray in (Outcome("approved", GOOD), Outcome("approved", GOOD, {}, uuid4(), "x")):
        assert await refused(ann.called(stray)) == "VERIFICATION_NOT_FOUND"
    assert await refused(requests.called(ann.ctx, SHOP, RawBody(octets, {}))) == "VERIFICATION_NOT_FOUND"
    assert await ann.states() == ["pending"]


async def test_a_callback_that_is_faster_than_the_answer_counts(ann: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Moody.start

    async def answered_first(provider: Moody, *args: object) -> object:
        asked = await start(provider, *args)  # type: ignore[arg-type]
        outcome = msgspec.structs.replace(provider.outcome(asked.ref), ref="")
        await ann.called(outcome)
        return asked

    monkeypatch.setattr(Moody, "start", answered_first)
    assert (await ann.start()).state == "approved"


async def test_two_taps_at_once_ask_a_person_once(ann: Someone) -> None:
    begun = await asyncio.gather(*(ann.start() for _ in range(5)))
    assert len({one.id for one in begun}) == 1
    assert ann.provider.asked == [GOOD]
    assert await ann.start() == await ann.look(begun[0])


async def test_while_one_is_open_nobody_else_is_asked_nor_is_who_is_verified(ann: Someone) -> None:
    begun = await ann.start()
    assert await refused(ann.start(REFUSED)) == "VERIFICATION_EXISTS"
    await ann.called(ann.provider.outcome(ann.ref(begun)))
    assert await refused(ann.start()) == "VERIFICATION_EXISTS"
    assert ann.provider.asked == [GOOD]


async def test_of_two_accounts_of_one_person_one_is_verified(ann: Someone, bob: Someone) -> None:
    both = [await ann.start(), await bob.start()]
    outcomes = [ann.provider.outcome(ann.ref(one)) for one in both]
    await asyncio.gather(*(ann.called(one) for one in outcomes))
    rows = [row for who in (ann, bob) for row in await requests.OF_USER(ann.env.resources.db, who.user.id)]
    assert sorted((row.state, row.reason) for row in rows) == [("approved", ""), ("rejected", TAKEN)]


async def test_a_person_whose_approval_was_taken_back_may_use_another_account(ann: Someone, bob: Someone) -> None:
    begun = await ann.start()
    await ann.called(ann.provider.outcome(ann.ref(begun)))
    async with unit_of_work(ann.ctx) as work:
        await requests.revoke(work, begun.id, note="A forged face", reviewer="olga")
    assert await refused(require_verified(ann.ctx, IDENTITY)) == "VERIFICATION_REQUIRED"
    other = await bob.start()
    await bob.called(bob.provider.outcome(bob.ref(other)))
    await require_verified(bob.ctx, IDENTITY)
    assert await ann.states() == ["revoked"]


async def test_a_provider_that_is_away_leaves_nothing_open(ann: Someone) -> None:
    ann.provider.is_away = True
    assert await refused(ann.start()) == "UNAVAILABLE"
    ann.provider.is_away = False
    begun = await ann.start()
    assert await ann.states() == ["pending", "expired"]
    ann.provider.is_away = True
    assert (await ann.look(begun)).state == "pending", "nothing is known of it"


async def test_a_process_that_dies_while_it_asks_is_in_the_way_for_a_minute_only(
    ann: Someone, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(Moody, "start", dies)
        with pytest.raises(asyncio.CancelledError):
            await ann.start()
    assert (await ann.start()).code == "", "it may still be asked for"
    await env.resources.db.execute("update verifications set expires_at = now()")
    assert (await ann.start()).code != ""


async def test_what_nobody_answered_ends_and_a_late_word_counts_for_two_minutes(ann: Someone, env: Environment) -> None:
    begun = await ann.start()
    late = ann.provider.outcome(ann.ref(begun))
    ended = "update verifications set expires_at = $1 where state = 'pending'"
    await env.resources.db.execute(ended, clock.now() - requests.LATE / 2)
    await tidy(env.resources.db)
    assert await ann.states() == ["pending"]
    await ann.called(late)
    assert await ann.states() == ["approved"]
    async with unit_of_work(ann.ctx) as work:
        await requests.revoke(work, begun.id, note="", reviewer="olga")
    begun = await ann.start()
    await env.resources.db.execute(ended, clock.now() - requests.LATE * 2)
    await tidy(env.resources.db)
    await ann.called(ann.provider.outcome(ann.ref(begun)))
    assert await ann.states() == ["expired", "revoked"]


async def test_a_look_ends_what_is_over_without_any_tidying(ann: Someone, env: Environment) -> None:
    begun = await ann.start(SILENT)
    await env.resources.db.execute("update verifications set expires_at = $1", clock.now() - requests.LATE * 2)
    assert (await ann.look(begun)).state == "expired"


async def test_many_clients_that_look_ask_the_provider_once_in_a_while(
    ann: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "POLL_EVERY", timedelta(minutes=1))
    begun = await ann.start()
    await asyncio.gather(*(ann.look(begun) for _ in range(10)))
    assert ann.provider.polled == 1


async def test_who_asks_too_often_is_refused_and_so_are_many_who_ask_one_person(ann: Someone, bob: Someone) -> None:
    for _ in range(5):
        begun = await ann.start()
        await ann.called(Outcome("rejected", request_id=begun.id))
    for who in (ann, bob):
        with pytest.raises(RateLimitedError):
            await who.start()
    assert (await bob.start(SILENT)).state == "pending"


async def test_others_see_nothing_of_it(ann: Someone, bob: Someone) -> None:
    assert await refused(bob.look(await ann.start())) == "VERIFICATION_NOT_FOUND"


async def test_of_an_id_number_only_a_hash_with_a_key_is_in_the_database(ann: Someone, env: Environment) -> None:
    await ann.start()
    row = await env.resources.db.fetchrow("select v::text as row, person_hash from verifications v")
    assert GOOD not in row["row"]
    assert row["person_hash"] == person_hash(ann.ctx, GOOD)
    keyed = msgspec.structs.replace(env.settings, verification_key="k" * 32)
    other = replace(ann.ctx, resources=replace(env.resources, settings=keyed))
    assert person_hash(other, GOOD) != row["person_hash"]
    assert GOOD not in str(await audited(env))


async def test_a_person_decides_once_and_about_the_open_ones_only(ann: Someone, env: Environment) -> None:
    shop = await requests.start(ann.ctx, SHOP)
    assert (shop.state, shop.expires_at) == ("pending", None)

    async def decided(*, approved: bool) -> str:
        try:
            async with unit_of_work(env.ctx(ann.user)) as work:
                await requests.decide(work, shop.id, approved=approved, note="Not to be read", reviewer="olga")
        except AppError as error:
            return error.kind.code
        return ""

    codes = await asyncio.gather(decided(approved=True), decided(approved=False))
    assert sorted(codes) == ["", "STATUS_NOT_POSSIBLE"]
    found = (await requests.OF_USER(env.resources.db, ann.user.id))[0]
    assert (found.state, found.reason) in (("approved", ""), ("rejected", "Not to be read"))
    async with unit_of_work(ann.ctx) as work:
        assert await refused(requests.decide(work, uuid4(), approved=True, note="", reviewer="")) == (
            "VERIFICATION_NOT_FOUND"
        )


async def test_nobody_decides_in_place_of_a_provider_but_an_approval_is_taken_back(
    ann: Someone, env: Environment
) -> None:
    begun = await ann.start()
    async with unit_of_work(env.ctx(ann.user)) as work:
        asked = requests.decide(work, begun.id, approved=True, note="", reviewer="olga")
        assert await refused(asked) == "STATUS_NOT_POSSIBLE"
    assert await ann.states() == ["pending"]
    await ann.called(ann.provider.outcome(ann.ref(begun)))
    async with unit_of_work(env.ctx(ann.user)) as work:
        await requests.revoke(work, begun.id, note="Forged", reviewer="olga")
    assert await ann.states() == ["revoked"]


async def test_papers_are_handed_in_by_their_user_while_nobody_has_decided_and_moderators_decide(
    api: BazaarApi, ann: Someone, bob: Someone
) -> None:
    seller, buyer = (BazaarCaller(api.client, access_token=ann.env.token(one.user)) for one in (ann, bob))
    mod = await moderator(api, ann.env)
    begun = (await seller.post("/verifications", kind=SHOP)).body["data"]
    path = f"/verifications/{begun['id']}"
    assert await tasks(mod) == [], "there is nothing to decide by"
    assert (await buyer.call("POST", f"{path}/papers", **papers(image()))).status == 404
    given = await seller.call("POST", f"{path}/papers", **papers(image()))
    assert [one["file_name"] for one in given.body["data"]["files"]] == ["p.png"]
    await seller.call("POST", f"{path}/papers", **papers(image()))
    (task,) = await tasks(mod)
    assert (task["subject_id"], task["user_name"], task["reason"]) == (begun["id"], "Ann", SHOP)
    assert task["facts"] == [{"name": "Papers", "value": "p.png, p.png"}]
    assert (await mod.post(f"/review/tasks/{task['id']}/decide", decision="approve")).status == 200
    assert (await seller.call("POST", f"{path}/papers", **papers(image()))).code == "STATUS_NOT_POSSIBLE"
    assert await tasks(mod) == []
    (shown,) = (await seller.get("/verifications")).body["data"]["verifications"]
    assert (shown["state"], shown["reason"]) == ("approved", "")
    wrong = (await buyer.post("/verifications", kind="passport", id_number="1")).fields
    assert wrong == ["kind"]
    assert (await buyer.post("/verifications", kind=IDENTITY, id_number=" ")).fields == ["id_number"]


async def test_a_reviewer_sees_the_papers_that_nobody_else_sees(
    api: BazaarApi, ann: Someone, bob: Someone, env: Environment
) -> None:
    seller, buyer = (BazaarCaller(api.client, access_token=env.token(one.user)) for one in (ann, bob))
    mod = await moderator(api, env)
    begun = (await buyer.post("/verifications", kind=SHOP)).body["data"]
    given = await buyer.call("POST", f"/verifications/{begun['id']}/papers", **papers(image()))
    (file,) = given.body["data"]["files"]
    await env.resources.db.execute("update files set status = 'released'")
    (task,) = await tasks(mod)
    (picture,) = (await mod.get(f"/review/tasks/{task['id']}")).body["data"]["pictures"]
    link = urlsplit(picture["url"])
    async with api.client.get(f"{link.path}?{link.query}", allow_redirects=False) as answer:
        assert answer.status in (200, 302), await answer.text()
    purpose = purpose_named(ann.ctx.policy, "papers")
    stored = await FILE(env.resources.db, UUID(IDS.taken(file["id"])))
    assert purpose
    assert purpose.may_read
    assert stored
    assert not await purpose.may_read(env.resources.db, ann.user.id, stored)
    assert (await seller.get(f"/review/tasks/{task['id']}")).status == 403


async def test_papers_that_come_while_a_moderator_decides_are_refused_or_seen(
    api: BazaarApi, ann: Someone, env: Environment
) -> None:
    seller, mod = BazaarCaller(api.client, access_token=env.token(ann.user)), await moderator(api, env)
    begun = (await seller.post("/verifications", kind=SHOP)).body["data"]
    path = f"/verifications/{begun['id']}/papers"
    await seller.call("POST", path, **papers(image()))
    (task,) = await tasks(mod)
    replies = await asyncio.gather(
        mod.post(f"/review/tasks/{task['id']}/decide", decision="reject", note="Not to be read"),
        *(seller.call("POST", path, **papers(image())) for _ in range(4)),
    )
    assert replies[0].status == 200, replies
    assert {reply.code for reply in replies[1:] if reply.status != 200} <= {"STATUS_NOT_POSSIBLE"}, replies
    assert await tasks(mod) == [], "nothing is asked about what is decided"
    assert await ann.states() == ["rejected"]


async def test_the_task_of_somebody_who_was_erased_can_be_ended(api: BazaarApi, ann: Someone, env: Environment) -> None:
    seller, mod = BazaarCaller(api.client, access_token=env.token(ann.user)), await moderator(api, env)
    begun = (await seller.post("/verifications", kind=SHOP)).body["data"]
    await seller.call("POST", f"/verifications/{begun['id']}/papers", **papers(image()))
    await erasure.erase(ann.ctx)
    (task,) = await tasks(mod)
    path = f"/review/tasks/{task['id']}/decide"
    assert (await mod.post(path, decision="approve")).code == "VERIFICATION_NOT_FOUND"
    assert (await mod.post(path, decision="reject")).status == 200


async def moderator(api: BazaarApi, env: Environment) -> BazaarCaller:
    return BazaarCaller(api.client, access_token=(await env.person("Mo", "moderator"))[1])


async def tasks(mod: BazaarCaller) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await mod.get("/review/tasks", kind="verification")).body["data"]
    return found


def test_every_state_is_reached_and_only_an_approval_is_ever_taken_back() -> None:
    reached = {"pending", *(state for following in STATES.values() for state in following)}
    assert reached == STATES.keys()
    assert {state for state, following in STATES.items() if following} == {"pending", "approved"}


async def test_it_is_erased_with_its_user_and_forgotten_after_a_year(
    ann: Someone, bob: Someone, env: Environment
) -> None:
    begun = await bob.start(REFUSED)
    await bob.called(bob.provider.outcome(bob.ref(begun)))
    await env.resources.db.execute("update verifications set decided_at = $1", clock.now() - requests.KEPT)
    await tidy(env.resources.db)
    assert await bob.states() == []
    await ann.start()
    await erasure.erase(ann.ctx)
    assert await ann.states() == []


async def test_the_gate_of_a_call_lets_verified_people_through(api: BazaarApi, ann: Someone, env: Environment) -> None:
    caller = BazaarCaller(api.client, access_token=env.token(ann.user))
    reply = await caller.get("/verified/listings")
    assert (reply.status, reply.code) == (403, "VERIFICATION_REQUIRED")
    assert (await api.anyone.get("/verified/listings")).status == 401
    begun = await ann.start()
    await ann.called(ann.provider.outcome(ann.ref(begun)))
    assert (await caller.get("/verified/listings")).status == 200
