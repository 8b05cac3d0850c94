"""OnSwift's rules."""

import pytest

from core.base.paging import PageQuery, pagination
from core.text.fields import completion
from marketplaces.onswift import rules
from marketplaces.onswift.policy import PASSWORDS


@pytest.mark.parametrize(
    ("password", "lacking"),
    [
        ("Abcdef1!", []),
        ("Äbcdef1 !", []),
        ("abcdef1!", ["Must contain an uppercase letter"]),
        ("ABCDEF1!", ["Must contain a lowercase letter"]),
        ("Abcdefg!", ["Must contain a number"]),
        ("Abcdefg1", ["Must contain a special character"]),
        ("Abcdef1 x", ["Must contain a special character"]),
        ("Abcde1!", ["Must have 8 to 128 characters"]),
        ("Abcdef1!" * 17, ["Must have 8 to 128 characters"]),
    ],
)
def test_a_password_needs_each_kind_of_character(password: str, lacking: list[str]) -> None:
    assert [problem.message for problem in PASSWORDS.problems("password", password)] == lacking


def test_only_a_creator_and_a_talent_have_a_conversation_of_two() -> None:
    pairs = {(one, other) for one in rules.ROLES for other in rules.ROLES if rules.may_converse(one, other)}
    assert pairs == {("creator", "talent"), ("talent", "creator")}
    assert not rules.may_converse("creator", "admin")


def test_a_profile_is_complete_when_every_field_of_its_role_is_filled() -> None:
    class Profile:
        name = "Ann"
        avatar_url = company_name = linkedin_url = None

    assert completion(Profile(), rules.PROFILE_FIELDS["creator"]) == 25
    Profile.avatar_url = Profile.company_name = Profile.linkedin_url = "x"  # type: ignore[assignment]
    assert completion(Profile(), rules.PROFILE_FIELDS["creator"]) == 100


def test_pages_are_counted() -> None:
    assert pagination(PageQuery(1), 0).total_pages == 0
    assert [pagination(PageQuery(page), 41).has_next for page in (1, 2, 3, 4)] == [True, True, False, False]
    assert [pagination(PageQuery(page), 41).has_prev for page in (1, 2)] == [False, True]
    assert pagination(PageQuery(1), 40).total_pages == 2
