"""Health."""

from core.platform.db import Scalar

ALIVE = Scalar(bool, "select true")
