"""Limits file transfers: the number per address and per user, and how slowly a client may read.

Each holds a connection to the storage. If there are too many, the oldest is closed: an honest one has ended by then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from aiohttp import web

from api.middleware import ADDRESS
from core.limits.address import is_trusted, subject, subjects
from core.limits.budget import Nested
from core.limits.crowd import Crowd
from core.work.context import Resources

MAX_TRANSFERS: Final = 200  # of an address
MAX_UPLOADS: Final = 20  # of a user, by upload links; an office shares an address, so this is less


class Transfer:
    """A running transfer; closing its connection ends it."""

    def __init__(self, transfers: "Transfers", request: web.Request, uploader: UUID | None) -> None:
        self._transfers = transfers
        self._transport = request.transport
        self.address = request[ADDRESS]
        self.uploader: Nested = ((str(uploader), 1),) if uploader else ()

    def crowded_out(self) -> None:
        """Close: newer ones need the place."""
        self._transfers.refuse(self)
        if self._transport:
            self._transport.abort()


class Transfers:
    """The transfers of one process."""

    def __init__(self, resources: Resources) -> None:
        self._settings = resources.settings
        self._offenders = resources.offenders
        self._of_address = Crowd(MAX_TRANSFERS)
        self._of_user = Crowd(MAX_UPLOADS)

    @contextmanager
    def count(self, request: web.Request, uploader: UUID | None = None) -> Iterator[None]:
        """Count a transfer while the block runs; `uploader`: the user of an upload."""
        transfer = Transfer(self, request, uploader)
        if self._settings.rate_limits != "off":
            self._of_address.enter(self._addresses(transfer), transfer)
            self._of_user.enter(transfer.uploader, transfer)
        try:
            yield
        finally:
            self._leave(transfer)

    def refuse(self, transfer: Transfer) -> None:
        """Stop counting a transfer, because newer ones need its place."""
        self._leave(transfer)
        self._offenders.limited("transfers", subject(transfer.address))

    def _leave(self, transfer: Transfer) -> None:
        self._of_address.leave(self._addresses(transfer), transfer)
        self._of_user.leave(transfer.uploader, transfer)

    def _addresses(self, transfer: Transfer) -> Nested:
        return () if is_trusted(transfer.address, self._settings.trusted_proxies) else subjects(transfer.address)
