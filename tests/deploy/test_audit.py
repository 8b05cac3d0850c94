"""`make audit` says of all that is pinned whether it has known vulnerabilities, or that nobody could be asked."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FINE, HOLES, AWAY = "exit 0", "echo GHSA-x; exit 1", "echo Dependency could not be audited; exit 1"
NO_DATA = "echo npm error audit endpoint returned an error; exit 1"


def audit(folder: Path, pip_audit: str, npm: str) -> tuple[int, list[str]]:
    """Run it with programs that say these things; return its exit code and what it says."""
    programs = {}
    for name, script in (("PIP_AUDIT", pip_audit), ("NPM", npm)):
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/asked"\n{script}\n')
        path.chmod(0o755)
        programs[name] = str(path)
    ran = subprocess.run(
        [ROOT / "deploy/audit.sh"], env=os.environ | programs, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout.splitlines()


@pytest.mark.parametrize(
    ("pip_audit", "npm", "code", "word", "what"),
    [
        (FINE, FINE, 0, "no known vulnerabilities", ""), (HOLES, FINE, 1, "VULNERABLE", "Python"),
        (FINE, HOLES, 1, "VULNERABLE", "npm"), (AWAY, FINE, 1, "NOT AUDITED", "Python"),
        (FINE, NO_DATA, 1, "NOT AUDITED", "npm"),
    ],
)  # fmt: skip
def test_it_says_what_it_found_and_what_it_could_not_ask_about(
    tmp_path: Path, pip_audit: str, npm: str, code: int, word: str, what: str
) -> None:
    result, lines = audit(tmp_path, pip_audit, npm)
    assert result == code
    assert [line for line in lines if word in line and line.startswith(what)] != []
    for other in {"VULNERABLE", "NOT AUDITED"} - {word}:
        assert [line for line in lines if other in line] == []


def test_it_asks_about_everything_that_is_pinned(tmp_path: Path) -> None:
    audit(tmp_path, FINE, FINE)
    asked = (tmp_path / "asked").read_text()
    locks = [path.relative_to(ROOT) for folder in (ROOT, ROOT / "deploy") for path in folder.glob("*.lock")]
    assert len(locks) == 5
    assert [lock for lock in locks if f"--requirement {lock}\n" not in asked] == []
    assert [name for name in ("web", "bench") if f"--prefix {name}\n" not in asked] == []


def test_no_npm_package_runs_a_script_when_it_is_installed() -> None:
    for path in (ROOT / "Makefile", ROOT / "Dockerfile", ROOT / ".ci/run"):
        for line in path.read_text().splitlines():
            assert "npm ci" not in line or "--ignore-scripts" in line, path
