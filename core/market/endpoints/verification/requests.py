"""Verifications: begun by a user, looked at, told of by a provider. A person decides them in the review queue."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from core import files
from core.base.answers import RawBody
from core.base.errors import (
    FORBIDDEN,
    STATUS_NOT_POSSIBLE,
    UNAVAILABLE,
    VERIFICATION_EXISTS,
    VERIFICATION_NOT_FOUND,
    invalid,
)
from core.files import FileView
from core.files.table import OF_ENTITIES
from core.market.traits import call
from core.review_queue import queue
from core.text.fields import LinkToken, Short
from core.verification import requests
from core.verification.kinds import kind_of
from core.verification.requests import Verification
from core.work.context import Ctx
from core.work.unit_of_work import unit_of_work


class NewVerification(msgspec.Struct, frozen=True, rename="camel"):
    """`idNumber`: where a provider is asked."""

    kind: Short
    id_number: Short = ""


class Documents(msgspec.Struct, frozen=True, rename="camel"):
    """Files that were uploaded for it."""

    file_urls: Annotated[list[Short], Meta(min_length=1, max_length=10)]


class VerificationList(msgspec.Struct, frozen=True):
    verifications: list[Verification]


class DocumentList(msgspec.Struct, frozen=True):
    files: list[FileView]


@call(VERIFICATION_EXISTS, UNAVAILABLE, statuses=(201,), needs="verifications")
async def start(ctx: Ctx, body: NewVerification) -> Verification:
    """Begin to verify who one is"""
    return await requests.start(ctx, body.kind, body.id_number)


async def list_mine(ctx: Ctx) -> VerificationList:
    """Get one's verifications, the latest first"""
    return VerificationList(await requests.OF_USER(ctx.db, ctx.user.id))


@call(VERIFICATION_NOT_FOUND)
async def get_one(ctx: Ctx, verification_id: UUID) -> Verification:
    """Get one of them, as it is now"""
    return await requests.get(ctx, verification_id)


@call(VERIFICATION_NOT_FOUND, STATUS_NOT_POSSIBLE)
async def add_documents(ctx: Ctx, verification_id: UUID, body: Documents) -> DocumentList:
    """Hand in documents for a verification that a person decides"""
    async with unit_of_work(ctx) as work:
        await queue.lock_about(work, requests.KIND, verification_id)
        row = await requests.locked(work, verification_id)
        purpose = kind_of(ctx.policy, row.kind).documents
        if row.user_id != ctx.user.id:
            raise VERIFICATION_NOT_FOUND.error()
        if row.state != "pending":
            raise STATUS_NOT_POSSIBLE.error(f"The verification is {row.state}")
        if not purpose:
            raise invalid("fileUrls", "This kind takes no documents")
        folder = f"verifications/{row.id}"
        given = await files.attach(ctx, work, body.file_urls, purpose, row.id, folder=folder)
        papers = sorted(one.file_name for one in await OF_ENTITIES(work.db, [row.id]))
        await requests.ask_for_review(work, row.id, row.user_id, row.kind, papers)
        return DocumentList(given)


@call(VERIFICATION_NOT_FOUND, FORBIDDEN, UNAVAILABLE, statuses=(204,))
async def take_callback(ctx: Ctx, kind: LinkToken, raw: RawBody) -> None:
    """Take what a provider tells of a verification"""
    await requests.called(ctx, kind, raw)
