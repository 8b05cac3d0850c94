"""Health."""

from core.db import Scalar

ALIVE = Scalar(bool, "select true")
