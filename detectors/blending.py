"""A CNN that learned from self-blended faces alone (Shiohara and Yamasaki 2022), re-implemented.

K. Shiohara and T. Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022. Its fakes
are made from real faces by the generator `self_blended`, which the training command hands over; no
fake of the training data is looked at.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from forensics.augmentation import Chain, augment
from forensics.detector import CLASSES, CropDetector, Trainable
from forensics.errors import InvalidOption
from forensics.faces.align import face_crop
from forensics.faces.detect import find_faces
from forensics.network_training import Learning, NetworkRecipe, imagenet_network, train_network
from forensics.neural import run_each
from forensics.schema import Face, Floats, Image, Step
from forensics.training import Sample, TrainingData
from forensics.weights import file_named, verified_path

MAKER = "self_blended"
SIDE, ROOM = 160, 16
"""Side of what the network sees, in px, and by how much a face is cut wider in training."""
MARGIN = 0.2
LEAST = 48
"""Shorter side in px of the smallest face that is blended."""
HALF = np.full(3, 0.5, np.float32)
UNRESIZED = Chain(resizing=0.0, camera=0.0, noising=0.0)


@dataclass(frozen=True)
class BlendingOptions:
    """`faces`: how many of a picture's faces are looked at, largest first."""

    faces: int = 4


@dataclass(frozen=True)
class BlendingRecipe(NetworkRecipe):
    """As `NetworkRecipe`; `chain` degrades a face and its fake alike."""

    side: int = SIDE
    chain: Chain = UNRESIZED


class Blending(CropDetector, Trainable):
    """EfficientNet-Lite0 on faces brought to one size; of a faceless picture, on its middle."""

    Options = BlendingOptions
    Recipe = BlendingRecipe

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        """Return for each image (k, 3) float32 class logits of its faces."""
        path = verified_path(self.card, file_named(self.card, ".onnx"))
        count = self.options.faces
        return [run_each(path, face_views(image, count), HALF, HALF) for image in images]

    def train(self, data: TrainingData, recipe: BlendingRecipe, seed: int) -> Iterator[Step]:
        """Fine-tune on real faces and their self-blended twins; goes on from its checkpoint.

        Raises:
            InvalidOption: the maker `self_blended` was not handed over, or no real face was found.
        """
        if MAKER not in data.makers:
            raise InvalidOption(
                f"blending learns from {MAKER} faces: train with --with-zoo {MAKER}"
            )
        faces = _Faces(data)
        yield from faces.find()
        if not faces.known:
            raise InvalidOption("no real picture of the training data shows a face to blend")

        def batch(step: int) -> Learning:
            return faces.batch(recipe, np.random.default_rng([seed, step]))

        network = imagenet_network(seed)
        yield from train_network(network, recipe, batch, data.folder / self.card.name, seed)


def face_views(image: Image, count: int) -> list[Image]:
    """A picture's largest faces, or its middle square where it has none: (160, 160, 3) uint8."""
    found = sorted(find_faces(image, turns=False), key=lambda face: -face.size)[:count]
    crops = [face_crop(image, face, margin=MARGIN) for face in found] or [_middle(image)]
    inner = slice(ROOM // 2, ROOM // 2 + SIDE)
    return [np.ascontiguousarray(_sized(crop)[inner, inner]) for crop in crops]


def _middle(image: Image) -> Image:
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def _sized(crop: Image) -> Image:
    wanted = SIDE + ROOM
    shrinks = crop.shape[0] > wanted
    kernel = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (wanted, wanted), interpolation=kernel), np.uint8)


class _Faces:
    """The largest face of each real picture, found once a run and kept in its folder."""

    def __init__(self, data: TrainingData) -> None:
        self.data, self.path = data, data.folder / "faces.json"
        self.reals = [sample for sample in data.samples if not sample.fake]
        self.known: list[tuple[Sample, Face]] = []

    def find(self) -> Iterator[Step]:
        """Find what is not known yet, reporting every 50 pictures."""
        stored = _stored(self.path)
        for number, sample in enumerate(self.reals, 1):
            if sample.path not in stored:
                stored[sample.path] = self._box(sample)
            if number % 50 == 0 or number == len(self.reals):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.write_text(json.dumps(stored), encoding="utf-8")
                yield Step(number, len(self.reals), {})
        self.known = [(s, _face(stored[s.path])) for s in self.reals if stored[s.path]]

    def _box(self, sample: Sample) -> list[float]:
        """The box of the largest face that the maker changes, else nothing."""
        image = self.data.read(sample)
        found = sorted(find_faces(image, turns=False), key=lambda face: -face.size)
        if not found or found[0].size < LEAST:
            return []
        fake = self.data.makers[MAKER](sample)
        crops = [face_crop(shown, found[0], margin=MARGIN) for shown in (image, fake)]
        return [float(edge) for edge in found[0].box] if (crops[0] != crops[1]).any() else []

    def batch(self, recipe: BlendingRecipe, rng: np.random.Generator) -> Learning:
        """Half real faces, half the same ones self-blended, each pair degraded alike."""
        crops, kinds = [], []
        for number in rng.integers(len(self.known), size=recipe.batch // 2).tolist():
            sample, face = self.known[number]
            seed = int(rng.integers(2**32))
            for kind, shown in enumerate((self.data.read, self.data.makers[MAKER])):
                view = _sized(face_crop(shown(sample), face, margin=MARGIN))
                crops.append(augment(view, recipe.side, seed, recipe.chain))
                kinds.append(kind * CLASSES.index("manipulated"))
        return Learning(np.stack(crops), np.asarray(kinds))


def _stored(path: Path) -> dict[str, list[float]]:
    if not path.exists():
        return {}
    known: dict[str, list[float]] = json.loads(path.read_text(encoding="utf-8"))
    return known


def _face(box: list[float]) -> Face:
    return Face(np.asarray(box, np.float32), np.zeros((5, 2), np.float32), 1.0)
