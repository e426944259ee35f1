"""What the JPEG analyses share: the file's structure, and maps turned as the picture is."""

import warnings
from io import BytesIO
from weakref import WeakKeyDictionary

import numpy as np
from PIL import ExifTags
from PIL import Image as Pillow

from forensics.case import Case
from forensics.pixels import SIDEWAYS
from forensics.schema import Map
from forensics.traces.jpeg_file import JpegFile, read_jpeg

_read: "WeakKeyDictionary[Case, JpegFile]" = WeakKeyDictionary()


def jpeg_of(case: Case) -> JpegFile | None:
    """The structure of the case's file, read once; None where it is no JPEG."""
    if case.media.format != "JPEG":
        return None
    if case not in _read:
        _read[case] = read_jpeg(case.data)
    return _read[case]


def upright(case: Case, heatmap: Map) -> Map:
    """Turn a map of the stored picture as EXIF turns the picture."""
    orientation = _orientation(case.data)
    turned = heatmap.T if orientation in SIDEWAYS else heatmap
    turned = turned[:, ::-1] if orientation in (2, 3, 6, 7) else turned
    turned = turned[::-1] if orientation in (3, 4, 7, 8) else turned
    return np.ascontiguousarray(turned)


def _orientation(data: bytes) -> int:
    try:
        with warnings.catch_warnings():
            # Of a large picture, and of EXIF fields that are skipped.
            warnings.simplefilter("ignore")
            with Pillow.open(BytesIO(data), formats=["JPEG"]) as picture:
                return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    # Damaged EXIF: the picture is then shown as it is stored.
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError, LookupError, TypeError):
        return 1
