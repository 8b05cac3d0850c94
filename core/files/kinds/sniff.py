"""The type of a file by its first bytes, whatever its name and sender say."""

from core.files.kinds.media import CONVERTED

# PDF readers accept the header anywhere within this many bytes (Adobe's PDF Reference 1.7, annex H; pdf.js and PDFium do).
HEAD_BYTES = 1024

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),  # an empty archive
    (b"PK00PK\x03\x04", "application/zip"),  # a split archive of a single part
    (b"PK\x07\x08PK\x03\x04", "application/zip"),
    (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    (b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
)
# QuickTime files from before 2001 begin with one of these boxes.
_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
# Images in the container of videos: HEIC, and all others.
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_IMAGE_BRANDS = _HEIC_BRANDS | {b"mif1", b"msf1", b"mif2", b"miaf", b"avif", b"avis", b"jpeg", b"jpgs"}
_PDF = b"%PDF-"
# Files that begin like this are something else, whatever follows: markup, scripts, programs.
_NO_PDF = (b"<", b"#!", b"MZ", b"\x7fELF")
_BLANK = b"\xef\xbb\xbf \t\r\n\0\x0c"


def type_of(head: bytes) -> str | None:
    """Return the MIME type of a file by its first bytes (HEAD_BYTES of them, if it is that long); None: unknown."""
    for magic, mime_type in _MAGIC:
        if head.startswith(magic):
            return mime_type
    if head[4:8] == b"ftyp":
        return _type_of_brands(head[8:12], head[16 : int.from_bytes(head[:4])])
    if head[4:8] in _OLD_QUICKTIME:
        return "video/quicktime"
    is_other = head.lstrip(_BLANK).startswith(_NO_PDF)
    return "application/pdf" if _PDF in head[:HEAD_BYTES] and not is_other else None


def is_stored_as(found: str | None, mime_type: str) -> bool:
    """Return whether a detected type is stored as this type."""
    return found == mime_type or (found is not None and CONVERTED.get(found) == mime_type)


def _type_of_brands(major: bytes, others: bytes) -> str | None:
    """Return the type of an ISO base media file, by its brand and its compatible brands."""
    if major == b"qt  ":
        return "video/quicktime"
    if major not in _IMAGE_BRANDS:
        return "video/mp4"
    brands = {major, *(others[place : place + 4] for place in range(0, len(others), 4))}
    return "image/heic" if brands & _HEIC_BRANDS else None
