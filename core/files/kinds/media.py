"""Names of file types: ours, and those used by browsers, phones and operating systems.

A browser asks the operating system for the type of an extension, so one file has many types: Windows' registry says
`application/x-zip-compressed`, or nothing if no program is installed for it.
"""

from importlib.util import find_spec

from core.pictures.limits import CONVERTERS

# The types that sniff.py recognises, and their extensions: the usual one first, then those in Chromium
# (net/base/mime_util.cc) and Firefox (nsExternalHelperAppService.cpp).
EXTENSIONS: dict[str, tuple[str, ...]] = {
    "image/jpeg": ("jpg", "jpeg", "jfif", "jpe", "pjpeg", "pjp"),
    "image/png": ("png", "apng"),
    "image/gif": ("gif",),
    "image/heic": ("heic", "heif", "hif"),
    "video/mp4": ("mp4", "m4v"),
    "video/quicktime": ("mov", "qt"),
    "application/pdf": ("pdf",),
    "application/zip": ("zip",),
    "application/x-rar-compressed": ("rar",),
}

# Other names of these types, all of them sent by real clients.
ALIASES: dict[str, str] = {
    "image/jpg": "image/jpeg",  # React Native, and other code that derives the type from the extension
    "image/jfif": "image/jpeg",
    "image/pjpeg": "image/jpeg",  # Windows' registry for .jfif, Internet Explorer
    "image/x-citrix-jpeg": "image/jpeg",  # browsers in Citrix
    "image/x-png": "image/png",  # Internet Explorer
    "image/x-citrix-png": "image/png",
    "image/apng": "image/png",  # Chromium and Firefox for .apng, which is also a valid PNG
    "image/vnd.mozilla.apng": "image/png",
    "image/x-citrix-gif": "image/gif",
    "image/heif": "image/heic",  # iOS and Android for .heif: the same container
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
    "video/x-m4v": "video/mp4",  # Chromium and Safari on macOS for .m4v
    "application/mp4": "video/mp4",
    "video/x-quicktime": "video/quicktime",
    "video/mov": "video/quicktime",
    "application/x-pdf": "application/pdf",
    "application/acrobat": "application/pdf",
    "application/x-zip-compressed": "application/zip",  # Windows' registry for .zip
    "application/x-zip": "application/zip",
    "application/zip-compressed": "application/zip",
    "multipart/x-zip": "application/zip",
    "application/vnd.rar": "application/x-rar-compressed",  # IANA, and Firefox and Linux today
    "application/x-rar": "application/x-rar-compressed",  # shared-mime-info: Linux
    "application/rar": "application/x-rar-compressed",
}

# Unspecific: the extension decides. Sent for types without an installed program, like an empty type.
GENERIC = frozenset(
    (
        "application/octet-stream", "binary/octet-stream", "", "application/x-compressed", "application/force-download",
        "application/download", "application/x-download", "image/*", "video/*", "application/*", "*/*", "image", "video",
    )
)  # fmt: skip

# Pictures stored as another type, because browsers do not show them.
CONVERTED = dict.fromkeys(CONVERTERS, "image/jpeg")


def canonical(said: str, extension: str) -> str:
    """Return the canonical MIME type, as in EXTENSIONS; an unknown one is returned without its parameters."""
    bare = said.partition(";")[0].strip().lower()
    if bare in GENERIC:
        return next((type for type, known in EXTENSIONS.items() if extension in known), bare)
    return ALIASES.get(bare, bare)


def shown(mime_type: str) -> str:
    """Return the name of a type for users: its usual extension."""
    return EXTENSIONS[mime_type][0].upper()


def stored_as(mime_type: str) -> str:
    """Return the type of a file of this type after it has been checked."""
    return CONVERTED.get(mime_type, mime_type)


def can_convert() -> bool:
    """Return whether HEIC can be read: the extra `heic` is installed."""
    return find_spec("pillow_heif") is not None
