"""Checks whether pg_trgm recognises letters outside ASCII, which depends on the database's LC_CTYPE."""

from core.platform.db import Scalar

# One letter of each kind that a locale may not know: accented, of another alphabet, of none.
BLIND = Scalar(
    bool, "select exists (select from unnest('{é,ж,م,म,山}'::text[]) letter where cardinality(show_trgm(letter)) = 0)"
)
ADVICE = (
    "The database's LC_CTYPE leaves out letters beyond ASCII, so that names in other scripts are found with one typing"
    " error, but not with several. Make it with an LC_CTYPE of UTF-8, such as C.UTF-8 (docs/search.md)"
)
