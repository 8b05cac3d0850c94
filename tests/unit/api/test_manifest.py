"""Mistakes in a marketplace's manifest are said in words before anything is served."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import msgspec
import pytest

from api.manifest import problems
from core.market.dialect import Dialect, Pages
from core.market.endpoints.accounts import api_keys, oauth, phones
from core.market.endpoints.hooks import broadcasts, webhooks
from core.market.endpoints.payments import ledger, payments
from core.market.endpoints.review import review
from core.market.endpoints.support import tickets
from core.market.endpoints.verification import requests
from core.market.error_forms import FLAT
from core.market.market import PUBLIC, Marketplace, Route, at_root, by_key, get, patch, post
from core.market.personal_data import CORE
from core.review_queue.kinds import Decision, ReviewKind
from core.review_queue.table import ReviewTask
from core.text.texts import UnfitError
from core.verification.kinds import Kind
from core.verification.requests import REVIEW
from core.work.context import Ctx
from core.work.notices import Notice
from core.work.policy import Policy
from core.work.rules.accounts import ApiKeyRules, OAuthRules
from core.work.unit_of_work import UnitOfWork
from tests.contract.worlds import WORLDS, World
from tests.policies import with_policy

ROLES = frozenset({"guest"})
POLICY = Policy(name="inn", title="Inn", roles=ROLES, personal_data=CORE)


class Body(msgspec.Struct): ...


async def fine(_ctx: Ctx, room_id: UUID) -> None:
    """Take a room"""


async def without_docstring(_ctx: Ctx) -> None: ...


async def with_both(_ctx: Ctx, body: Body, raw: Body) -> None:
    """Take too much"""


async def with_a_list(_ctx: Ctx, body: list[int], query: dict[str, str]) -> None:
    """Take what is no struct"""


async def untyped(_ctx, room_id):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Say nothing"""


def of(*routes: Route, policy: Policy = POLICY, **fields: object) -> list[str]:
    return problems(replace(Marketplace(policy, routes), **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_nothing_is_wrong_with_those_that_are_served(world: World) -> None:
    assert problems(world.market) == []


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (get("/rooms", fine, ROLES), ["the handler takes 'room_id', which no part of the path is called"]),
        (
            get("/rooms/{id}", fine, ROLES),
            [
                "the path names {id}, but the handler takes no 'id'",
                "the handler takes 'room_id', which no part of the path is called",
            ],
        ),
        (
            get("/", without_docstring, ROLES),
            ["the handler has no docstring, whose first line is the call's summary"],
        ),
        (post("/", with_both, ROLES), ["the handler takes both 'body' and 'raw'"]),
        (post("/", with_a_list, ROLES), ["'query' must be a struct", "'body' must be a struct"]),
        (
            get("/{room_id}", untyped, ROLES),
            ["'room_id' has no type", "the handler does not say what it returns"],
        ),
        (
            get("/{roomId}", fine, frozenset({"gest"})),
            ["is for the role 'gest', but the policy has only guest"],
        ),
        (get("/{roomId}", fine, frozenset()), ["is for no role at all; PUBLIC is for calls without a login"]),
        (get("{roomId}/", fine, PUBLIC), ["the path must begin with / and not end with it"]),
    ],
)
def test_a_row_that_cannot_be_served_is_named_with_the_reason(route: Route, said: list[str]) -> None:
    row = f"{route.method} {route.path} ({route.handler.__module__}.{route.handler.__name__})"
    assert of(route) == [f"{row}: {one}" for one in said]


def test_what_a_person_verifies_needs_its_kind_in_the_review_queue() -> None:
    by_papers = msgspec.structs.replace(POLICY, verifications=(Kind("shop", documents="papers"),))
    (problem,) = of(policy=by_papers)
    assert problem.startswith("verifications: nobody decides 'shop'")
    assert of(policy=msgspec.structs.replace(by_papers, review_kinds=(REVIEW,))) == []


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (post("/otp", phones.send_code, PUBLIC), "needs 'otp', which the policy does not have"),
        (post("/redeem", oauth.redeem, PUBLIC), "needs 'oauth', which the policy does not have"),
        (post("/keys", api_keys.create, ROLES), "needs 'api_keys', which the policy does not have"),
        (get("/tickets", tickets.list_tickets, ROLES), "needs 'support', which the policy does not have"),
        (get("/wallet", ledger.get_wallet, ROLES), "needs 'ledger', which the policy does not have"),
        (get("/payments", payments.list_payments, ROLES), "needs 'payments', which the policy does not have"),
        (post("/webhooks", webhooks.create, ROLES), "needs 'webhooks', which the policy does not have"),
        (get("/told", broadcasts.list_broadcasts, PUBLIC), "needs 'broadcasts', which the policy does not have"),
        (get("/tasks", review.list_tasks, ROLES), "needs 'review_kinds', which the policy does not have"),
        (post("/identity", requests.start, ROLES), "needs 'verifications', which the policy does not have"),
        (
            by_key(get("/{roomId}", fine, ROLES), "rooms"),
            "is for API keys with the scope 'rooms', which the policy's 'api_keys' do not have",
        ),
    ],
)
def test_a_call_whose_rules_the_policy_lacks_is_named_with_them(route: Route, said: str) -> None:
    (problem,) = of(route)
    assert problem.endswith(f": {said}")


