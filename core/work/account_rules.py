"""What a marketplace decides about accounts beside their passwords: a value of its policy for each, none where it has none."""

from typing import Literal, TypeAlias

Status: TypeAlias = Literal["active", "pending", "suspended", "banned"]  # see core/accounts/status/states.py
