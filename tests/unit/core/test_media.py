"""core/files/kinds/media.py: what browsers, phones and their systems call the types of files."""

import pytest

from core.files.kinds.media import ALIASES, EXTENSIONS, GENERIC, canonical, stored_as


@pytest.mark.parametrize(
    ("said", "extension", "meant"),
    [
        ("image/jpeg", "jpg", "image/jpeg"), ("image/jpg", "jpg", "image/jpeg"), ("IMAGE/JPEG", "jpg", "image/jpeg"),
        ("image/pjpeg", "jfif", "image/jpeg"), ("image/jpeg", "jfif", "image/jpeg"), ("", "jfif", "image/jpeg"),
        ("image/png; charset=binary", "png", "image/png"), (" image/png ;x=y", "png", "image/png"),
        ("image/x-png", "png", "image/png"),
        ("image/apng", "apng", "image/png"), ("application/octet-stream", "gif", "image/gif"), ("image", "png", "image/png"),
        ("image/*", "jpg", "image/jpeg"), ("application/x-zip-compressed", "zip", "application/zip"),
        ("Application/X-Zip-Compressed", "zip", "application/zip"), ("application/x-compressed", "zip", "application/zip"),
        ("application/x-compressed", "rar", "application/x-rar-compressed"),
        ("application/vnd.rar", "rar", "application/x-rar-compressed"),
        ("application/x-rar", "rar", "application/x-rar-compressed"), ("", "rar", "application/x-rar-compressed"),
        ("application/x-pdf", "pdf", "application/pdf"), ("application/force-download", "pdf", "application/pdf"),
        ("video/x-m4v", "m4v", "video/mp4"), ("application/octet-stream", "mov", "video/quicktime"),
        ("image/heif", "heic", "image/heic"), ("", "heic", "image/heic"),
    ],
)  # fmt: skip
def test_aliases_of_mime_types_are_understood(said: str, extension: str, meant: str) -> None:
    assert canonical(said, extension) == meant


@pytest.mark.parametrize(
    ("said", "extension"),
    [("text/html", "png"), ("image/svg+xml", "png"), ("image/webp", "jpg"), ("", "exe"), ("x", "")],
)
def test_a_type_that_is_said_and_not_known_is_not_made_a_known_one_by_an_extension(said: str, extension: str) -> None:
    assert canonical(said, extension) not in EXTENSIONS


def test_the_table_has_one_name_for_each_type() -> None:
    assert set(ALIASES.values()) <= set(EXTENSIONS)
    assert not set(ALIASES) & (set(EXTENSIONS) | GENERIC)
    assert all(name == name.lower() for name in (*ALIASES, *GENERIC))
    known = [extension for extensions in EXTENSIONS.values() for extension in extensions]
    assert len(known) == len(set(known))


def test_what_browsers_do_not_show_is_stored_as_what_they_do() -> None:
    assert stored_as("image/heic") == "image/jpeg"
    assert stored_as("image/png") == "image/png"
