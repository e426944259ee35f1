"""The second matcher's code on weights made here: the real file could not be fetched."""

import shutil
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from PIL import Image as Pillow

from forensics.errors import WeightsCorrupt
from forensics.faces.detect import find_faces
from forensics.faces.facenet import MARGIN, SIDE, FacenetVggface2
from forensics.plugins import backbones
from forensics.schema import Face, Image, WeightFile
from forensics.weights import file_sha256


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the published one's structure, classifier included, with random numbers."""
    torch.manual_seed(0)
    tensors = InceptionResnetV1(pretrained=None, classify=False).state_dict()
    tensors["logits.weight"], tensors["logits.bias"] = torch.zeros(8, 512), torch.zeros(8)
    path = tmp_path_factory.mktemp("weights") / "made.pt"
    torch.save(tensors, path)
    return path


@pytest.fixture
def matcher(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FacenetVggface2:
    monkeypatch.setenv("FORENSICS_CACHE", str(tmp_path))
    folder = tmp_path / "facenet_vggface2"
    folder.mkdir()
    shutil.copy(made, folder / "made.pt")
    file = WeightFile("made.pt", file_sha256(made))
    return FacenetVggface2(replace(backbones()["facenet_vggface2"], weights=(file,)))


@pytest.fixture(scope="module")
def portrait() -> Image:
    path = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.asarray(Pillow.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def face(portrait: Image) -> Face:
    return find_faces(portrait)[0]


def test_vectors_have_length_1_and_do_not_depend_on_neighbours(
    matcher: FacenetVggface2, portrait: Image, face: Face
) -> None:
    other = Face(face.box + 20, face.landmarks, 1.0)
    pair = matcher.embed(portrait, [other, face])
    assert pair.shape == (2, 512)
    assert np.linalg.norm(pair, axis=1) == pytest.approx([1, 1])
    assert np.array_equal(pair[1:], matcher.embed(portrait, [face]))
    assert matcher.embed(portrait, []).shape == (0, 512)


def test_vectors_are_those_of_the_original_code(
    matcher: FacenetVggface2, made: Path, portrait: Image
) -> None:
    square = Face(np.array([100, 50, 260, 210], np.float32), np.zeros((5, 2), np.float32), 1.0)
    edge = round(160 * MARGIN)
    crop = portrait[50 - edge : 210 + edge, 100 - edge : 260 + edge]
    small = Pillow.fromarray(crop).resize((SIDE, SIDE), Pillow.Resampling.BOX)
    network = InceptionResnetV1(pretrained=None, classify=False).eval()
    network.load_state_dict(torch.load(made, weights_only=True), strict=False)
    values = (torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() - 127.5) / 128
    with torch.no_grad():
        theirs = network(values).numpy()
    assert (matcher.embed(portrait, [square]) @ theirs.T).item() > 0.999


def test_another_file_is_refused(matcher: FacenetVggface2, portrait: Image, face: Face) -> None:
    wrong = replace(matcher.card, weights=(WeightFile("made.pt", "0" * 64),))
    with pytest.raises(WeightsCorrupt, match="its card promises"):
        FacenetVggface2(wrong).embed(portrait, [face])
