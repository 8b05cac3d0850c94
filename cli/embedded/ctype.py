"""The LC_CTYPE of the embedded databases: text similarity depends on it, and C has no letters outside ASCII."""

import shutil
import subprocess
from pathlib import Path

WANTED = ("C.UTF-8", "en_US.UTF-8")
# Marker in the data folder: its databases have an LC_CTYPE chosen here. Older ones had C.
MARK = "greenroom.ctype"

# The LC_CTYPE of a database is fixed, unless the catalogue is edited. That is safe here: the builtin provider sorts and folds
# texts, so only trigrams change.
_SET = (
    "update pg_database set datctype = '{}' where datctype in ('C', 'POSIX') and datcollate in ('C', 'POSIX')"
    " and datlocprovider = 'b'\n"
)
# Reads the catalogue again, so it must be a separate run.
_REINDEX = (
    "do $$ declare i regclass; begin for i in select distinct x.indexrelid from pg_index x"
    " join pg_opclass o on o.oid = any (x.indclass) where o.opcname like '%trgm%'"
    " loop execute 'reindex index ' || i; end loop; end $$\n"
)


def known_ctype() -> str | None:
    """Return an LC_CTYPE that knows the letters of all scripts, if this system has one."""
    if not (command := shutil.which("locale")):
        return None
    listed = subprocess.run([command, "-a"], capture_output=True, text=True, errors="replace", check=False).stdout  # noqa: S603
    known = {_plain(name) for name in listed.split()}
    return next((name for name in WANTED if _plain(name) in known), None)


def steps(ctype: str) -> tuple[bytes, bytes]:
    """Return the statements that convert existing data, in order."""
    return _SET.format(ctype).encode(), _REINDEX.encode()


def mark(folder: Path, ctype: str) -> None:
    """Note that the databases in a folder have this LC_CTYPE."""
    (folder / MARK).write_text(f"{ctype}\n")


def is_marked(folder: Path) -> bool:
    """Return whether the databases in a folder have an LC_CTYPE chosen here."""
    return (folder / MARK).exists()


def _plain(name: str) -> str:
    return name.lower().replace("-", "")
