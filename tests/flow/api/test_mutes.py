"""Muting over REST: what is muted, until when, and who may."""

from uuid import UUID

from tests.flow.api.conftest import Api

UNTIL = "2999-12-31T00:00:00Z"


async def test_what_is_muted_is_listed_until_it_is_taken_back(api: Api) -> None:
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    pair = (await ann.post("/conversations", participantId=bob.id)).body["id"]
    assert (await ann.put(f"/users/{bob.id}/mute")).status == 204
    for until in ("2998-12-31T00:00:00Z", UNTIL):
        assert (await ann.put(f"/conversations/{pair}/mute", until=until)).status == 204
    conversation, user = (await ann.get("/users/me/mutes")).body["mutes"]
    assert (conversation["kind"], conversation["conversationId"], conversation["until"]) == (
        "conversation",
        pair,
        UNTIL,
    )
    assert (user["kind"], user["user"]["name"], user["until"]) == ("user", "Bob", None)
    assert (await bob.get("/users/me/mutes")).body["mutes"] == []
    for _ in range(2):
        assert (await ann.delete(f"/conversations/{pair}/mute")).status == 204
        assert (await ann.delete(f"/users/{bob.id}/mute")).status == 204
    assert (await ann.get("/users/me/mutes")).body["mutes"] == []


async def test_only_what_one_may_see_can_be_muted_and_only_until_later(api: Api) -> None:
    ann, bob, eve = [await api.signed_up(kind) for kind in ("creator", "talent", "talent")]
    pair = (await ann.post("/conversations", participantId=bob.id)).body["id"]
    assert (await eve.put(f"/conversations/{pair}/mute")).code == "NOT_A_MEMBER"
    assert (await eve.put(f"/users/{UUID(int=1)}/mute")).code == "USER_NOT_FOUND"
    for until in ("2020-01-01T00:00:00Z", "tomorrow", "2999-12-31T00:00:00"):
        assert (await ann.put(f"/conversations/{pair}/mute", until=until)).fields == ["until"]
