"""What happens to pictures on their way: degradations written as text, composed into chains.

`jpeg:75` is one step; `resize:0.5+jpeg:75` a chain, done from left to right; `jpeg:75,50` stands
for two chains. The empty chain changes nothing. What a step draws at random depends on the picture
and the chain alone, never on the label.

| step | what is done |
|---|---|
| `jpeg:Q`, `webp:Q` | compressed once at quality Q, chroma at half resolution |
| `resize:F` | both sides times F, bicubic |
| `blur:S` | Gaussian blur of S px |
| `noise:S` | Gaussian noise of S levels of 255, each channel on its own |
| `crop[:F]` | a random part with F of each side (default 0.8), which shifts every 8-px grid |
| `screenshot` | shown at 0.6 to 1.4 of its size (bilinear), up to 8 px cut from each edge |
| `social` | sent through a social network twice: see `social` |
| `launder` | shrunk, compressed, enlarged again, compressed again: `laundering.laundered` |
| `depeak` | peaks of the residual's power spectrum taken out: `laundering.without_peaks` |
| `rephotograph` | a screen that shows it is photographed: `laundering.rephotographed` |
"""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image as Pillow

from forensics.augmentation import jpeg, webp
from forensics.benchmark.laundering import laundered, rephotographed, without_peaks
from forensics.errors import InvalidOption
from forensics.schema import Image

SOCIAL_SIDE = 1080
SOCIAL_QUALITY = (71, 86)
MOST_STEPS, MOST_CHAINS = 8, 64
LARGEST_SIDE = 16_000
"""Enlarging stops here, in px, so that no chain can fill the memory."""


@dataclass(frozen=True)
class Step:
    """One step: its name and its amount, None where the step has none."""

    name: str
    amount: float | None

    def __str__(self) -> str:
        """As it is written on the command line: "jpeg:75"."""
        return self.name if self.amount is None else f"{self.name}:{self.amount:g}"


