"""Turns faces into unit vectors: the cosine of two says how alike they look to a matcher.

A matcher is a class with a card. The default ships; others come through the entry-point group
`forensics.matchers` (name -> "module:Class", the card NAME.toml beside the module), for instance a
user's own ArcFace network.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from forensics.errors import BrokenPlugin, GalleryUnusable, UnknownPlugin
from forensics.faces.align import Matrix, aligned_crop
from forensics.faces.vectors import unit_rows
from forensics.plugins import backbones, fingerprint, read_card
from forensics.schema import Face, Floats, Image, ModelCard
from forensics.weights import file_named, verified_path

DEFAULT = "dlib_resnet"
ENTRY_POINTS = "forensics.matchers"
BUILT_IN = {
    "dlib_resnet": "forensics.faces.embed:DlibResnet",
    "facenet_vggface2": "forensics.faces.facenet:FacenetVggface2",
}
DLIB_SIDE = 150
"""Side in px of the chips that dlib's network takes."""
DLIB_TEMPLATE = (
    np.asarray(
        [[47.3, 45.4], [101.8, 45.4], [74.5, 78.1], [47.8, 102.3], [100.0, 102.3]], np.float64
    )
    / DLIB_SIDE
)
"""Where MTCNN's points lie in the chips that dlib cuts: medians over 143 photographs."""
DLIB_COUNTS = (4, 4, 1, 1, 1)
"""dlib aligns by four corners of eyes and the base of the nose. On 72 photographs this weighting
brought our vectors nearest to dlib's own (mean cosine .9953, all points alike .9943)."""
ENLARGED = 1.08
"""A second chip shows the face so much larger: two looks tell people apart better than one."""


class Matcher(ABC):
    """Embeds faces. Vectors of different matchers, or of another version, never compare."""

    def __init__(self, card: ModelCard) -> None:
        """Keep the card; weights are opened at first use."""
        self.card = card

    @abstractmethod
    def embed(self, image: Image, faces: Sequence[Face]) -> Floats:
        """Return (N, D) float32, one row of length 1 for each face of `image`.

        Args:
            image: (H, W, 3) uint8 RGB.
            faces: N faces of it.

        Raises:
            WeightsUnavailable, WeightsCorrupt: the matcher's file.
        """


class DlibResnet(Matcher):
    """dlib's ResNet-128 (King 2017) on onnxruntime; two chips and both mirrored are added."""

    def embed(self, image: Image, faces: Sequence[Face]) -> Floats:
        """As `Matcher.embed`; D is 128."""
        if not faces:
            return np.zeros((0, 128), np.float32)
        network = _session(verified_path(self.card, file_named(self.card, ".onnx")))
        looks = [dlib_chips(image, faces, scale) for scale in (1.0, ENLARGED)]
        rows = [
            sum(_both_sides(network, chip) for chip in chips) for chips in zip(*looks, strict=True)
        ]
        return unit_rows(np.stack(rows))


def dlib_chips(image: Image, faces: Sequence[Face], scale: float = 1.0) -> list[Image]:
    """Cut faces as dlib does, or `scale` times as large: each (150, 150, 3) uint8 RGB."""
    template: Matrix = 0.5 + scale * (DLIB_TEMPLATE - 0.5)
    return [
        aligned_crop(image, face, DLIB_SIDE, template=template, counts=DLIB_COUNTS)
        for face in faces
    ]


def matcher_key(matcher: Matcher) -> str:
    """What a gallery remembers of its matcher: name and fingerprint."""
    return f"{matcher.card.name} {fingerprint(matcher.card)}"


def matcher_of(key: str) -> Matcher:
    """The matcher that a gallery remembers.

    Raises:
        GalleryUnusable: it is not installed, or has other weights by now.
    """
    name = key.rpartition(" ")[0]
    try:
        matcher = load_matcher(name)
    except UnknownPlugin as error:
        raise GalleryUnusable(f"the gallery was made with another matcher: {error}") from error
    if matcher_key(matcher) != key:
        raise GalleryUnusable(
            f"the gallery holds vectors of the matcher {key}, not of {matcher_key(matcher)}; "
            "vectors of two matchers do not compare: make a new gallery from the pictures"
        )
    return matcher


def matcher_names() -> list[str]:
    """The built-in matchers and those of other distributions, by name."""
    return [*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))]


@cache
def load_matcher(name: str = DEFAULT) -> Matcher:
    """Build a matcher with its card.

    Raises:
        UnknownPlugin: no matcher has this name.
        BrokenPlugin: its module lacks the class or the card.
    """
    if name in BUILT_IN:
        module, class_name = BUILT_IN[name].split(":")
        built_in: Matcher = getattr(import_module(module), class_name)(backbones()[name])
        return built_in
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == name:
            return _foreign(point)
    raise UnknownPlugin(f"no matcher is called {name!r}; there are {', '.join(matcher_names())}")


def _foreign(point: EntryPoint) -> Matcher:
    spec = find_spec(point.module)
    if spec is None or spec.origin is None:
        raise BrokenPlugin(f"the matcher {point.name!r} names no module: {point.value}")
    card = read_card(Path(spec.origin).with_name(f"{point.name}.toml"))
    made = point.load()(card)
    if not isinstance(made, Matcher):
        raise BrokenPlugin(f"{point.value} must be a class derived from Matcher")
    return made


def _both_sides(network: Any, chip: Image) -> Floats:
    # One chip a run: the vector must not depend on its neighbours.
    pair = (chip[None], np.ascontiguousarray(chip[None, :, ::-1]))
    rows = [network.run(None, {"chips": side})[0][0] for side in pair]
    return np.asarray(rows[0] + rows[1], dtype=np.float32)


@cache
def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Threads that spin while they wait take the processor from whatever else runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
