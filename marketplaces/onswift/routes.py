"""The table of OnSwift's calls: what, where, who. What may go wrong in one stands beside its handler."""

from core.market.endpoints import auth, files, health, messages, notifications, safety, sync
from core.market.endpoints.calendar import get_feed, renew_feed
from core.market.endpoints.conversations import decline_invitation, list_invitations, list_pending, remove_member
from core.market.endpoints.reviews import delete_review
from core.market.endpoints.users import delete_me, export_me
from core.market.market import (
    PUBLIC,
    FilePart,
    PeriodicTask,
    Route,
    SocketEvent,
    create,
    delete,
    get,
    post,
    put,
)
from marketplaces.onswift.errors import (
    AVATAR_TOO_LARGE,
)
from marketplaces.onswift.events import JoinProject, ProjectJoined
from marketplaces.onswift.handlers import (
    analytics,
    calendar,
    comments,
    conversations,
    deliverables,
    projects,
    reminders,
    reviews,
    samples,
    tasks,
    team,
    users,
)
from marketplaces.onswift.handlers.auth import sign_up
from marketplaces.onswift.rules import CREATORS, FEED, ROLES, TALENTS

DELIVERED = (FilePart("files[]", "fileUrls", "deliverable", many=True),)
PROJECT = "/api/projects/{projectId}"
TASK = PROJECT + "/tasks/{taskId}"
DELIVERABLE = "/api/deliverables/{deliverableId}"
CONVERSATION = "/api/conversations/{conversationId}"
MESSAGE = CONVERSATION + "/messages/{messageId}"
INVITATION = "/api/invitations/{invitationId}"
AVATAR = (FilePart("avatar", "fileUrl", "avatar", too_large=AVATAR_TOO_LARGE),)

EVENTS = (SocketEvent(JoinProject, ProjectJoined, projects.join_project),)
PERIODIC_TASKS = (PeriodicTask("remind", frozenset(range(0, 60, 10)), reminders.remind),)

