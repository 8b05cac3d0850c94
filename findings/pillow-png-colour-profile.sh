#!/bin/sh
# Pillow refuses a PNG for the size of its colour profile, and opens a JPEG and a WebP with the same one.
#
# Guess: MAX_TEXT_CHUNK bounds texts (tEXt, zTXt, iTXt); a colour profile is none, so a PNG opens with any that other formats open with.
# Found: it bounds the decompressed iCCP chunk as well. Above 1 MiB, as profiles of printers and of calibrated screens are, `Image.open`
# raises ValueError, although PNG (third edition, 11.3.2.3) sets no limit; the file is not even identified.
#
# Pillow 13.0.0, Python 3.11. Output seen:
#   PNG: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK
#   JPEG: 1200588 bytes of profile
#   WEBP: 1200588 bytes of profile
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
cat > "$folder/open.py" <<'PYTHON'
import io

from PIL import Image, ImageCms

profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# The tags lie at offsets that the profile names; the size in its first four bytes covers what follows them.
profile = (len(profile) + 1_200_000).to_bytes(4, "big") + profile[4:] + bytes(1_200_000)
for kind in ("PNG", "JPEG", "WEBP"):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(file, kind, icc_profile=profile)
    try:
        with Image.open(file) as image:
            print(f"{kind}: {len(image.info['icc_profile'])} bytes of profile")
    except ValueError as error:
        print(f"{kind}: {error}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/open.py")
echo "$seen"
expected='PNG: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK
JPEG: 1200588 bytes of profile
WEBP: 1200588 bytes of profile'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
