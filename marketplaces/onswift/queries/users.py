"""Profiles, and the search for talents."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.platform.db import Many, One, Run, Scalar
from marketplaces.onswift.structs.users import FoundTalent, TalentProfile


class Profile(msgspec.Struct, frozen=True):
    id: UUID
    email: str
    email_verified: bool
    pending_email: str | None
    name: str
    role: str
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
    created_at: datetime
    updated_at: datetime


class Found(msgspec.Struct, frozen=True):
    """A page of a search, and the number of matches within the examined depth."""

    ids: list[UUID]
    total: int


# In the order of UPDATE_PROFILE's parameters.
PROFILE_COLUMNS = (
    "company_name",
    "professional_title",
    "bio",
    "skills",
    "portfolio_links",
    "hourly_rate",
    "availability",
    "linkedin_url",
    "twitter_url",
    "instagram_url",
    "youtube_url",
    "github_url",
)
_RATING = "round(t.rating::numeric, 1)::float8 as average_rating, t.rating_count as total_reviews"
PROFILE = One(
    Profile,
    """
    select u.id, u.email, u.email_verified_at is not null as email_verified, e.new_email as pending_email, u.name,
        u.role, u.avatar_url, p.company_name,
        p.professional_title, p.bio, coalesce(p.skills, '{}') as skills, coalesce(p.portfolio_links, '{}') as portfolio_links,
        p.hourly_rate::float8 as hourly_rate, p.availability, p.linkedin_url, p.twitter_url, p.instagram_url,
        p.youtube_url, p.github_url, u.created_at, u.updated_at
    from users u left join onswift.profiles p on p.user_id = u.id
    left join email_changes e on e.user_id = u.id and e.changed_at is null and e.expires_at > now()
    where u.id = $1 and u.deleted_at is null""",
)
INSERT_COMPANY = Run("insert into onswift.profiles (user_id, company_name) values ($1, $2)")
UPDATE_PROFILE = Run(
    f"""
    insert into onswift.profiles (user_id, {", ".join(PROFILE_COLUMNS)})
    values ($1, $2, $3, $4, $5, $6, $7::float8, $8, $9, $10, $11, $12, $13)
    on conflict (user_id) do update set {", ".join(f"{name} = excluded.{name}" for name in PROFILE_COLUMNS)}"""  # noqa: S608
)
TALENT = One(
    TalentProfile,
    f"""
    select u.id, u.name, u.role as user_type, u.avatar_url, p.professional_title, p.bio, t.skills,
        coalesce(p.portfolio_links, '{{}}') as portfolio_links, t.hourly_rate::float8 as hourly_rate, t.availability,
        p.linkedin_url, p.twitter_url, p.instagram_url, p.youtube_url, p.github_url, {_RATING}, u.created_at
    from onswift.talents t join users u on u.id = t.user_id left join onswift.profiles p on p.user_id = t.user_id
    where t.user_id = $1""",  # noqa: S608
)
FIND_TALENTS = One(Found, "select ids, total from onswift.find_talents($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
COUNT_TALENTS = Scalar(int, "select onswift.count_talents($1, $2, $3, $4, $5, $6)")
TALENTS = Many(
    FoundTalent,
    f"""
    select u.id, u.name, p.professional_title, u.avatar_url, t.skills, t.hourly_rate::float8 as hourly_rate,
        t.availability, {_RATING}
    from unnest($1::uuid[]) with ordinality as f (id, place)
    join onswift.talents t on t.user_id = f.id join users u on u.id = f.id left join onswift.profiles p on p.user_id = f.id
    order by f.place""",  # noqa: S608
)
