"""Profiles, and the search for talents."""

from uuid import UUID

import msgspec
from msgspec import UNSET

from core.accounts import identity, sessions
from core.base import errors
from core.base.paging import pagination
from core.chat import blocks
from core.files import avatars
from core.market.traits import call
from core.platform.db import found
from core.text.fields import changed, completion, view_of
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work
from marketplaces.onswift import rules
from marketplaces.onswift.queries import users as queries
from marketplaces.onswift.queries.users import Profile
from marketplaces.onswift.skills import SKILLS, spelled, unknown
from marketplaces.onswift.structs.users import (
    Me,
    ProfileChange,
    Skill,
    SkillList,
    TalentPage,
    TalentProfile,
    TalentQuery,
)


async def get_me(ctx: Ctx) -> Me:
    """Get the current user's profile"""
    return _me(found(await queries.PROFILE(ctx.db, ctx.user.id), errors.USER_NOT_FOUND.error()))


async def update_me(ctx: Ctx, body: ProfileChange) -> Me:
    """Change the current user's profile; what is not given stays, null clears"""
    rules.check_profile(ctx.user.role, body)
    if isinstance(body.avatar_url, str) and body.avatar_url != (await get_me(ctx)).avatar_url:
        await avatars.check(ctx, body.avatar_url)
    async with unit_of_work(ctx) as work:
        await sessions.LOCK_USER(work.db, ctx.user.id)
        before = found(await queries.PROFILE(work.db, ctx.user.id), errors.USER_NOT_FOUND.error())
        after = _tidied(changed(before, body))
        if after == before:
            return _me(before)
        picture = after.avatar_url if after.avatar_url != before.avatar_url else UNSET
        await avatars.change_person(ctx, work, name=after.name, url=picture)
        await queries.UPDATE_PROFILE(work.db, after.id, *(getattr(after, name) for name in queries.PROFILE_COLUMNS))
        return _me(found(await queries.PROFILE(work.db, after.id), errors.USER_NOT_FOUND.error()))


@call(errors.USER_NOT_FOUND)
async def get_user(ctx: Ctx, user_id: UUID) -> TalentProfile:
    """Get the public profile of a talent; those whom she has blocked do not find it"""
    if await identity.role_of(ctx, user_id) != rules.TALENT:
        raise errors.FORBIDDEN.error("Cannot view creator profiles (only talent)")
    if await blocks.has_blocked(ctx.db, user_id, ctx.user.id):
        raise errors.USER_NOT_FOUND.error()
    return found(await queries.TALENT(ctx.db, user_id), errors.USER_NOT_FOUND.error())


async def search_talents(ctx: Ctx, query: TalentQuery) -> TalentPage:
    """Search talents: those with the best ratings first, the most relevant of them if there is a `q`

    Nobody finds those whom she has blocked, or who have blocked her.
    """
    if query.min_rate is not None and query.max_rate is not None and query.min_rate > query.max_rate:
        raise errors.invalid("maxRate", "Must not be less than minRate")
    if unknown(query.skills):
        return TalentPage([], pagination(query, 0), total_is_exact=True)
    traits = [*spelled(query.skills), *([query.availability] if query.availability else [])]
    hidden = tuple(await blocks.others_of(ctx.db, ctx.user.id))
    asked = query.q.strip(), tuple(traits), query.min_rate, query.max_rate, query.min_rating, hidden
    if query.offset >= rules.DEEP_SEARCH:
        await limits.take(ctx, rules.DEEP_PAGES, str(ctx.user.id))
        if query.offset >= (total := await _total(ctx, asked)):
            return TalentPage([], pagination(query, total), total_is_exact=True)
    depth = rules.search_depth(query.offset + query.limit)
    page = await ctx.resources.late_reads(
        lambda db: queries.FIND_TALENTS(db, *asked, depth, rules.SEARCH_BLOCK, query.offset, query.limit)
    )
    ids, total = (page.ids, page.total) if page else ([], 0)
    if total >= depth:
        total = max(total, await _total(ctx, asked))
    return TalentPage(await queries.TALENTS(ctx.db, ids), pagination(query, total), total_is_exact=True)


async def _total(ctx: Ctx, asked: tuple[object, ...]) -> int:
    """Return how many talents a broad search has found, as of the last minute."""

    async def count() -> int:
        return await ctx.resources.late_reads(lambda db: queries.COUNT_TALENTS(db, *asked)) or 0

    *search, hidden = asked
    return await ctx.resources.totals.get(("onswift", *search, hash(hidden)), count)


async def list_skills(_ctx: Ctx) -> SkillList:
    """Get the skills that talents choose from"""
    return SkillList([Skill(name, category) for category, names in SKILLS.items() for name in names])


def _me(profile: Profile) -> Me:
    percentage = completion(profile, rules.PROFILE_FIELDS[profile.role])
    return view_of(Me, profile, user_type=profile.role, profile_completion_percentage=percentage)


def _tidied(profile: Profile) -> Profile:
    """Return a profile without blanks around texts and doubles in lists; a text of blanks is none."""
    return msgspec.structs.replace(
        profile,
        name=profile.name.strip(),
        company_name=(profile.company_name or "").strip() or None,
        professional_title=(profile.professional_title or "").strip() or None,
        bio=(profile.bio or "").strip() or None,
        skills=spelled(profile.skills or ()),
        portfolio_links=list(dict.fromkeys(profile.portfolio_links or ())),
    )
