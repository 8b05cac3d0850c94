"""The table of OnSwift's calls: what, where, who, and what may go wrong."""

from core.errors import (
    CONVERSATION_NOT_FOUND,
    EMAIL_EXISTS,
    EMPTY_MESSAGE,
    FORBIDDEN,
    INVALID_CREDENTIALS,
    INVALID_REFRESH_TOKEN,
    INVALID_RESET_TOKEN,
    MESSAGE_NOT_FOUND,
    MESSAGE_TOO_LONG,
    NOT_A_MEMBER,
    NOTIFICATION_NOT_FOUND,
    SAME_USER_TYPE,
    USER_NOT_FOUND,
)
from core.market import PUBLIC, Route, delete, get, post, put
from marketplaces.onswift.handlers import auth, conversations, health, messages, notifications, sync, users
from marketplaces.onswift.rules import ROLES

NOT_MINE = (CONVERSATION_NOT_FOUND, NOT_A_MEMBER)
NOT_MY_MESSAGE = (*NOT_MINE, MESSAGE_NOT_FOUND)
BAD_TEXT = (EMPTY_MESSAGE, MESSAGE_TOO_LONG)
MESSAGE = "/api/conversations/{conversationId}/messages/{messageId}"

ROUTES: tuple[Route, ...] = (
    post("/api/auth/signup", auth.sign_up, PUBLIC, EMAIL_EXISTS, statuses=(201,)),
    post("/api/auth/login", auth.log_in, PUBLIC, INVALID_CREDENTIALS, statuses=(200,)),
    post("/api/auth/refresh", auth.refresh, PUBLIC, INVALID_REFRESH_TOKEN, statuses=(200,)),
    post("/api/auth/logout", auth.log_out, ROLES, INVALID_REFRESH_TOKEN, statuses=(204,)),
    post("/api/auth/forgot-password", auth.forgot_password, PUBLIC, statuses=(200,)),
    post("/api/auth/reset-password", auth.reset_password, PUBLIC, INVALID_RESET_TOKEN, statuses=(200,)),
    get("/api/users/me", users.get_me, ROLES),
    get("/api/conversations", conversations.list_conversations, ROLES),
    post(
        "/api/conversations",
        conversations.create_conversation,
        ROLES,
        SAME_USER_TYPE,
        USER_NOT_FOUND,
        statuses=(201, 200),
    ),
    post("/api/conversations/groups", conversations.create_group, ROLES, USER_NOT_FOUND, statuses=(201,)),
    get("/api/conversations/{conversationId}", conversations.get_conversation, ROLES, *NOT_MINE),
    post(
        "/api/conversations/{conversationId}/members",
        conversations.add_members,
        ROLES,
        *NOT_MINE,
        FORBIDDEN,
        USER_NOT_FOUND,
        statuses=(200,),
    ),
    delete(
        "/api/conversations/{conversationId}/members/{userId}",
        conversations.remove_member,
        ROLES,
        *NOT_MINE,
        FORBIDDEN,
        USER_NOT_FOUND,
    ),
    get("/api/conversations/{conversationId}/messages", messages.list_messages, ROLES, *NOT_MY_MESSAGE),
    post(
        "/api/conversations/{conversationId}/messages",
        messages.send_message,
        ROLES,
        *NOT_MY_MESSAGE,
        *BAD_TEXT,
        statuses=(201, 200),
    ),
    put("/api/conversations/{conversationId}/read", messages.mark_read, ROLES, *NOT_MY_MESSAGE, status=204),
    put(MESSAGE, messages.edit_message, ROLES, *NOT_MY_MESSAGE, *BAD_TEXT, FORBIDDEN, status=200),
    delete(MESSAGE, messages.delete_message, ROLES, *NOT_MY_MESSAGE, FORBIDDEN),
    put(MESSAGE + "/reactions/{emoji}", messages.add_reaction, ROLES, *NOT_MY_MESSAGE, status=200),
    delete(MESSAGE + "/reactions/{emoji}", messages.remove_reaction, ROLES, *NOT_MY_MESSAGE),
    get("/api/notifications", notifications.list_notifications, ROLES),
    put("/api/notifications/read-all", notifications.mark_all_read, ROLES, status=204),
    put(
        "/api/notifications/{notificationId}/read",
        notifications.mark_read,
        ROLES,
        NOTIFICATION_NOT_FOUND,
        status=204,
    ),
    get("/api/sync", sync.get_changes, ROLES),
    get("/api/health", health.get_health, PUBLIC),
)