def test_the_scope_of_a_call_is_one_of_the_policy_s() -> None:
    policy = msgspec.structs.replace(POLICY, api_keys=ApiKeyRules("inn", frozenset({"rooms"})))
    assert of(by_key(get("/{roomId}", fine, ROLES), "rooms"), policy=policy) == []
    (problem,) = of(by_key(get("/{roomId}", fine, ROLES), "room"), policy=policy)
    assert "the scope 'room'" in problem


def test_two_rows_for_one_call_are_named_and_one_path_is_written_in_one_way() -> None:
    rows = (get("/a/{roomId}", fine, ROLES), get("/a/{roomId}", fine, ROLES), patch("/a/{room_id}", fine, ROLES))
    same, other = of(*rows)
    assert "has the method and path of GET /a/{roomId}" in same
    assert "the same path is written /a/{roomId} in another row" in other
    assert of(rows[0], at_root(rows[0])) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Inn"}, "name 'Inn': must be"),
        ({"name": "ops"}, "name 'ops': the paths under /ops are taken"),
        ({"personal_data": CORE[1:]}, "personal_data: lacks sessions of core"),
        ({"personal_data": (*CORE, CORE[0])}, "personal_data: two entries are called 'sessions'"),
        ({"notices": (Notice("a", "", ""), Notice("a", "", ""))}, "notices: two have the type 'a'"),
        ({"still_so": {"b": None}}, "still_so: no notice has the type 'b'"),
        ({"oauth": OAuthRules(frozenset(), roles=frozenset({"gest"}))}, "oauth: the policy has no role 'gest'"),
    ],
)
def test_a_policy_with_a_mistake_says_which(changes: dict[str, object], said: str) -> None:
    (problem,) = problems(with_policy(Marketplace(POLICY, ()), **changes))
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Dialect(errors=replace(FLAT, codes={"UNAUTHORISED": "A1"})), "there is no error 'UNAUTHORISED'"),
        (lambda: Dialect(errors=replace(FLAT, statuses={"TEAPOT": 418})), "there is no error 'TEAPOT'"),
        (lambda: Dialect(pages=Pages(names={"size": "per_page"})), "pages have no field 'size'"),
    ],
)
def test_a_dialect_renames_only_what_exists(make: Callable[[], Dialect], said: str) -> None:
    (problem,) = of(dialect=make())
    assert problem.startswith(f"dialect: {said}")


def test_prefixes_begin_with_a_slash_and_end_without() -> None:
    assert [one[:16] for one in of(prefixes=("", "/api", "api", "/v1/"))] == ["prefix 'api': mu", "prefix '/v1/': m"]


def test_odd_kinds_of_review_tasks_are_named() -> None:
    async def nothing(_work: UnitOfWork, _task: ReviewTask, _decision: Decision) -> None: ...

    twice, undecidable = ReviewKind("photo", {"open": ("approve",)}, nothing), ReviewKind("call", {}, nothing)
    said = of(policy=msgspec.structs.replace(POLICY, review_kinds=(twice, twice, undecidable)))
    assert said == [
        "review_kinds: two are called 'photo'",
        "review_kinds: nothing can be decided about an open 'call'",
    ]


def test_a_role_of_staff_has_calls_but_nobody_signs_up_with_it() -> None:
    policy = msgspec.structs.replace(POLICY, staff_roles=frozenset({"moderator"}))
    assert of(post("/rooms/{roomId}", fine, frozenset({"moderator"})), policy=policy) == []
    with pytest.raises(UnfitError):
        policy.checks["role"]("moderator")
