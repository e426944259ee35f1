"""The fingerprints of cameras that a user has enrolled, in a folder that only its owner may read.

A fingerprint can tie a person to a camera, and a camera to pictures: it stays on this machine.
"""

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from forensics.case import Case
from forensics.errors import CameraUnusable, ForensicsError
from forensics.pixels import turn
from forensics.schema import Floats, Image
from forensics.traces.jpeg_file import read_jpeg
from forensics.traces.sensor import FingerprintSum

SUFFIX = ".safetensors"
LEAST_PICTURES = 8
LEAST_SIDE = 128
MOST_BYTES = 600_000_000
OWNER_FOLDER, OWNER_FILE = 0o700, 0o600
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")
_UNDONE = {6: 8, 8: 6}
"""The orientation that takes a turn back; the other ones take themselves back."""


@dataclass(frozen=True)
class Camera:
    """What is known of an enrolled camera. Sizes are px of the sensor's picture as stored.

    `tables`: digests of the quantisation tables of its JPEG files, joined by spaces.
    """

    name: str
    pictures: int
    height: int
    width: int
    model: str
    enrolled: str
    tables: str = ""


@dataclass(frozen=True)
class Passed:
    """A picture that was looked at while enrolling; `reason` says why it was left out, or ""."""

    path: Path
    reason: str


def cameras_folder() -> Path:
    """Where fingerprints lie: `$FORENSICS_CAMERAS`, else the platform's place for user data."""
    chosen = os.environ.get("FORENSICS_CAMERAS")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "deepfake-forensics" / "cameras"


def as_stored(case: Case) -> Image:
    """The pixels as the sensor wrote them, without the turn that EXIF asks for."""
    orientation = case.media.orientation
    return turn(case.image, _UNDONE.get(orientation, orientation))


def enrol(name: str, paths: Iterable[Path], model: str = "") -> Iterator[Passed]:
    """Build a camera's fingerprint from its photographs and keep it, yielding one line a picture.

    Pictures of another size than the first readable one are left out: cropped and resized ones
    would blur the fingerprint. One of this name is replaced.

    Raises:
        CameraUnusable: the name will not do, or fewer than 8 pictures fit.
    """
    path = _path(name)
    gathered: FingerprintSum | None = None
    size, tables = (0, 0), set[str]()
    for picture in paths:
        try:
            case = Case(picture)
            image = as_stored(case)
        except ForensicsError as error:
            yield Passed(picture, str(error))
            continue
        gathered, size = (gathered, size) if gathered else _begun(image)
        reason = _misfit(image, size)
        if not reason:
            gathered.add(image)
            tables |= {tables_of(case)} - {""}
        yield Passed(picture, reason)
    count = gathered.count if gathered else 0
    if gathered is None or count < LEAST_PICTURES:
        raise CameraUnusable(
            f"{count} pictures of one size are too few for a fingerprint: give {LEAST_PICTURES} "
            f"or more, best 30 and out of focus or of the sky, straight from the camera"
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    camera = Camera(name, count, *size, model, now, " ".join(sorted(tables)))
    _write(path, camera, gathered.fingerprint())


def tables_of(case: Case) -> str:
    """A digest of the file's quantisation tables, "" where it is no JPEG."""
    if case.media.format != "JPEG":
        return ""
    tables = sorted(read_jpeg(case.data).tables.items())
    held = b"".join(bytes([number]) + table.astype("<u2").tobytes() for number, table in tables)
    return hashlib.sha256(held).hexdigest()[:16]


def load_camera(name: str) -> tuple[Camera, Floats]:
    """Read a camera and its fingerprint, (H, W) float32.

    Raises:
        CameraUnusable: no camera has this name, or its file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = _path(name)
    if not path.is_file():
        known = ", ".join(camera.name for camera in known_cameras()) or "none yet"
        raise CameraUnusable(
            f"no camera is called {name!r}; there are: {known}; "
            f"`forensics camera enrol DIR --name NAME` adds one"
        )
    if path.stat().st_size > MOST_BYTES:
        raise CameraUnusable(f"{path} has over {MOST_BYTES // 10**6} MB; enrol the camera again")
    try:
        with safe_open(path, framework="numpy") as file:
            camera = _camera(file.metadata() or {})
            values = file.get_tensor("fingerprint").astype(np.float32)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CameraUnusable(f"{path} is damaged ({error}); enrol the camera again") from error
    if values.shape != (camera.height, camera.width) or not np.isfinite(values).all():
        raise CameraUnusable(f"{path} contradicts itself; enrol the camera again")
    return camera, values


def known_cameras() -> list[Camera]:
    """All enrolled cameras whose file can be read, by name."""
    from safetensors import SafetensorError, safe_open

    found = []
    for path in sorted(cameras_folder().glob(f"*{SUFFIX}")):
        try:
            with safe_open(path, framework="numpy") as file:
                found.append(_camera(file.metadata() or {}))
        except (OSError, SafetensorError, KeyError, ValueError, TypeError):
            continue
    return found


def remove_camera(name: str) -> None:
    """Delete a camera's fingerprint.

    Raises:
        CameraUnusable: no camera has this name.
    """
    path = _path(name)
    if not path.is_file():
        raise CameraUnusable(f"no camera is called {name!r}; `forensics camera list` shows all")
    path.unlink()


def _begun(image: Image) -> tuple[FingerprintSum, tuple[int, int]]:
    height, width = image.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise CameraUnusable(
            f"pictures of {width} x {height} px are too small; give the camera's own files"
        )
    return FingerprintSum(height, width), (height, width)


def _misfit(image: Image, size: tuple[int, int]) -> str:
    if image.shape[:2] == size:
        return ""
    return f"has {image.shape[1]} x {image.shape[0]} px, the first picture {size[1]} x {size[0]} px"


def _path(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise CameraUnusable(
            f"{name!r} is no name for a camera: letters, digits, spaces, dots, dashes, 63 at most"
        )
    return cameras_folder() / f"{name}{SUFFIX}"


def _camera(facts: dict[str, str]) -> Camera:
    sizes = {key: int(facts[key]) for key in ("pictures", "height", "width")}
    texts = {key: facts[key] for key in ("name", "model", "enrolled")}
    # Cameras enrolled before tables were kept have none.
    return Camera(**texts, **sizes, tables=facts.get("tables", ""))  # type: ignore[arg-type]


def _write(path: Path, camera: Camera, fingerprint: Floats) -> None:
    """Write beside the target first, for the owner only; half precision carries the noise."""
    from safetensors.numpy import save

    scaled = fingerprint / max(float(fingerprint.std()), 1e-12)
    metadata = {key: str(value) for key, value in asdict(camera).items()}
    data = save({"fingerprint": scaled.astype(np.float16)}, metadata)
    try:
        path.parent.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)
        path.parent.chmod(OWNER_FOLDER)
        # mkstemp makes files for their owner only.
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".camera-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(partial).chmod(OWNER_FILE)
        Path(partial).replace(path)
    except OSError as error:
        raise CameraUnusable(f"{path} cannot be written: {error}") from error
