"""Profiles, and the search for talents."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.base.paging import PageQuery, Pagination
from core.text.fields import NO_NUL, STORABLE, Bio, Line, Name, Text, WebUrl
from core.text.texts import UnfitError
from marketplaces.onswift.skills import unknown

Availability: TypeAlias = Literal["available_now", "available_1_2_weeks", "available_2_4_weeks", "not_available"]
Skills = Annotated[list[Text], Meta(max_length=10)]


def _check_rate(rate: float) -> None:
    if round(rate, 2) != rate:
        raise UnfitError("Must have two decimals at most")


def _check_skills(skills: list[str]) -> None:
    if unknown(skills):
        raise UnfitError("Not all of them are in the list of skills")


Rate = Annotated[float, Meta(ge=5, le=500, extra={"check": _check_rate})]
KnownSkills = Annotated[list[Text], Meta(max_length=10, extra={"check": _check_skills})]


class Me(msgspec.Struct, frozen=True, rename="camel"):
    """A user as she sees herself. `pendingEmail`: the address that she has asked to change to, until both have confirmed it."""

    id: UUID
    email: str
    email_verified: bool
    pending_email: str | None
    name: str
    user_type: str
    avatar_url: str | None
    company_name: str | None
    professional_title: str | None
    bio: str | None
    skills: list[str]
    portfolio_links: list[str]
    hourly_rate: float | None
    availability: str | None
    linkedin_url: str | None
    twitter_url: str | None
    instagram_url: str | None
    youtube_url: str | None
    github_url: str | None
    profile_completion_percentage: int
    created_at: datetime
    updated_at: datetime


class ProfileChange(msgspec.Struct, frozen=True, rename="camel"):
    """What is not given stays, null clears. `companyName` is the creators', what describes work is the talents'.

    `avatarUrl` is the address of a file that was uploaded as an avatar.
    """

    name: Name | UnsetType = UNSET
    avatar_url: Text | UnsetType | None = UNSET
    company_name: Line | UnsetType | None = UNSET
    professional_title: Line | UnsetType | None = UNSET
    bio: Bio | UnsetType | None = UNSET
    skills: KnownSkills | UnsetType | None = UNSET
    portfolio_links: Annotated[list[WebUrl], Meta(max_length=5)] | UnsetType | None = UNSET
    hourly_rate: Rate | UnsetType | None = UNSET
    availability: Availability | UnsetType | None = UNSET
    linkedin_url: WebUrl | UnsetType | None = UNSET
    twitter_url: WebUrl | UnsetType | None = UNSET
    instagram_url: WebUrl | UnsetType | None = UNSET
    youtube_url: WebUrl | UnsetType | None = UNSET
    github_url: WebUrl | UnsetType | None = UNSET


class TalentProfile(msgspec.Struct, frozen=True, rename="camel"):
    """A talent as every user sees him."""

    id: UUID
    name: str
    user_type: str
    avatar_url: str | None
    professional_title: str | None
    bio: str | None
    skills: list[str]
    portfolio_links: list[str]
    hourly_rate: float | None
    availability: str | None
    linkedin_url: str | None
    twitter_url: str | None
    instagram_url: str | None
    youtube_url: str | None
    github_url: str | None
    average_rating: float
    total_reviews: int
    created_at: datetime


class TalentQuery(PageQuery, frozen=True, rename="camel"):
    """`q` is looked for in name, title and bio; of `skills` a talent has all; rates are in US dollars an hour."""

    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    q: Annotated[str, Meta(max_length=200, pattern=STORABLE, extra=NO_NUL)] = ""
    skills: Skills = msgspec.field(default_factory=list)
    min_rate: Annotated[float, Meta(ge=0, le=1000)] | None = None
    max_rate: Annotated[float, Meta(ge=0, le=1000)] | None = None
    availability: Availability | None = None
    min_rating: Annotated[float, Meta(ge=1, le=5)] | None = None


class FoundTalent(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    name: str
    professional_title: str | None
    avatar_url: str | None
    skills: list[str]
    hourly_rate: float | None
    availability: str | None
    average_rating: float
    total_reviews: int


class TalentPage(msgspec.Struct, frozen=True, rename="camel"):
    """Matches, the best first. `total_is_exact` is always true; hundreds of them were counted within the last minute."""

    users: list[FoundTalent]
    pagination: Pagination
    total_is_exact: bool


class Skill(msgspec.Struct, frozen=True):
    name: str
    category: str


class SkillList(msgspec.Struct, frozen=True):
    skills: list[Skill]
