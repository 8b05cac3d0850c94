"""THE table of errors: a stable code, an HTTP status, a default message, and whether a retry may help."""

from collections.abc import Sequence

import msgspec


class Detail(msgspec.Struct, frozen=True):
    """One field of the input and what is wrong with it."""

    field: str
    message: str


class ErrorCode(msgspec.Struct, frozen=True):
    """One row of the table."""

    code: str
    status: int
    message: str
    retryable: bool = False

    def error(self, message: str = "", details: Sequence[Detail] = ()) -> "AppError":
        """Return the exception to raise; `message` replaces the default one."""
        return AppError(self, message or self.message, tuple(details))


class AppError(Exception):
    """A refusal that is sent to the caller; any other exception is a bug and becomes INTERNAL_ERROR."""

    retry_after: float = 0.0  # seconds after which it may succeed; 0.0: unknown

    def __init__(self, kind: ErrorCode, message: str, details: tuple[Detail, ...] = ()) -> None:
        super().__init__(kind.code, message)
        self.kind = kind
        self.message = message
        self.details = details


VALIDATION_ERROR = ErrorCode("VALIDATION_ERROR", 400, "Validation failed")
MALFORMED_REQUEST = ErrorCode("MALFORMED_REQUEST", 400, "The request is not well-formed")
EMPTY_MESSAGE = ErrorCode("EMPTY_MESSAGE", 400, "A message needs a text")
MESSAGE_TOO_LONG = ErrorCode("MESSAGE_TOO_LONG", 400, "A message has at most 10,000 characters")
SAME_USER_TYPE = ErrorCode("SAME_USER_TYPE", 400, "Cannot create a conversation with the same user type")
HEIC_NOT_SUPPORTED = ErrorCode(
    "HEIC_NOT_SUPPORTED",
    400,
    "HEIC pictures are not accepted here: send a JPEG (iPhone: Camera, Formats, Most Compatible)",
)
INVALID_VERIFICATION_TOKEN = ErrorCode("INVALID_VERIFICATION_TOKEN", 400, "Invalid or expired token")
INVALID_CODE = ErrorCode("INVALID_CODE", 400, "This code is wrong, was used, or is too old: ask for a new one")
INVALID_RESET_TOKEN = ErrorCode("INVALID_RESET_TOKEN", 400, "Invalid or expired token")
OAUTH_STATE_INVALID = ErrorCode(
    "OAUTH_STATE_INVALID", 400, "This login has expired, was used before, or was begun in another browser: begin again"
)
OAUTH_DENIED = ErrorCode("OAUTH_DENIED", 400, "The provider did not confirm the login")
UNKNOWN_EVENT = ErrorCode("UNKNOWN_EVENT", 400, "There is no such event")
UNAUTHORIZED = ErrorCode("UNAUTHORIZED", 401, "Not authenticated")
TOKEN_EXPIRED = ErrorCode("TOKEN_EXPIRED", 401, "The access token has expired: refresh it")
SESSION_ENDED = ErrorCode("SESSION_ENDED", 401, "This session has ended: log in again")
INVALID_CREDENTIALS = ErrorCode("INVALID_CREDENTIALS", 401, "Invalid credentials")
INVALID_REFRESH_TOKEN = ErrorCode("INVALID_REFRESH_TOKEN", 401, "Invalid or expired refresh token")
OAUTH_TOKEN_INVALID = ErrorCode("OAUTH_TOKEN_INVALID", 401, "The token of the provider is not valid")
FORBIDDEN = ErrorCode("FORBIDDEN", 403, "Not authorized")
ACCOUNT_PENDING = ErrorCode("ACCOUNT_PENDING", 403, "This account is not active yet")
ACCOUNT_SUSPENDED = ErrorCode("ACCOUNT_SUSPENDED", 403, "This account is suspended")
ACCOUNT_BANNED = ErrorCode("ACCOUNT_BANNED", 403, "This account is banned")
CSRF_TOKEN_INVALID = ErrorCode("CSRF_TOKEN_INVALID", 403, "Send the session's CSRF token as X-CSRF-Token")
REAUTHENTICATION_REQUIRED = ErrorCode(
    "REAUTHENTICATION_REQUIRED", 403, "Send your password as `password`, or log in again"
)
VERIFICATION_REQUIRED = ErrorCode("VERIFICATION_REQUIRED", 403, "Verify who you are first")
NOT_A_MEMBER = ErrorCode("NOT_A_MEMBER", 403, "Not a participant in conversation")
USER_UNREACHABLE = ErrorCode("USER_UNREACHABLE", 403, "This user cannot be reached")
NOT_FOUND = ErrorCode("NOT_FOUND", 404, "Not found")
USER_NOT_FOUND = ErrorCode("USER_NOT_FOUND", 404, "User not found")
CONVERSATION_NOT_FOUND = ErrorCode("CONVERSATION_NOT_FOUND", 404, "Conversation not found")
INVITATION_NOT_FOUND = ErrorCode("INVITATION_NOT_FOUND", 404, "There is no such invitation, or it is not open any more")
MESSAGE_NOT_FOUND = ErrorCode("MESSAGE_NOT_FOUND", 404, "Message not found")
REVIEW_NOT_FOUND = ErrorCode("REVIEW_NOT_FOUND", 404, "Review not found")
SESSION_NOT_FOUND = ErrorCode("SESSION_NOT_FOUND", 404, "There is no such session, or it has ended")
HUB_NOT_FOUND = ErrorCode("HUB_NOT_FOUND", 404, "There is no such hub")
REPORT_NOT_FOUND = ErrorCode("REPORT_NOT_FOUND", 404, "There is no such report")
REVIEW_TASK_NOT_FOUND = ErrorCode("REVIEW_TASK_NOT_FOUND", 404, "There is no such task")
TICKET_NOT_FOUND = ErrorCode("TICKET_NOT_FOUND", 404, "There is no such ticket")
VERIFICATION_NOT_FOUND = ErrorCode("VERIFICATION_NOT_FOUND", 404, "There is no such verification")
NOTIFICATION_NOT_FOUND = ErrorCode("NOTIFICATION_NOT_FOUND", 404, "Notification not found")
DEVICE_NOT_FOUND = ErrorCode("DEVICE_NOT_FOUND", 404, "Device not found")
OAUTH_NO_ACCOUNT = ErrorCode("OAUTH_NO_ACCOUNT", 404, "Nobody has signed up with this provider's account yet")
OAUTH_NOT_LINKED = ErrorCode("OAUTH_NOT_LINKED", 404, "No account of this provider is linked")
WEBHOOK_NOT_FOUND = ErrorCode("WEBHOOK_NOT_FOUND", 404, "There is no such webhook, or no such delivery of it")
API_KEY_NOT_FOUND = ErrorCode("API_KEY_NOT_FOUND", 404, "There is no such API key, or it is not valid any more")
TRANSFER_NOT_FOUND = ErrorCode("TRANSFER_NOT_FOUND", 404, "There is no such transfer")
PAYMENT_NOT_FOUND = ErrorCode("PAYMENT_NOT_FOUND", 404, "There is no such payment")
SUBSCRIPTION_NOT_FOUND = ErrorCode("SUBSCRIPTION_NOT_FOUND", 404, "There is no such subscription")
FILE_NOT_FOUND = ErrorCode("FILE_NOT_FOUND", 404, "File not found")
FILE_REJECTED = ErrorCode("FILE_REJECTED", 404, "The file was not accepted and has been deleted")
METHOD_NOT_ALLOWED = ErrorCode("METHOD_NOT_ALLOWED", 405, "Method not allowed")
REQUEST_TIMEOUT = ErrorCode("REQUEST_TIMEOUT", 408, "The request did not come in time", retryable=True)
EMAIL_EXISTS = ErrorCode("EMAIL_EXISTS", 409, "An account with this email exists")
EMAIL_NOT_VERIFIED = ErrorCode("EMAIL_NOT_VERIFIED", 409, "Verify your email address first")
OAUTH_ALREADY_LINKED = ErrorCode(
    "OAUTH_ALREADY_LINKED", 409, "Another account of this provider, or of yours, is linked"
)
LAST_LOGIN_METHOD = ErrorCode("LAST_LOGIN_METHOD", 409, "This is your only way to log in: set a password first")
API_KEY_ROTATED = ErrorCode("API_KEY_ROTATED", 409, "This API key was rotated already")
TOO_MANY_API_KEYS = ErrorCode("TOO_MANY_API_KEYS", 409, "There are as many API keys as one user can have: revoke one")
VERIFICATION_EXISTS = ErrorCode(
    "VERIFICATION_EXISTS", 409, "You are verified already, or for somebody else a verification is open"
)
TOO_MANY_WEBHOOKS = ErrorCode("TOO_MANY_WEBHOOKS", 409, "There are as many webhooks as one user can have: delete one")
WEBHOOK_DISABLED = ErrorCode("WEBHOOK_DISABLED", 409, "The webhook is disabled: enable it first")
PHONE_EXISTS = ErrorCode("PHONE_EXISTS", 409, "An account with this phone number exists")
SIGN_UP_REQUIRED = ErrorCode("SIGN_UP_REQUIRED", 409, "There is no account with this phone number yet: sign up with it")
STATUS_NOT_POSSIBLE = ErrorCode(
    "STATUS_NOT_POSSIBLE", 409, "The account cannot get this status from the one that it has"
)
REVIEW_TASK_TAKEN = ErrorCode("REVIEW_TASK_TAKEN", 409, "Somebody else holds this task")
REVIEW_TASK_DECIDED = ErrorCode("REVIEW_TASK_DECIDED", 409, "This task has been decided")
DECISION_NOT_POSSIBLE = ErrorCode("DECISION_NOT_POSSIBLE", 409, "This cannot be decided about the task as it is")
APPEAL_NOT_POSSIBLE = ErrorCode("APPEAL_NOT_POSSIBLE", 409, "This decision cannot be appealed")
TOO_MANY_REVIEW_TASKS = ErrorCode(
    "TOO_MANY_REVIEW_TASKS", 409, "You hold as many tasks as one person can: decide or release one"
)
TICKET_STATE_NOT_POSSIBLE = ErrorCode(
    "TICKET_STATE_NOT_POSSIBLE", 409, "The ticket cannot get this state from the one that it has"
)
AGENT_UNAVAILABLE = ErrorCode("AGENT_UNAVAILABLE", 409, "This agent takes no more tickets right now")
INSUFFICIENT_FUNDS = ErrorCode("INSUFFICIENT_FUNDS", 409, "There is not enough on the account")
AMOUNT_TOO_LARGE = ErrorCode("AMOUNT_TOO_LARGE", 409, "A balance would become too large")
REVERSAL_TOO_LARGE = ErrorCode("REVERSAL_TOO_LARGE", 409, "No more can be reversed than is left of the transfer")
TRANSFER_NOT_POSSIBLE = ErrorCode("TRANSFER_NOT_POSSIBLE", 409, "The transfer is not in a state that allows this")
TRANSFER_KEY_REUSED = ErrorCode("TRANSFER_KEY_REUSED", 409, "Another transfer has this key")
PAYMENT_NOT_POSSIBLE = ErrorCode("PAYMENT_NOT_POSSIBLE", 409, "The payment is not in a state that allows this")
PAYMENT_REFUSED = ErrorCode("PAYMENT_REFUSED", 409, "The payment provider does not accept this payment")
PRICE_CHANGED = ErrorCode("PRICE_CHANGED", 409, "The price has changed since you saw it")
REFUND_TOO_LARGE = ErrorCode("REFUND_TOO_LARGE", 409, "No more can be refunded than is left of the payment")
CONVERSATION_CLOSED = ErrorCode("CONVERSATION_CLOSED", 409, "The conversation is closed: it can be read, no more")
GROUP_FULL = ErrorCode("GROUP_FULL", 409, "The group has as many members as it can have")
HUB_SILENT = ErrorCode("HUB_SILENT", 409, "The hub is silent: nobody can tell it anything right now", retryable=True)
FILE_NOT_READY = ErrorCode("FILE_NOT_READY", 409, "The file is still being checked", retryable=True)
FILE_ALREADY_UPLOADED = ErrorCode("FILE_ALREADY_UPLOADED", 409, "The file has been uploaded already")
PRECONDITION_FAILED = ErrorCode("PRECONDITION_FAILED", 412, "It has changed since you read it: read it again")
PAYLOAD_TOO_LARGE = ErrorCode("PAYLOAD_TOO_LARGE", 413, "The request is too large")
FILE_TOO_LARGE = ErrorCode("FILE_TOO_LARGE", 413, "The file is too large")
UNSUPPORTED_MEDIA_TYPE = ErrorCode("UNSUPPORTED_MEDIA_TYPE", 415, "Send application/json")
TRANSFER_NOT_BALANCED = ErrorCode(
    "TRANSFER_NOT_BALANCED", 422, "The amounts of a transfer sum to zero in each currency, one for each account"
)
IDEMPOTENCY_KEY_REUSED = ErrorCode(
    "IDEMPOTENCY_KEY_REUSED", 422, "This Idempotency-Key or clientId was used for something else"
)
FIELD_NOT_CHANGEABLE = ErrorCode("FIELD_NOT_CHANGEABLE", 422, "This cannot be changed")
RATE_LIMITED = ErrorCode("RATE_LIMITED", 429, "Rate limit exceeded", retryable=True)
QUOTA_EXCEEDED = ErrorCode("QUOTA_EXCEEDED", 429, "The quota of this period is used up")
TOO_MANY_CONNECTIONS = ErrorCode(
    "TOO_MANY_CONNECTIONS", 429, "Too many connections of one user: close one", retryable=True
)
HEADERS_TOO_LARGE = ErrorCode("HEADERS_TOO_LARGE", 431, "The headers of the request are too large")
INTERNAL_ERROR = ErrorCode("INTERNAL_ERROR", 500, "Internal server error", retryable=True)
SEALED_VALUE_UNREADABLE = ErrorCode("SEALED_VALUE_UNREADABLE", 500, "What is stored cannot be decrypted")
SEARCH_TOO_BROAD = ErrorCode("SEARCH_TOO_BROAD", 503, "This search takes too long: narrow it down")
PROVIDER_UNAVAILABLE = ErrorCode(
    "PROVIDER_UNAVAILABLE", 503, "The login provider cannot be reached right now", retryable=True
)
UNAVAILABLE = ErrorCode("UNAVAILABLE", 503, "The service is not available right now", retryable=True)

TABLE: dict[str, ErrorCode] = {value.code: value for value in list(globals().values()) if isinstance(value, ErrorCode)}


def invalid(field: str, message: str) -> AppError:
    """Return VALIDATION_ERROR about one field of the input."""
    return VALIDATION_ERROR.error(details=[Detail(field, message)])


class ErrorBody(msgspec.Struct, frozen=True):
    """What a client is told, over REST and in socket acks alike (OnSwift: "Error Response")."""

    code: str
    message: str
    details: tuple[Detail, ...] = ()


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The envelope around it: `{"error": {...}}`."""

    error: ErrorBody


def answer(error: AppError) -> ErrorAnswer:
    """Render an error for the wire."""
    return ErrorAnswer(ErrorBody(error.kind.code, error.message, error.details))
