"""Embedded Postgres, Redis and S3 servers for `greenroom dev` and the tests, in one folder; they end with our process."""
