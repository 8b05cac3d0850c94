"""Runs the servers of a folder until it is killed: `python -m tests.flow.cli.hold FOLDER`."""

import signal
import sys
from pathlib import Path

from cli.embedded.postgres import embedded_postgres
from cli.embedded.redis import embedded_redis

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with embedded_postgres(folder / "postgres") as postgres, embedded_redis(folder / "redis") as redis:
        print(postgres.process.pid, redis.process.pid, flush=True)
        signal.pause()
