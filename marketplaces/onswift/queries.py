"""The SQL of what only OnSwift has."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.db import One, Run, Scalar


class Profile(msgspec.Struct, frozen=True):
    id: UUID
    email: str
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


PROFILE = One(
    Profile,
    """
    select u.id, u.email, u.name, u.role, u.avatar_url, p.company_name, p.professional_title, p.bio,
        coalesce(p.skills, '{}') as skills, coalesce(p.portfolio_links, '{}') as portfolio_links,
        p.hourly_rate::float8 as hourly_rate, p.availability, p.linkedin_url, p.twitter_url, p.instagram_url,
        p.youtube_url, p.github_url, u.created_at, u.updated_at
    from users u left join onswift.profiles p on p.user_id = u.id
    where u.id = $1""",
)
INSERT_COMPANY = Run("insert into onswift.profiles (user_id, company_name) values ($1, $2)")
ALIVE = Scalar(bool, "select true")
