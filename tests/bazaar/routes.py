"""The table of the bazaar's calls."""

from core.market.endpoints import auth, conversations, health, messages, notifications, safety, users
from core.market.endpoints.accounts import api_keys, oauth, phones
from core.market.market import PUBLIC, FilePart, Route, at_root, by_key, create, delete, get, patch, post
from tests.bazaar import handlers
from tests.bazaar.capabilities import payments, wallet
from tests.bazaar.policy import ROLES, SELLERS

CONVERSATION = "/conversations/{conversation_id}"
MESSAGE = CONVERSATION + "/messages/{message_id}"
PICTURES = (FilePart("pictures[]", "fileUrls", "picture", many=True),)

ROUTES: tuple[Route, ...] = (
    create("/auth/register", auth.sign_up, PUBLIC),
    post("/auth/login", auth.log_in, PUBLIC),
    post("/auth/refresh", auth.refresh, PUBLIC),
    post("/auth/logout", auth.log_out, ROLES),
    get("/auth/csrf", auth.get_csrf_token, PUBLIC),
    get("/auth/verify-email/{token}", handlers.verify_email, PUBLIC),
    post("/auth/forgot-password", auth.forgot_password, PUBLIC),
    post("/auth/reset-password/{token}", handlers.reset_password, PUBLIC),
    get("/auth/sessions", auth.list_sessions, ROLES),
    delete("/auth/sessions/{session_id}", auth.end_session, ROLES),
    get("/auth/me", handlers.get_me, ROLES),
    patch("/auth/me", handlers.update_me, ROLES),
    delete("/auth/me", users.delete_me, ROLES),
    get("/auth/me/export", users.export_me, ROLES),
    post("/auth/otp/send", phones.send_code, PUBLIC),
    post("/auth/otp/verify", phones.log_in, PUBLIC),
    post("/auth/phone", phones.ask_phone_change, ROLES),
    post("/auth/phone/confirm", phones.confirm_phone, ROLES),
    get("/auth/oauth/{provider}", oauth.begin, PUBLIC),
    get("/auth/oauth/{provider}/callback", oauth.come_back, PUBLIC),
    post("/auth/oauth/{provider}/callback", oauth.come_back_by_form, PUBLIC),
    post("/auth/oauth/redeem", oauth.redeem, PUBLIC),
    post("/auth/oauth/{provider}/link", oauth.begin_link, ROLES),
    get("/auth/providers", oauth.list_links, ROLES),
    delete("/auth/providers/{provider}", oauth.unlink, ROLES),
    get("/auth/api-keys", api_keys.list_keys, ROLES),
    post("/auth/api-keys", api_keys.create, ROLES),
    post("/auth/api-keys/{key_id}/rotate", api_keys.rotate, ROLES),
    delete("/auth/api-keys/{key_id}", api_keys.revoke, ROLES),
    post("/users/{user_id}/report", safety.report_user, ROLES),
    by_key(get("/listings", handlers.list_listings, ROLES), "listings"),
    create("/listings", handlers.create_listing, SELLERS),
    get("/listings/{listing_id}", handlers.get_listing, ROLES),
    patch("/listings/{listing_id}", handlers.update_listing, SELLERS),
    delete("/listings/{listing_id}", handlers.delete_listing, SELLERS),
    post("/listings/{listing_id}/pictures", handlers.add_pictures, SELLERS, uploads=PICTURES),
    post("/hooks/payments", handlers.take_payment, PUBLIC),
    get("/conversations", conversations.list_conversations, ROLES),
    post("/conversations", conversations.create_conversation, ROLES),
    get(CONVERSATION, conversations.get_conversation, ROLES),
    get(CONVERSATION + "/messages", messages.list_messages, ROLES),
    post(CONVERSATION + "/messages", messages.send_message, ROLES),
    patch(MESSAGE, messages.edit_message, ROLES),
    delete(MESSAGE, messages.delete_message, ROLES),
    patch(CONVERSATION + "/read", messages.mark_read, ROLES),
    get("/notifications", notifications.list_notifications, ROLES),
    patch("/notifications/read-all", notifications.mark_all_read, ROLES),
    patch("/notifications/{notification_id}/read", notifications.mark_read, ROLES),
    at_root(get("/healthz", health.get_health, PUBLIC)),
    at_root(get("/readyz", health.get_health, PUBLIC)),
    at_root(get("/api/version", handlers.get_version, PUBLIC)),
    *wallet.ROUTES,
    *payments.ROUTES,
)
