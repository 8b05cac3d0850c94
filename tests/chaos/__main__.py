"""`python -m tests.chaos --minutes M --seed S`: the long run of the chaos tests."""

import argparse
import sys

from tests.chaos.soak import soak


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests.chaos")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first-round", type=int, default=1, help="to repeat a round of an earlier run")
    options = parser.parse_args()
    return soak(options.minutes, options.seed, options.first_round)


if __name__ == "__main__":
    sys.exit(main())
