"""What several suites share: a verdict made of plain objects, and detectors that weigh nothing."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from forensics import examination, loading, neural, plugins
from forensics.case import Case
from forensics.detector import CropDetector, Detector
from forensics.errors import WeightsUnavailable
from forensics.schema import (
    Evidence,
    Face,
    FaceVerdict,
    Finding,
    Floats,
    Image,
    Label,
    Media,
    MediaKind,
    ModelCard,
    OperatingPoint,
    Reason,
    Verdict,
)
from forensics.verdict import Judgement

CALL = OperatingPoint("call", 0.9, 0.01, (0.005, 0.02), 0.5, (0.4, 0.6), "a made-up set")
CLEAR = OperatingPoint("clear", 0.2, 0.3, (0.25, 0.35), 0.05, (0.03, 0.08), "a made-up set")


class Brightness(CropDetector):
    """Gives each picture two crops, whose logits follow its mean grey level."""

    def class_logits(self, images: Sequence[Image]) -> list[Floats]:
        rows = [np.array([[0, 0, image.mean() / 255]], np.float32) for image in images]
        return [np.repeat(row, 2, axis=0) for row in rows]


class Plain(Detector):
    """Gives a logit a picture, and no crops."""

    def score(self, images: Sequence[Image]) -> Floats:
        return np.array([image.mean() / 255 for image in images], np.float32)


class FixedFusion:
    """Judges every picture the same way."""

    def judge(
        self,
        class_logits: Mapping[str, Sequence[Floats]],
        faces: Sequence[Face],
        image_shape: Sequence[int],
    ) -> Judgement:
        found = [FaceVerdict(face, Label.NO_TRACES_FOUND, 0.05, (0.02, 0.1)) for face in faces]
        points = (CALL, CLEAR)
        return Judgement(Label.NO_TRACES_FOUND, 0.1, (0.05, 0.2), tuple(found), (), points)


@pytest.fixture
def verdict() -> Verdict:
    """An inconclusive verdict on one face, with a map, a spectrum and a detector."""
    face = Face(np.array([8, 6, 40, 46], np.float32), np.zeros((5, 2), np.float32), 0.99)
    slope = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    logits = {"logit_mean": 0.5, "logit_max": 1.5, "crops_count": 2.0}
    return Verdict(
        media=Media(Path("photo.jpg"), MediaKind.IMAGE, "ab" * 32, 64, 48, "JPEG"),
        label=Label.INCONCLUSIVE,
        score=0.4,
        interval=(0.3, 0.6),
        faces=(FaceVerdict(face, Label.INCONCLUSIVE, 0.4, (0.3, 0.6)),),
        segments=(),
        evidence={
            "error_level": Evidence((Finding("The level is even.", heatmap=slope),), {"a_px": 1.0}),
            "spectrum_peaks": Evidence((Finding("No peaks stand out.", heatmap=slope),)),
            "spectrum": Evidence((Finding("The mean logit is 0.5.", score=0.6),), logits, 0.1),
        },
        reasons=(Reason.WEAK_EVIDENCE,),
        operating_points=(CALL, CLEAR),
        seconds=0.5,
        version="0.1.0",
    )


@pytest.fixture
def image() -> Image:
    """The picture of `verdict`: (48, 64, 3) uint8 noise."""
    return np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def picture(tmp_path: Path, image: Image) -> Path:
    """The same picture as a PNG file."""
    path = tmp_path / "photo.png"
    Pillow.fromarray(image).save(path)
    return path


@pytest.fixture
def detectors(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put others in the place of our detectors: `detectors(a="crops", b="plain", c=None)`.

    "crops" and "plain" are the classes above, which weigh nothing; any class can be given. None
    stands for a detector whose weights are missing. A fusion is there for every set.
    """

    def replace(**kinds: str | type[Detector] | None) -> None:
        def load(kind: str, name: str, options: object | None = None) -> Any:
            if kind != "detector" or name not in kinds:
                return plugins.load(kind, name, options)
            kind_or_class = kinds[name]
            if kind_or_class is None:
                raise WeightsUnavailable(f"{name}: no file; get it with: forensics weights pull")
            made = {"crops": Brightness, "plain": Plain}.get(str(kind_or_class), kind_or_class)
            assert isinstance(made, type)
            return made(ModelCard(name, "detector", name, "grey levels", "RGB", "none", Path()))

        def entries(kind: str) -> dict[str, Any]:
            return dict.fromkeys(kinds) if kind == "detector" else dict(plugins.entries(kind))

        monkeypatch.setattr(loading, "load", load)
        monkeypatch.setattr(loading, "entries", entries)
        monkeypatch.setattr(examination, "default_detectors", lambda: tuple(kinds))
        monkeypatch.setattr(loading, "load_fusion", lambda names: FixedFusion())

    return replace


@pytest.fixture
def clip() -> None:
    """Skip the test where CLIP has not been pulled."""
    try:
        neural.clip_patches(np.zeros((16, 16, 3), np.uint8))
    except WeightsUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture
def case_of(tmp_path: Path) -> Callable[[Image], Case]:
    """What saves a picture and opens it as a case."""

    def save(image: Image) -> Case:
        path = tmp_path / "picture.png"
        Pillow.fromarray(image).save(path)
        return Case(path)

    return save