@dataclass(frozen=True)
class Chain:
    """Steps, done in order; the empty chain changes nothing."""

    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        """As it is written on the command line: "resize:0.5+jpeg:75"; "none" where it is empty."""
        return "+".join(map(str, self.steps)) or "none"

    def apply(self, image: Image, seed: int) -> Image:
        """Return the degraded picture, (H', W', 3) uint8 RGB.

        Args:
            image: (H, W, 3) uint8 RGB, from 1 px up.
            seed: of the picture; with the chain's text it decides all that is drawn.
        """
        digest = hashlib.sha256(f"{seed} {self}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        for step in self.steps:
            image = np.ascontiguousarray(STEPS[step.name].act(image, step.amount or 0.0, rng))
        return image


def chains_of(spec: str) -> list[Chain]:
    """Read a specification: "jpeg:75,50" gives two chains, "resize:0.5+jpeg:75" one.

    Raises:
        InvalidOption: an unknown step, an amount out of its range, or too many of them.
    """
    if spec.strip() == "none":
        return [Chain()]
    parts = [_alternatives(part.strip()) for part in spec.split("+")]
    if len(parts) > MOST_STEPS or np.prod([len(part) for part in parts]) > MOST_CHAINS:
        raise InvalidOption(
            f"{spec[:60]!r} has more than {MOST_STEPS} steps or gives more than {MOST_CHAINS} "
            "chains; write fewer"
        )
    return [Chain(steps) for steps in itertools.product(*parts)]


def _alternatives(text: str) -> list[Step]:
    name, colon, amounts = text.partition(":")
    if name not in STEPS:
        raise InvalidOption(f"no degradation is called {name!r}; there are {', '.join(STEPS)}")
    kind = STEPS[name]
    if not colon:
        if kind.low is not None and kind.default is None:
            raise InvalidOption(f"{name} needs an amount, as in {name}:{kind.example}")
        return [Step(name, kind.default)]
    return [Step(name, kind.checked(name, amount)) for amount in amounts.split(",")]


@dataclass(frozen=True)
class _Kind:
    """How a step acts, and the range of its amount; `low` None where it takes none."""

    act: Callable[[Image, float, np.random.Generator], Image]
    low: float | None = None
    high: float = 0.0
    default: float | None = None
    example: str = ""

    def checked(self, name: str, text: str) -> float:
        try:
            amount = float(text)
        except ValueError as error:
            raise InvalidOption(f"{name}:{text} needs a number, as {name}:75 has") from error
        if self.low is None:
            raise InvalidOption(f"{name} takes no amount, got {text!r}")
        if not self.low <= amount <= self.high:
            raise InvalidOption(f"{name}:{text} is out of range; {self.low:g} to {self.high:g}")
        return amount


def resized(image: Image, factor: float, kernel: Pillow.Resampling) -> Image:
    """Return the picture with both sides times `factor`, rounded down, at least 1 px."""
    height, width = image.shape[:2]
    factor = min(factor, LARGEST_SIDE / max(height, width))
    size = (max(1, int(width * factor)), max(1, int(height * factor)))
    return np.asarray(Pillow.fromarray(image).resize(size, kernel))


def blurred(image: Image, sigma: float) -> Image:
    """Return the picture after a Gaussian blur of `sigma` px."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8).reshape(image.shape)


def noisy(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    """Return the picture with Gaussian noise of `sigma` levels, independent in each channel."""
    noise = sigma * rng.standard_normal(image.shape, np.float32)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def cropped(image: Image, share: float, rng: np.random.Generator) -> Image:
    """Return a random part that has `share` of each side, at least 1 px."""
    sizes = [max(1, round(share * side)) for side in image.shape[:2]]
    top, left = (
        int(rng.integers(side - size + 1))
        for side, size in zip(image.shape[:2], sizes, strict=True)
    )
    return image[top : top + sizes[0], left : left + sizes[1]]


def screenshot(image: Image, rng: np.random.Generator) -> Image:
    """Show the picture at another size, and cut it out a few pixels too small."""
    shown = resized(image, rng.uniform(0.6, 1.4), Pillow.Resampling.BILINEAR)
    return _trimmed(shown, rng)


def social(image: Image, rng: np.random.Generator) -> Image:
    """Share a picture, and share it again.

    Each time: at most 1080 px on the longer side (Lanczos), then JPEG 4:2:0 of a quality of 71 to
    85 drawn for this picture; between the two, up to 8 px are cut from each edge, so that the two
    8-px grids differ. A simulation in the ranges that were measured on such services (Moltisanti
    et al., "Image manipulation on Facebook for forensics evidence", 2015); no service's own chain.
    """
    return _shared(_trimmed(_shared(image, rng), rng), rng)


def _shared(image: Image, rng: np.random.Generator) -> Image:
    factor = SOCIAL_SIDE / max(image.shape[:2])
    if factor < 1:
        image = resized(image, factor, Pillow.Resampling.LANCZOS)
    return jpeg(np.ascontiguousarray(image), int(rng.integers(*SOCIAL_QUALITY)))


def _trimmed(image: Image, rng: np.random.Generator) -> Image:
    """Cut 0 to 8 px from each edge, never more than an eighth of the side."""
    room = [min(8, side // 8) for side in image.shape[:2]]
    top, bottom, left, right = (int(rng.integers(room[edge // 2] + 1)) for edge in range(4))
    return image[top : image.shape[0] - bottom, left : image.shape[1] - right]


STEPS: dict[str, _Kind] = {
    "jpeg": _Kind(lambda image, amount, _: jpeg(image, int(amount)), 1, 100, example="75"),
    "webp": _Kind(lambda image, amount, _: webp(image, int(amount)), 1, 100, example="80"),
    "resize": _Kind(
        lambda image, amount, _: resized(image, amount, Pillow.Resampling.BICUBIC),
        0.05,
        4.0,
        example="0.5",
    ),
    "blur": _Kind(lambda image, amount, _: blurred(image, amount), 0.1, 20.0, example="1.0"),
    "noise": _Kind(noisy, 0.1, 100.0, example="5"),
    "crop": _Kind(cropped, 0.1, 1.0, 0.8),
    "screenshot": _Kind(lambda image, _, rng: screenshot(image, rng)),
    "social": _Kind(lambda image, _, rng: social(image, rng)),
    "launder": _Kind(lambda image, _, rng: laundered(image, rng)),
    "depeak": _Kind(lambda image, _, __: without_peaks(image)),
    "rephotograph": _Kind(lambda image, _, rng: rephotographed(image, rng)),
}


def every_chain(specs: Sequence[str]) -> list[Chain]:
    """All chains of several specifications, each once, in order."""
    return list(dict.fromkeys(chain for spec in specs for chain in chains_of(spec)))