ROUTES: tuple[Route, ...] = (
    create("/api/auth/signup", sign_up, PUBLIC),
    post("/api/auth/login", auth.log_in, PUBLIC),
    post("/api/auth/refresh", auth.refresh, PUBLIC),
    post("/api/auth/logout", auth.log_out, ROLES),
    get("/api/auth/csrf", auth.get_csrf_token, PUBLIC),
    post("/api/auth/forgot-password", auth.forgot_password, PUBLIC),
    post("/api/auth/reset-password", auth.reset_password, PUBLIC),
    post("/api/auth/verify-email", auth.verify_email, PUBLIC),
    post("/api/auth/resend-verification", auth.resend_verification, PUBLIC),
    post("/api/auth/change-password", auth.change_password, ROLES),
    post("/api/auth/change-email", auth.ask_email_change, ROLES),
    delete("/api/auth/change-email", auth.cancel_own_email_change, ROLES),
    post("/api/auth/change-email/confirm", auth.confirm_email_change, PUBLIC),
    post("/api/auth/change-email/cancel", auth.cancel_email_change, PUBLIC),
    get("/api/auth/sessions", auth.list_sessions, ROLES),
    delete("/api/auth/sessions", auth.end_other_sessions, ROLES),
    delete("/api/auth/sessions/{sessionId}", auth.end_session, ROLES),
    get("/api/users/me", users.get_me, ROLES),
    put("/api/users/me", users.update_me, ROLES),
    delete("/api/users/me", delete_me, ROLES),
    get("/api/users/me/export", export_me, ROLES),
    get("/api/users/me/blocks", safety.list_blocks, ROLES),
    put("/api/users/me/blocks/{userId}", safety.block_user, ROLES),
    delete("/api/users/me/blocks/{userId}", safety.unblock_user, ROLES),
    get("/api/users/me/mutes", safety.list_mutes, ROLES),
    put("/api/users/{userId}/mute", safety.mute_user, ROLES),
    delete("/api/users/{userId}/mute", safety.unmute_user, ROLES),
    put(CONVERSATION + "/mute", safety.mute_conversation, ROLES),
    delete(CONVERSATION + "/mute", safety.unmute_conversation, ROLES),
    post("/api/users/{userId}/report", safety.report_user, ROLES),
    post(MESSAGE + "/report", safety.report_message, ROLES),
    get("/api/users/search", users.search_talents, CREATORS),
    get("/api/users/{userId}", users.get_user, ROLES),
    get("/api/skills", users.list_skills, PUBLIC),
    get("/api/projects", projects.list_projects, ROLES),
    create("/api/projects", projects.create_project, CREATORS),
    get(PROJECT, projects.get_project, ROLES),
    put(PROJECT, projects.update_project, CREATORS),
    delete(PROJECT, projects.delete_project, CREATORS),
    create(PROJECT + "/team", team.add_member, CREATORS),
    delete(PROJECT + "/team/me", team.leave, TALENTS),
    delete(PROJECT + "/team/{userId}", team.remove_member, CREATORS, also=(200,)),
    post(PROJECT + "/conversations", conversations.create_project_conversation, ROLES),
    get("/api/tasks", tasks.list_tasks, ROLES),
    get(PROJECT + "/tasks", tasks.list_project_tasks, ROLES),
    create(PROJECT + "/tasks", tasks.create_task, CREATORS),
    get(TASK, tasks.get_task, ROLES),
    put(TASK, tasks.update_task, ROLES),
    delete(TASK, tasks.delete_task, CREATORS),
    get(TASK + "/comments", comments.list_comments, ROLES),
    create(TASK + "/comments", comments.create_comment, ROLES),
    delete(TASK + "/comments/{commentId}", comments.delete_comment, ROLES),
    get("/api/calendar", calendar.get_calendar, ROLES),
    get("/api/calendar/feed", get_feed, ROLES),
    post("/api/calendar/feed", renew_feed, ROLES),
    get(FEED, calendar.read_feed, PUBLIC),
    get("/api/analytics/creator", analytics.get_creator_analytics, CREATORS),
    get("/api/analytics/talent", analytics.get_talent_analytics, TALENTS),
    get("/api/conversations", conversations.list_conversations, ROLES),
    post("/api/conversations", conversations.create_conversation, ROLES),
    create("/api/conversations/groups", conversations.create_group, ROLES),
    get(CONVERSATION + "/invitations", list_pending, ROLES),
    get("/api/invitations", list_invitations, ROLES),
    post(INVITATION + "/accept", conversations.accept_invitation, ROLES),
    post(INVITATION + "/decline", decline_invitation, ROLES),
    get(CONVERSATION, conversations.get_conversation, ROLES),
    post(CONVERSATION + "/members", conversations.add_members, ROLES),
    delete(CONVERSATION + "/members/{userId}", remove_member, ROLES),
    get("/api/conversations/messages/search", messages.search_messages, ROLES),
    get(CONVERSATION + "/messages", messages.list_messages, ROLES),
    post(CONVERSATION + "/messages", messages.send_message, ROLES),
    put(CONVERSATION + "/read", messages.mark_read, ROLES),
    put(MESSAGE, messages.edit_message, ROLES),
    delete(MESSAGE, messages.delete_message, ROLES),
    put(MESSAGE + "/reactions/{emoji}", messages.add_reaction, ROLES),
    delete(MESSAGE + "/reactions/{emoji}", messages.remove_reaction, ROLES),
    get("/api/deliverables", deliverables.list_deliverables, ROLES),
    create("/api/deliverables", deliverables.submit_deliverable, TALENTS, uploads=DELIVERED),
    get(DELIVERABLE, deliverables.get_deliverable, ROLES),
    put(DELIVERABLE, deliverables.update_deliverable, ROLES),
    post(DELIVERABLE + "/resubmit", deliverables.resubmit_deliverable, TALENTS, uploads=DELIVERED),
    delete(DELIVERABLE, deliverables.delete_deliverable, ROLES),
    get(PROJECT + "/samples", samples.list_samples, ROLES),
    create(PROJECT + "/samples", samples.add_sample, CREATORS, uploads=(FilePart("file", "fileUrl", "sample"),)),
    delete(PROJECT + "/samples/{sampleId}", samples.delete_sample, CREATORS),
    get("/api/users/{userId}/reviews", reviews.list_reviews, PUBLIC),
    create("/api/reviews", reviews.create_review, CREATORS),
    put("/api/reviews/{reviewId}", reviews.update_review, CREATORS),
    delete("/api/reviews/{reviewId}", delete_review, CREATORS),
    get("/api/notifications", notifications.list_notifications, ROLES),
    put("/api/notifications/read-all", notifications.mark_all_read, ROLES),
    put("/api/notifications/{notificationId}/read", notifications.mark_read, ROLES),
    get("/api/notifications/preferences", notifications.get_preferences, ROLES),
    put("/api/notifications/preferences", notifications.set_preferences, ROLES),
    get("/api/notifications/devices", notifications.list_devices, ROLES),
    create("/api/notifications/devices", notifications.add_device, ROLES),
    delete("/api/notifications/devices/{deviceId}", notifications.remove_device, ROLES),
    post("/api/upload/presigned-url", files.create_upload, ROLES),
    post("/api/files/{fileId}/complete", files.complete_upload, ROLES),
    get("/api/files/{fileId}/download-url", files.create_download, ROLES),
    post("/api/users/me/avatar", files.set_avatar, ROLES, uploads=AVATAR),
    get("/api/sync", sync.get_changes, ROLES),
    get("/api/health", health.get_health, PUBLIC),
)
