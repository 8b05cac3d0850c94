"""The image of the Dockerfile without a container engine: its steps, taken in a folder that stands for its /.

What needs the network is there already: each virtual environment gets the packages that the tests run with, but for ours.
"""

import json
import re
import shlex
import shutil
import subprocess
import sysconfig
import venv
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.hub import ROOT

PLACES = re.compile(r"(?<![\w./-])/(?=(?:build|srv)\b)")


@dataclass
class Image:
    """What is in the image: `root` is its /; `entry` and `command` are what it runs."""

    root: Path
    folder: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/bin:/bin"})
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def program(self) -> str:
        """Return the path of what the image runs, looked up as the image does it."""
        found = shutil.which(self.entry[0], path=self.environ["PATH"])
        assert found, f"{self.entry[0]} is not on the PATH of the image"
        return found


def make_image(root: Path) -> Image:
    """Take the steps of the Dockerfile."""
    image = Image(root, root)
    for word, rest in _instructions((ROOT / "Dockerfile").read_text()):
        _take(image, word, rest)
    return image


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line and not line.startswith("#")]


def _take(image: Image, word: str, rest: str) -> None:
    if word == "WORKDIR":
        image.folder = image.root / rest.lstrip("/")
        image.folder.mkdir(parents=True, exist_ok=True)
    elif word == "RUN":
        _run(image, rest)
    elif word == "COPY" and rest.startswith("--from=build "):
        _keep_only(image, rest.split()[1:])
    elif word == "COPY":
        *sources, target = rest.split()
        for source in sources:
            _copy(image, source, target)
    elif word == "ENV":
        pairs = (one.split("=", 1) for one in shlex.split(PLACES.sub(f"{image.root}/", rest)))
        image.environ |= {name: value.replace("$PATH", image.environ["PATH"]) for name, value in pairs}
    elif word in ("ENTRYPOINT", "CMD"):
        setattr(image, {"ENTRYPOINT": "entry", "CMD": "command"}[word], json.loads(rest))


def _run(image: Image, line: str) -> None:
    words = line.split()
    if words[:3] == ["python", "-m", "venv"]:
        for place in words[3:]:
            _make_environment(image.root / place.lstrip("/"))
    elif line.startswith("cd web && npm ci "):
        shutil.copytree(ROOT / "web/node_modules", image.folder / "web/node_modules", symlinks=True)
    elif words[0] not in ("apt-get", "useradd") and "--require-hashes" not in words:
        offline = {"PATH": image.environ["PATH"], "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        ran = subprocess.run(
            PLACES.sub(f"{image.root}/", line), shell=True, cwd=image.folder, env=offline, capture_output=True, check=False
        )  # fmt: skip
        assert ran.returncode == 0, (line, ran.stderr.decode())


def _make_environment(place: Path) -> None:
    """Make a virtual environment that has what the tests run with, but nothing of this project."""
    venv.create(place, symlinks=True)
    (packages,) = place.glob("lib/python*/site-packages")
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        if "greenroom" not in one.name and one.suffix != ".pth":
            (packages / one.name).symlink_to(one)
    pip = place / "bin/pip"
    pip.write_text(f'#!/bin/sh\nexec "{place}/bin/python" -m pip "$@"\n')
    pip.chmod(0o755)


def _keep_only(image: Image, places: list[str]) -> None:
    """Leave of the first stage what the second takes from it, where it was."""
    source, target = places
    assert source == target
    kept = image.root / source.lstrip("/")
    for path in sorted(image.root.rglob("*"), reverse=True):
        if not kept.is_relative_to(path) and not path.is_relative_to(kept):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _copy(image: Image, source: str, target: str) -> None:
    assert f"!{source}" in _ignored() or f"!{source.split('/')[0]}" in _ignored(), (
        f"{source} does not get to the engine"
    )
    here, there = ROOT / source, image.folder / target
    if here.is_dir():
        shutil.copytree(here, there, ignore=shutil.ignore_patterns("node_modules", "__pycache__"), dirs_exist_ok=True)
    else:
        there.mkdir(parents=True, exist_ok=True)
        shutil.copy(here, there)


def _ignored() -> list[str]:
    return (ROOT / ".dockerignore").read_text().splitlines()
