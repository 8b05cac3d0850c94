"""What a file is, by its first bytes: whatever its name and its sender say."""

HEAD_BYTES = 16

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),  # one with nothing in it
    (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    (b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
)
# A QuickTime film of before 2001 begins with one of these boxes.
_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
# Images in the box that films come in, too.
_IMAGE_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"avif", b"avis")


def type_of(head: bytes) -> str | None:
    """Return the MIME type of what begins with these bytes; None: none that we know."""
    for magic, mime_type in _MAGIC:
        if head.startswith(magic):
            return mime_type
    box, brand = head[4:8], head[8:12]
    if box in _OLD_QUICKTIME or (box, brand) == (b"ftyp", b"qt  "):
        return "video/quicktime"
    return "video/mp4" if box == b"ftyp" and brand not in _IMAGE_BRANDS else None
