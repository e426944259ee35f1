"""However a file is damaged: pixels, or an error meant for users. Never anything else."""

import json
import random
import re
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from forensics.errors import ForensicsError, MediaTooLarge, UnreadableMedia
from forensics.media import decode, open_media

ROOT = Path(__file__).parents[2]
RUNS_PER_FILE = 25
ONE_SENTENCE = re.compile(r"(odd\.bin [^\n]+\.)?")
EXIF = Pillow.Exif()
EXIF[0x0112] = 6
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture() -> Pillow.Image:
    noise = np.random.default_rng(5).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Pillow.fromarray(noise).resize((64, 48))


def encoded(shown: Pillow.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    # A copy, because Pillow keeps the encoder's settings of one save for the next.
    save: Callable[..., object] = shown.copy().save
    if form == "HEIF":
        pillow_heif.from_pillow(shown).save(file, **options)
    else:
        save(file, form, **options)
    return file.getvalue()


def second() -> dict[str, object]:
    """Options that add a second picture."""
    return {"save_all": True, "append_images": [picture().rotate(90)]}


def healthy_files() -> dict[str, bytes]:
    whole = picture()
    return {
        "jpeg": encoded(whole, "JPEG", exif=EXIF, icc_profile=PROFILE),
        "jpeg progressive": encoded(whole, "JPEG", progressive=True),
        "jpeg inks": encoded(whole.convert("CMYK"), "JPEG"),
        "jpeg multi": encoded(whole, "MPO", **second()),
        "png": encoded(whole, "PNG", exif=EXIF, icc_profile=PROFILE),
        "png palette": encoded(whole.quantize(16), "PNG"),
        "png 16 bit": encoded(picture().convert("I;16"), "PNG"),
        "png animated": encoded(whole, "PNG", **second()),
        "webp": encoded(whole, "WEBP", exif=EXIF, icc_profile=PROFILE),
        "webp lossless": encoded(whole.convert("RGBA"), "WEBP", lossless=True),
        "webp animated": encoded(whole, "WEBP", **second()),
        "gif": encoded(whole, "GIF", **second()),
        "bmp": encoded(whole, "BMP"),
        "bmp palette": encoded(whole.quantize(16), "BMP"),
        "tiff": encoded(whole, "TIFF", exif=EXIF, icc_profile=PROFILE),
        "tiff lzw": encoded(whole, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": encoded(whole, "TIFF", compression="jpeg"),
        "tiff multi": encoded(whole, "TIFF", **second()),
        "tiff float": encoded(whole.convert("F"), "TIFF"),
        "heic": encoded(whole, "HEIF", exif=EXIF.tobytes()),
        "avif": encoded(whole, "AVIF", exif=EXIF, icc_profile=PROFILE),
    }


FILES = healthy_files()
BOMB = zlib.compress(bytes(20_000_000))


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Cut it, flip bytes (mostly in the header), or drop or double a stretch of it."""
    kind = rng.random()
    if kind < 0.2:
        return data[: rng.randrange(1, len(data))]
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(min(len(data), 400) if rng.random() < 0.6 else len(data))
        damaged[at] = rng.choice([0, 255, rng.randrange(256), damaged[at] ^ 1 << rng.randrange(8)])
    if kind > 0.9:
        at = rng.randrange(len(damaged))
        damaged[at : at + 40] = damaged[at : at + 40] * rng.choice([0, 2])
    return bytes(damaged)


@pytest.mark.parametrize("name", FILES)
def test_a_healthy_file_is_read(name: str) -> None:
    media = open_media(Path("healthy"), FILES[name])
    assert decode(media, FILES[name]).image.shape == (media.height, media.width, 3)


@pytest.mark.parametrize("name", FILES)
def test_a_mutated_file_gives_pixels_or_an_error_of_ours(name: str) -> None:
    rng = random.Random(name)
    for _ in range(RUNS_PER_FILE):
        assert ONE_SENTENCE.fullmatch(complaint(mutated(FILES[name], rng)))


def complaint(data: bytes) -> str:
    """The error that examining these bytes gives, "" where they give a picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            media = open_media(Path("odd.bin"), data)
            shape = decode(media, data).image.shape
    except ForensicsError as error:
        return str(error)
    return "" if shape == (media.height, media.width, 3) else f"decoded to {shape}"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_cut_short_never_passes_for_a_whole_one(name: str, share: float) -> None:
    if name in ("jpeg multi", "png animated", "gif", "tiff multi") and share > 0.4:
        pytest.skip("the first picture of several may lie before the cut")
    data = FILES[name][: int(len(FILES[name]) * share)]
    with pytest.raises(UnreadableMedia):
        decode(open_media(Path("cut"), data), data)


def patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (header, *chunks, b"IDAT" + zlib.compress(bytes(100_000)), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
        for part in parts
    )


def tiff_of(width: int, height: int) -> bytes:
    data = FILES["tiff lzw"]
    for tag, value in ((256, width), (257, height)):
        at = data.index(struct.pack("<HHI", tag, 3, 1))
        data = patched(data, at, struct.pack("<HHII", tag, 4, 1, value))
    return data


def lies(width: int, height: int) -> dict[str, bytes]:
    """Small files whose header promises a picture of this size."""
    jpeg, gif, webp = FILES["jpeg"], FILES["gif"], FILES["webp lossless"]
    size = struct.pack("<HH", width, height)
    bits = 1 << 28 | (min(height, 16384) - 1) << 14 | min(width, 16384) - 1
    frame = gif.index(b"\x2c\0\0\0\0\x40\0\x30\0")
    return {
        "jpeg": patched(jpeg, jpeg.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width)),
        "png": png_of(width, height),
        "png text": png_of(width, height, b"zTXtComment\0\0" + BOMB),
        "png profile": png_of(width, height, b"iCCPprofile\0\0" + BOMB),
        "gif": patched(patched(gif, frame + 5, size), 6, size),
        "bmp": patched(FILES["bmp"], 18, struct.pack("<ii", width, height)),
        "tiff": tiff_of(width, height),
        "webp": patched(webp, webp.index(b"VP8L") + 9, struct.pack("<I", bits)),
    }


@pytest.mark.parametrize("name", lies(1, 1))
@pytest.mark.parametrize("side", [12_000, 65_535])
def test_a_lying_header_is_refused(name: str, side: int) -> None:
    data = lies(side, side)[name]
    with pytest.raises((UnreadableMedia, MediaTooLarge)):
        decode(open_media(Path("lie"), data), data)


PROBE = """
import json, pathlib, re, sys
from forensics.errors import ForensicsError
from forensics.media import decode, open_media
status = pathlib.Path("/proc/self/status")
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1])
before, refused = peak(), 0
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        data = path.read_bytes()
        decode(open_media(path, data), data)
    except ForensicsError:
        refused += 1
print(json.dumps([refused, (peak() - before) / 1024]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("webp", "most"),
    [
        (False, 40),
        # One colour of any size takes WebP some 30 bytes, so no bound on bytes can tell a lie
        # before its decoder has gone through all pixels: 12,000 x 12,000 x 4 bytes, 549 MiB.
        (True, 600),
    ],
)
def test_lying_headers_allocate_next_to_nothing(tmp_path: Path, webp: bool, most: float) -> None:
    files = {key: data for key, data in lies(12_000, 12_000).items() if (key == "webp") == webp}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", PROBE, str(tmp_path)]
    refused, mebibytes = json.loads(subprocess.check_output(command, text=True, cwd=ROOT))
    assert refused == len(files)
    assert mebibytes < most
