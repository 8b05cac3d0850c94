"""A Postgres and a Redis of our own, for `greenroom dev` and the tests, in one folder; they end with us."""
