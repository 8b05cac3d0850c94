"""What the backend runs on: Postgres, Redis, S3, ClamAV, keys, password hashing, migrations."""
