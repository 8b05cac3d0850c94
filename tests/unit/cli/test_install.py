"""Makefile, lock files and web/package.json: what `make install` fetches is pinned, and from no address of ours."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = ("requirements.lock", "requirements-node.lock", "web/package-lock.json")


def test_make_help_lists_every_command() -> None:
    done = subprocess.run(["make", "-C", ROOT, "help"], capture_output=True, text=True, check=True)
    documented = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    assert re.findall(r"^ +make ([\w-]+) +\w", done.stdout, re.MULTILINE) == documented


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_carry_no_address_and_no_path(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert not re.search(r"https?:|file:|--index|--find-links|\B/[a-z]+/", re.sub(r'"integrity": .*', "", lock))


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-node.lock"])
def test_every_python_package_is_pinned_with_hashes(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if not line.lstrip().startswith("#")]
    blocks = re.split(r"^(?=[a-z0-9])", "\n".join(lines), flags=re.MULTILINE)
    for block in filter(None, blocks):
        assert re.match(r"[a-z0-9-]+==[^ ]+ (; [^\\]+ )?\\\n +--hash=sha256:[0-9a-f]{64}", block), block


def test_the_lock_holds_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    extras.pop("heic")  # its licences are not ours: those who want it install it themselves
    named = project["dependencies"] + [name for extra in extras.values() for name in extra]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert {re.split(r"[>=\[;]", name)[0] for name in named} <= locked


def test_the_browser_s_files_are_pinned_exactly() -> None:
    wanted = json.loads((ROOT / "web" / "package.json").read_text())["dependencies"]
    locked = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("integrity" in package for name, package in locked.items() if name)
