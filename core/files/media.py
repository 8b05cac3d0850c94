"""What types of files are called: by us, and by browsers, phones and the systems below them.

A browser asks its system what type an extension has, so one file has many types: Windows' registry says
`application/x-zip-compressed`, or nothing where no program is installed for it.
"""

from importlib.util import find_spec

from core.pictures.limits import CONVERTERS

# The types whose content we can tell (sniff.py), and their extensions: the usual one first, then those that Chromium
# (net/base/mime_util.cc) and Firefox (nsExternalHelperAppService.cpp) have for them.
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

# Other names of these types. Each is sent by something that people use.
ALIASES: dict[str, str] = {
    "image/jpg": "image/jpeg",  # React Native, and much that makes a type of an extension
    "image/jfif": "image/jpeg",
    "image/pjpeg": "image/jpeg",  # Windows' registry for .jfif, Internet Explorer
    "image/x-citrix-jpeg": "image/jpeg",  # browsers in Citrix
    "image/x-png": "image/png",  # Internet Explorer
    "image/x-citrix-png": "image/png",
    "image/apng": "image/png",  # Chromium and Firefox for .apng; a PNG to who knows nothing of moving ones
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

# These say nothing: the extension must. What no program is installed for has the first or an empty one.
GENERIC = frozenset(
    (
        "application/octet-stream", "binary/octet-stream", "", "application/x-compressed", "application/force-download",
        "application/download", "application/x-download", "image/*", "video/*", "application/*", "*/*", "image", "video",
    )
)  # fmt: skip

# Pictures that are stored as another type, because browsers do not show them.
CONVERTED = dict.fromkeys(CONVERTERS, "image/jpeg")


def canonical(said: str, extension: str) -> str:
    """Return the MIME type that is meant, as in EXTENSIONS; one that is not there comes back without its parameters."""
    bare = said.partition(";")[0].strip().lower()
    if bare in GENERIC:
        return next((type for type, known in EXTENSIONS.items() if extension in known), bare)
    return ALIASES.get(bare, bare)


def shown(mime_type: str) -> str:
    """Return what people call a type: by its usual extension."""
    return EXTENSIONS[mime_type][0].upper()


def stored_as(mime_type: str) -> str:
    """Return the type that a file of this one has once it has been checked."""
    return CONVERTED.get(mime_type, mime_type)


def can_convert() -> bool:
    """Say whether this machine reads HEIC: the extra `heic` is installed."""
    return find_spec("pillow_heif") is not None
