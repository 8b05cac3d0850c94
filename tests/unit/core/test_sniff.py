"""core/files/sniff.py: what a file is by its first bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.files.purposes import EXTENSIONS
from core.files.sniff import HEAD_BYTES, type_of


@pytest.mark.parametrize(
    ("head", "mime_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\0", "image/jpeg"), (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"), (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04\x14\0", "application/zip"), (b"PK\x05\x06" + bytes(18), "application/zip"),
        (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"), (b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0", "video/mp4"), (b"\0\0\0\x20ftypmp42", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\x02\0", "video/quicktime"), (b"\0\0\0\x08wide\0\0", "video/quicktime"),
    ],
)  # fmt: skip
def test_known_files_are_told(head: bytes, mime_type: str) -> None:
    assert type_of(head[:HEAD_BYTES]) == mime_type
    assert mime_type in EXTENSIONS


@pytest.mark.parametrize(
    "head",
    [
        b"", b"<html>", b"<svg xmlns=", b"<?xml", b"#!/bin/sh", b"MZ\x90\0", b"\x7fELF", b" %PDF-1.7", b"\0GIF89a", b"GIF88a",
        b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0",
    ],
)  # fmt: skip
def test_all_others_are_none_of_them(head: bytes) -> None:
    assert type_of(head) is None


@given(st.binary(max_size=64))
def test_no_bytes_break_it(head: bytes) -> None:
    assert type_of(head) in {None, *EXTENSIONS}
