"""What users do with their own accounts, whatever a profile is."""

from functools import partial

from core.accounts import identity
from core.base.answers import JsonFile
from core.base.errors import REAUTHENTICATION_REQUIRED
from core.market.endpoints.account_structs import Reauthentication
from core.market.traits import call
from core.privacy import erasure, exports
from core.privacy.exports import Export
from core.work import rate_limits as limits
from core.work.context import Ctx


@call(REAUTHENTICATION_REQUIRED, ends_login=True)
async def delete_me(ctx: Ctx, body: Reauthentication | None = None) -> None:
    """Delete the current user: her sessions end, her personal data is erased, what others have too keeps no name

    Needs a login of the last five minutes, or the password.
    """
    await identity.require_recent_login(ctx, body.password if body else None)
    await erasure.erase(ctx)


async def export_me(ctx: Ctx) -> JsonFile[Export]:
    """Get everything that is known of the current user"""
    await limits.take(ctx, ctx.policy.exports, str(ctx.user.id))
    return JsonFile(partial(exports.export, ctx))
