"""The luminance of a JPEG as it is stored: before colours, profile and turn have rounded it."""

import warnings
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow


def stored_luminance(data: bytes) -> NDArray[np.uint8] | None:
    """Decode the luminance of a JPEG: (H, W) uint8, not turned by EXIF.

    None where the file stores none (CMYK), or is no JPEG that decodes; whoever reads the pixels
    meets the error there.

    Args:
        data: the whole file, which `forensics.media` has opened before: its size is plausible.
    """
    try:
        with warnings.catch_warnings():
            # Of a picture above 89 megapixels; the limit is that of `forensics.media`.
            warnings.simplefilter("ignore")
            with Pillow.open(BytesIO(data), formats=["JPEG"]) as picture:
                picture.draft("L", picture.size)
                return np.asarray(picture) if picture.mode == "L" else None
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError, LookupError, TypeError):
        return None
