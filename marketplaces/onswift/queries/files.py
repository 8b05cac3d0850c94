"""What files change in OnSwift."""

from core.platform.db import Run

SET_AVATAR = Run("update users set avatar_url = $2, updated_at = $3 where id = $1")
# Unless she has another one by now: the id is in the address.
TAKE_AVATAR = Run("update users set avatar_url = null where id = $1 and strpos(avatar_url, $2::text) > 0")
