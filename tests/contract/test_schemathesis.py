"""Schemathesis reads the OpenAPI document and calls everything in it with what fits and what does not."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from config.settings import Settings
from tests.contract.worlds import Served
from tests.flow.api.conftest import Caller
from tests.flow.conftest import without_limits

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Ends the session that everything else is called with.
LEFT_OUT = ("/auth/logout", "/users/me", "/auth/me")
EXAMPLES = 5
SECONDS = 45


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return without_limits(settings)


@pytest.mark.timeout(SECONDS + 240)
async def test_no_call_fails_or_answers_what_is_not_documented(served: Served, tmp_path: Path) -> None:
    callers = [await served.api.signed_up(role) for role in served.world.roles]
    described = served.world.document
    described["paths"] = {
        path: {
            method: call
            for method, call in calls.items()
            if not (path.endswith(LEFT_OUT) and method in ("post", "delete"))
        }
        for path, calls in described["paths"].items()
        if "servers" not in calls  # which are elsewhere
    }
    (tmp_path / "openapi.json").write_text(json.dumps(described))
    url = str(served.api.client.make_url(described["servers"][0]["url"]))
    complaints = await asyncio.gather(*(call_everything(tmp_path, url, caller) for caller in callers))
    assert complaints == ["", ""]


async def call_everything(folder: Path, url: str, caller: Caller) -> str:
    """Let it loose with someone's token; return what it complains of."""
    run = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "schemathesis"),
        *("run", "openapi.json", "--url", url, "--checks", CHECKS, "--phases", "coverage,fuzzing"),
        *("--header", f"Authorization: Bearer {caller.access_token}"),
        *("--max-examples", str(EXAMPLES), "--seed", "1", "--no-shrink", "--no-color", "--continue-on-failure"),
        *("--max-time", str(SECONDS), "--suppress-health-check", "all"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await run.communicate()
    return output.decode()[-8000:] if run.returncode else ""
