"""`python -m cli`: the same as `greenroom`."""

import sys

from cli.main import main

sys.exit(main())
