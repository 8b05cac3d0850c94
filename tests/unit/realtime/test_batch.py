"""Group commit: what becomes of a batch that fails."""

import logging
from collections.abc import Sequence

import pytest

from core.base import errors
from realtime.concurrency.batch import Batch


async def test_a_batch_that_is_refused_answers_all_with_that_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """It may wait for another batch, which could not reach the database: no bug, and nothing to log as one."""

    async def refuse(_items: list[int]) -> Sequence[int]:
        raise errors.UNAVAILABLE.error("The inner batch")

    with pytest.raises(errors.AppError, match="The inner batch"):
        await Batch(refuse).ask(1)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
