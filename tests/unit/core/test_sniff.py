"""core/files/kinds/sniff.py: what a file is by its first bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.files.kinds.media import EXTENSIONS
from core.files.kinds.sniff import HEAD_BYTES, is_stored_as, type_of


@pytest.mark.parametrize(
    ("head", "mime_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\0", "image/jpeg"), (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"), (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04\x14\0", "application/zip"), (b"PK\x05\x06" + bytes(18), "application/zip"),
        (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"), (b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0", "video/mp4"), (b"\0\0\0\x20ftypmp42", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\x02\0", "video/quicktime"), (b"\0\0\0\x08wide\0\0", "video/quicktime"),
        (b"PK00PK\x03\x04", "application/zip"), (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"), (b"\0\0\0\x18ftypheix\0\0\0\0mif1heix", "image/heic"),
    ],
)  # fmt: skip
def test_known_files_are_told(head: bytes, mime_type: str) -> None:
    assert type_of(head[:HEAD_BYTES]) == mime_type
    assert mime_type in EXTENSIONS


@pytest.mark.parametrize(
    "head",
    [
        b"", b"<html>", b"<svg xmlns=", b"<?xml", b"#!/bin/sh", b"MZ\x90\0", b"\x7fELF", b"\0GIF89a", b"GIF88a",
        b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", b"\0\0\0\x18ftypmif1", b"\0\0\0\x18ftypavif", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0",
    ],
)  # fmt: skip
def test_all_others_are_none_of_them(head: bytes) -> None:
    assert type_of(head) is None


@pytest.mark.parametrize(
    "before",
    [
        b"", b"\xef\xbb\xbf", b"\r\n", b" ", b"\n\n\n\n", b"\0", b"\x1b%-12345X@PJL JOB NAME\r\n", b"Content-Type: x\r\n\r\n",
        b"x" * (HEAD_BYTES - 8),
    ],
)  # fmt: skip
def test_the_header_of_a_pdf_may_come_a_little_later(before: bytes) -> None:
    assert type_of(before + b"%PDF-1.7\n") == "application/pdf"


@pytest.mark.parametrize(
    "before", [b"<html>", b"\xef\xbb\xbf\r\n<svg>", b"#!/bin/sh\n", b"MZ\x90\0", b"x" * HEAD_BYTES]
)
def test_what_is_something_else_is_no_pdf_because_one_is_named_in_it(before: bytes) -> None:
    assert type_of(before + b"%PDF-1.7\n") is None
    assert type_of(b"GIF89a" + before + b"%PDF-1.7\n") == "image/gif"


def test_a_heic_is_stored_as_a_jpeg_and_everything_else_as_what_it_is() -> None:
    assert is_stored_as("image/heic", "image/jpeg")
    assert is_stored_as("image/png", "image/png")
    assert not is_stored_as("image/png", "image/jpeg")
    assert not is_stored_as(None, "image/jpeg")


@given(st.binary(max_size=64))
def test_no_bytes_break_it(head: bytes) -> None:
    assert type_of(head) in {None, *EXTENSIONS}
