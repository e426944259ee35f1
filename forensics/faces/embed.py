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

from forensics.errors import BrokenPlugin, UnknownPlugin
from forensics.faces.align import aligned_crop
from forensics.plugins import backbones, read_card
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
    """dlib's ResNet-128 (King 2017) on onnxruntime; chip and mirrored chip are added."""

    def embed(self, image: Image, faces: Sequence[Face]) -> Floats:
        """As `Matcher.embed`; D is 128."""
        if not faces:
            return np.zeros((0, 128), np.float32)
        network = _session(verified_path(self.card, file_named(self.card, ".onnx")))
        rows = [_both_sides(network, chip) for chip in dlib_chips(image, faces)]
        return unit_rows(np.stack(rows))


def dlib_chips(image: Image, faces: Sequence[Face]) -> list[Image]:
    """Cut faces as dlib does: each (150, 150, 3) uint8 RGB."""
    return [
        aligned_crop(image, face, DLIB_SIDE, template=DLIB_TEMPLATE, counts=DLIB_COUNTS)
        for face in faces
    ]


def unit_rows(vectors: Floats) -> Floats:
    """Scale (N, D) rows to length 1."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


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
