"""What is done to a fake to wash its traces off: degradations with an intent.

Simulations in plausible ranges: nobody's own tool. None of them knows a detector, so that they show
what costs a forger nothing; what knowledge of a detector adds is `forensics.benchmark.adversary`.
"""

import cv2
import numpy as np
from PIL import Image as Pillow

from forensics.augmentation import demosaiced, jpeg
from forensics.schema import Floats, Image
from forensics.traces.spectrum import LATTICE, power_spectrum, tile_size

SMALLER = (0.6, 0.9)
FIRST_QUALITY, LAST_QUALITY = (75, 91), (80, 93)
PEAK = 1.5
"""dB above its surroundings, the mean over a picture's tiles, from which a frequency is a peak."""
SURE = 3.0
"""Robust standard deviations of such heights that a peak needs elsewhere than at multiples of 1/8
of the sampling rate, where upsampling leaves them: a small picture's spectrum is uneven."""
NEIGHBOURHOOD = 9
"""Side in frequency bins of the square that a peak stands out from."""
LOWEST = 1 / 16
"""Of the sampling rate: below lies what the picture shows."""
ROUNDS = 4
"""The residual is not linear in the picture, so that what one round leaves shows in the next."""
SCREEN_SIDE = 1280
"""The longer side of what a screen shows, in px."""
DISPLAY_GAMMA = 2.2
SUBPIXEL = 3
STRIPES = np.asarray([[2.2, 0.4, 0.4], [0.4, 2.2, 0.4], [0.4, 0.4, 2.2]], np.float32)
"""How much of each colour a pixel's three columns give; each colour sums to 3."""
ROWS = np.asarray([1.1, 1.1, 0.8], np.float32)
"""How bright a pixel's three rows are: the third is partly the black gap below."""


def laundered(image: Image, rng: np.random.Generator) -> Image:
    """Shrink, compress, enlarge to the old size, compress again.

    To 0.6 to 0.9 of its size (Lanczos), JPEG 75 to 90, back (bicubic), JPEG 80 to 92, 4:2:0 both:
    no pixel is where a generator put it, and the last grid hides the first.
    """
    height, width = image.shape[:2]
    factor = rng.uniform(*SMALLER)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.LANCZOS))
    small = jpeg(small, int(rng.integers(*FIRST_QUALITY)))
    back = Pillow.fromarray(small).resize((width, height), Pillow.Resampling.BICUBIC)
    return jpeg(np.asarray(back), int(rng.integers(*LAST_QUALITY)))


def without_peaks(image: Image) -> Image:
    """Take the peaks of the noise residual's power spectrum out of a picture.

    Wherever that spectrum stands out from its surroundings, at 1/16 of the sampling rate or above,
    the picture's own spectrum is brought down by as much, in all colours, the phase kept. A picture
    without such peaks, or below 64 px, stays as it is.
    """
    size = tile_size(*image.shape[:2])
    if size is None:
        return image
    picture = image
    for _ in range(ROUNDS):
        excess = _peaks(power_spectrum(picture, size))
        if not excess.any():
            break
        picture = _quieter(picture, np.float32(10) ** (-excess / np.float32(20)))
    return picture


def _peaks(spectrum: Floats) -> Floats:
    """By how many dB each frequency of (S, S) stands out from its surroundings, 0 where it fits."""
    # Imported here: its start-up is long, and the other steps do without.
    from scipy.ndimage import median_filter

    level = median_filter(spectrum, NEIGHBOURHOOD, mode="wrap")
    side = np.arange(len(spectrum)) - len(spectrum) // 2
    outside = np.hypot(side[:, None], side) >= LOWEST * len(spectrum)
    height = spectrum - level
    spread = 1.4826 * float(np.median(np.abs(height[outside])))
    step = len(spectrum) // LATTICE
    on_lattice = np.minimum(side % step, -side % step) <= 1
    least = np.where(on_lattice[:, None] & on_lattice, PEAK, max(PEAK, SURE * spread))
    return np.where(outside & (height > least), height, 0).astype(np.float32)


def _quieter(image: Image, gain: Floats) -> Image:
    """Multiply a picture's spectrum by (S, S) gains, frequency zero in their centre."""
    height, width = image.shape[:2]
    size = len(gain)
    # One more row and column, so that the grid reaches from -1/2 to 1/2 of the sampling rate.
    periodic = np.pad(gain, ((0, 1), (0, 1)), mode="wrap")
    places = [
        (np.fft.fftfreq(height) + 1 / 2) * size,
        (np.fft.rfftfreq(width) + 1 / 2) * size,
    ]
    x, y = np.meshgrid(places[1].astype(np.float32), places[0].astype(np.float32))
    fine = cv2.remap(periodic, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    spectrum = np.fft.rfft2(image.astype(np.float32), axes=(0, 1))
    filtered = np.fft.irfft2(spectrum * fine[..., None], s=(height, width), axes=(0, 1))
    return np.clip(np.rint(filtered), 0, 255).astype(np.uint8)


def rephotographed(image: Image, rng: np.random.Generator) -> Image:
    """Show the picture on a screen and photograph the screen, at about one pixel a pixel.

    At most 1280 px on the longer side; then the screen's colour stripes, a slightly tilted view, a
    lens' blur, moire where the two grids meet, glare, white balance, exposure, photon and read
    noise, a colour filter array, and JPEG 80 to 95. The size is that of the picture shown.
    """
    shown = _fitting(image)
    light = (shown.astype(np.float32) / 255) ** DISPLAY_GAMMA
    seen = _through_a_lens(_panel(light.astype(np.float32)), shown.shape[:2], rng)
    lit = rng.uniform(0.85, 1.1) * rng.uniform(0.94, 1.06, 3) * seen + rng.uniform(0.0, 0.02)
    noise = np.sqrt(rng.uniform(2e-4, 1e-3) * np.clip(lit, 0, None) + rng.uniform(1e-6, 1e-5))
    lit = lit + noise * rng.standard_normal(lit.shape)
    mosaic = demosaiced(np.clip(lit, 0, 1).astype(np.float32))
    levels = 255 * np.clip(mosaic, 0, 1) ** (1 / DISPLAY_GAMMA)
    photograph = np.rint(levels).astype(np.uint8)
    return jpeg(photograph, int(rng.integers(80, 96)))


def _fitting(image: Image) -> Image:
    height, width = image.shape[:2]
    factor = SCREEN_SIDE / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BICUBIC))


def _panel(light: Floats) -> Floats:
    """Lay linear light (H, W, 3) out on a screen's subpixels, (3 H, 3 W, 3)."""
    height, width = light.shape[:2]
    pixel = ROWS[:, None, None] * STRIPES[None]
    wide = light.repeat(SUBPIXEL, axis=0).repeat(SUBPIXEL, axis=1)
    return np.asarray(wide * np.tile(pixel, (height, width, 1)), np.float32)


def _through_a_lens(panel: Floats, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Look at a panel from slightly aside: (H, W, 3) float32, linear light."""
    soft = cv2.GaussianBlur(panel, (0, 0), SUBPIXEL * rng.uniform(0.4, 0.7))
    height, width = panel.shape[:2]
    corners = np.asarray([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    # Up to 2 % of each side is cut away or tilted at each corner.
    inwards = np.asarray([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    cut = rng.uniform(0.0, 0.02, (4, 2)) * (width, height)
    corners = (corners + inwards * cut).astype(np.float32)
    target = np.asarray([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * (shape[1], shape[0])
    view = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    seen = cv2.warpPerspective(
        soft, view, (shape[1], shape[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(seen, np.float32).reshape(*shape, 3)
