"""What users do about others: blocking them."""

import msgspec

from core.blocking import BlockView
from core.paging import Pagination


class BlockPage(msgspec.Struct, frozen=True):
    blocks: list[BlockView]
    pagination: Pagination
