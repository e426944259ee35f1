import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import onnx
import pytest
import torch
from PIL import Image as Pillow

from forensics import dlib_recovery
from forensics.dlib_recovery import Layer, quantised, read_graph, read_layers
from forensics.errors import UnknownPlugin, WeightsUnavailable
from forensics.faces.detect import find_faces
from forensics.faces.embed import ENLARGED, dlib_chips, load_matcher
from forensics.faces.resnet import resnet128
from forensics.faces.vectors import unit_rows
from forensics.plugins import backbones
from forensics.schema import Face, Floats, Image
from forensics.weights import file_named, verified_path


@pytest.fixture(scope="module")
def portrait() -> Image:
    path = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.asarray(Pillow.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def face(portrait: Image) -> Face:
    return find_faces(portrait)[0]


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    card = backbones()["dlib_resnet"]
    return read_graph(onnx.load(verified_path(card, file_named(card, ".onnx"))))


def embedded(image: Image, *faces: Face) -> Floats:
    return load_matcher().embed(image, faces)


def test_vectors_have_length_1(portrait: Image, face: Face) -> None:
    assert np.linalg.norm(embedded(portrait, face), axis=1) == pytest.approx([1])


def test_a_vector_does_not_depend_on_its_neighbours(portrait: Image, face: Face) -> None:
    moved = Face(face.box, face.landmarks + 9, 1.0)
    assert np.array_equal(embedded(portrait, moved, face)[1], embedded(portrait, face)[0])


def test_no_faces_give_no_vectors(portrait: Image) -> None:
    assert embedded(portrait).shape == (0, 128)


def test_a_mirrored_picture_of_a_person_is_that_person(portrait: Image, face: Face) -> None:
    mirrored = np.ascontiguousarray(portrait[:, ::-1])
    rows = embedded(portrait, face), embedded(mirrored, find_faces(mirrored)[0])
    assert (rows[0] @ rows[1].T).item() > 0.97


def test_a_small_copy_of_a_picture_is_that_person(portrait: Image, face: Face) -> None:
    small = np.asarray(Pillow.fromarray(portrait).resize((256, 300)))
    rows = embedded(portrait, face), embedded(small, find_faces(small)[0])
    assert (rows[0] @ rows[1].T).item() > 0.97


def test_the_onnx_graph_and_its_twin_in_torch_agree(
    portrait: Image, face: Face, layers: list[Layer]
) -> None:
    looks = [chip for scale in (1, ENLARGED) for chip in dlib_chips(portrait, [face], scale)]
    with torch.no_grad():
        chips = torch.from_numpy(np.stack([*looks, *(chip[:, ::-1] for chip in looks)]))
        rows = resnet128(layers)(chips).numpy()
    twin = unit_rows(rows.sum(axis=0, keepdims=True))
    assert embedded(portrait, face) == pytest.approx(twin, abs=1e-5)


def test_rounded_weights_are_within_half_a_step() -> None:
    weight = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    rounded, scale = quantised(weight)
    assert np.abs(rounded * scale - weight).max() <= scale.max() * 0.5001


def test_what_is_not_dlibs_file_is_refused() -> None:
    with pytest.raises(ValueError, match="this is not dlib's network"):
        read_layers(b"something else")


def test_layers_survive_being_written(layers: list[Layer]) -> None:
    again = read_graph(dlib_recovery.build_graph(layers))
    for before, after in zip(layers, again, strict=True):
        assert after.weight == pytest.approx(before.weight, abs=1e-6)
        assert np.array_equal(after.bias, before.bias)


def test_an_unknown_matcher_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownPlugin, match="no matcher is called 'x'; there are dlib_resnet"):
        load_matcher("x")


def test_a_matcher_without_weights_names_the_command(
    portrait: Image, face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORENSICS_CACHE", str(tmp_path))
    with pytest.raises(WeightsUnavailable, match="forensics weights pull facenet_vggface2"):
        load_matcher("facenet_vggface2").embed(portrait, [face])


def test_vectors_agree_with_dlib(portrait: Image, face: Face) -> None:
    dlib = pytest.importorskip("dlib", reason="pip install dlib-bin to compare with dlib itself")
    models = pytest.importorskip("face_recognition_models", reason="holds dlib's own file")
    looks = [chip for scale in (1, ENLARGED) for chip in dlib_chips(portrait, [face], scale)]
    network = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    chips = [np.array(side) for chip in looks for side in (chip, chip[:, ::-1])]
    rows = [np.array(network.compute_face_descriptor(chip)) for chip in chips]
    theirs = unit_rows(np.sum(rows, axis=0, keepdims=True).astype(np.float32))
    assert (embedded(portrait, face) @ theirs.T).item() > 0.999


def test_embedding_loads_no_torch() -> None:
    code = (
        "import sys, numpy as np; from forensics.faces.index import FaceIndex;"
        "from forensics.faces.embed import load_matcher; load_matcher();"
        "heavy = {'torch', 'sklearn', 'matplotlib', 'onnx', 'streamlit'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
