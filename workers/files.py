"""The job that checks files: a few at once, and one per user, so that slow files delay neither other jobs nor other users."""

import time
from uuid import UUID

from core.base.publisher import Publisher
from core.files import checking, table
from core.files.table import Owned
from core.limits.budget import Bucket, Rate
from core.platform.observability import logs
from core.work.context import Ctx, Resources
from core.work.jobs import BusyError
from marketplaces import policy_of

# Of the ten jobs that a worker runs at once. Each may have a decoder of 512 MB.
FILES_AT_ONCE = 3
# How often waiting checks ask again, all together, so that a long queue costs no more than a short one.
ASKING = Rate("files-asking", count=10, seconds=1)


class FileChecks:
    """The checks of one worker."""

    def __init__(self, resources: Resources, publisher: Publisher) -> None:
        self._resources = resources
        self._publisher = publisher
        self._owners: set[UUID] = set()
        self._asking = Bucket(ASKING)

    async def check(self, file_id: UUID) -> None:
        """Check a file; raise BusyError if there is no capacity, or what `check_file` raises."""
        self._check_room()
        file = await table.OWNED(self._resources.db, file_id)
        if file is None:
            return
        self._check_room(file.owner_id)
        self._owners.add(file.owner_id)
        try:
            await check_owned(self._resources, self._publisher, file, file_id)
        finally:
            self._owners.remove(file.owner_id)

    def _check_room(self, owner_id: UUID | None = None) -> None:
        if owner_id in self._owners or len(self._owners) >= FILES_AT_ONCE:
            now = time.monotonic()
            self._asking.charge(now)
            raise BusyError(self._asking.full_at - now)


async def check_owned(resources: Resources, publisher: Publisher, file: Owned, file_id: UUID) -> None:
    """Check a file by the rules of its marketplace; raises UNAVAILABLE, ScannerAwayError, DecoderLostError: the file is held."""
    ctx = Ctx(resources, publisher.of(file.market), policy_of(file.market), logs.request_id())
    await checking.check_file(ctx, file_id)
