"""A Postgres, a Redis and an S3 server of our own, for `greenroom dev` and the tests, in one folder; they end with us."""
