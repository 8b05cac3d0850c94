"""How the bazaar looks."""

from dataclasses import replace

from core.market.dialect import Dialect, Pages
from core.market.error_forms import FLAT
from core.market.socket_dialect import SocketDialect, Spelling

TYPING = (Spelling("typing:start", {"isTyping": True}), Spelling("typing:stop", {"isTyping": False}))
SOCKETS = SocketDialect(
    main="/chat",
    elsewhere={"/presence": frozenset({"user:online", "user:offline", "join:user"})},
    takes={"conversation:typing": TYPING},
    gives={
        "message:received": (Spelling("message:new", only="message"),),
        "conversation:typing": TYPING,
        "user:online": (Spelling("presence:online"),),
        "user:offline": (Spelling("presence:offline"),),
    },
)
DIALECT = Dialect(
    errors=replace(
        FLAT,
        codes={
            "UNAUTHORIZED": "AUTH_001",
            "TOKEN_EXPIRED": "AUTH_002",
            "INVALID_CREDENTIALS": "AUTH_003",
            "VALIDATION_ERROR": "INPUT_001",
        },
        statuses={"VALIDATION_ERROR": 422, "EMAIL_EXISTS": 422},
    ),
    snake_case=True,
    bigint_ids=True,
    pages=Pages(items="data", about="meta", names={"limit": "per_page", "total": "total_count"}),
    data="data",
    keeps_cookies=True,
    sockets=SOCKETS,
)
