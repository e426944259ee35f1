import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from forensics.commands.demo import portrait
from forensics.errors import WeightsCorrupt
from forensics.faces import landmarks
from forensics.faces.detect import find_faces
from forensics.faces.landmarks import (
    disagreement,
    find_landmarks,
    five_points,
    mirrored,
)
from forensics.faces.landmarks_recovery import NAME, exported, read_tensors
from forensics.media import load_image
from forensics.plugins import backbones
from forensics.schema import Face, Floats, Image
from forensics.weights import load_tensors, verified_path

IMAGES = Path(__file__).resolve().parents[3] / "shared" / "data" / "images"


@pytest.fixture(scope="module")
def photograph() -> Image:
    return load_image(portrait())


@pytest.fixture(scope="module")
def face(photograph: Image) -> Face:
    return find_faces(photograph)[0]


@pytest.fixture(scope="module")
def points(photograph: Image, face: Face) -> Floats:
    found: Floats = find_landmarks(photograph, [face])[0]
    return found


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 112, 112, 3), dtype=np.uint8)


def run(model: bytes, crops: NDArray[np.uint8]) -> Any:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"crops": crops})[0]


def test_two_networks_that_never_met_agree_on_a_portrait(points: Floats, face: Face) -> None:
    assert disagreement(points, face) < 0.06


def test_landmarks_have_a_face_s_order(points: Floats) -> None:
    brows, eyes, mouth = (
        points[rows].mean(axis=0) for rows in ([*range(17, 27)], range(36, 48), range(48, 68))
    )
    assert brows[1] < eyes[1] < points[30, 1] < mouth[1] < points[8, 1]
    assert points[0, 0] < points[36, 0] < points[45, 0] < points[16, 0]


def test_a_mirrored_picture_has_mirrored_landmarks(photograph: Image, points: Floats) -> None:
    flipped = np.ascontiguousarray(photograph[:, ::-1])
    found = find_landmarks(flipped, find_faces(flipped)[:1])[0]
    apart = np.linalg.norm(found - mirrored(points, photograph.shape[1]), axis=1)
    assert apart.mean() < 0.02 * (points[16, 0] - points[0, 0])


def test_mirroring_twice_changes_nothing(points: Floats) -> None:
    assert mirrored(mirrored(points, 512), 512) == pytest.approx(points, abs=1e-3)


def test_a_turned_picture_has_turned_landmarks(photograph: Image, points: Floats) -> None:
    turned = np.ascontiguousarray(np.rot90(photograph))
    found = find_landmarks(turned, find_faces(turned)[:1])[0]
    wanted = np.stack([points[:, 1], photograph.shape[1] - points[:, 0]], axis=1)
    assert np.linalg.norm(found - wanted, axis=1).mean() < 0.03 * np.ptp(points[:, 0])


def test_no_faces_have_no_landmarks(photograph: Image) -> None:
    assert find_landmarks(photograph, []).shape == (0, 68, 2)


def test_five_points_are_read_off_the_scheme(points: Floats) -> None:
    five = five_points(points)
    assert five[0] == pytest.approx(points[36:42].mean(axis=0))
    assert five[3:] == pytest.approx(points[[48, 54]])


def test_a_face_beyond_the_border_is_no_error(photograph: Image, face: Face) -> None:
    cut = np.ascontiguousarray(photograph[:, : int(face.landmarks[2, 0])])
    assert np.isfinite(find_landmarks(cut, [face])).all()


def test_the_torch_port_and_the_shipped_graph_agree() -> None:
    torch = pytest.importorskip("torch")
    from forensics.faces.landmark_network import built_network

    network = built_network(load_tensors(backbones()[NAME]))
    crops = noise(5)
    wanted = network(torch.from_numpy(crops)).numpy()
    assert landmarks._session().run(None, {"crops": crops})[0] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_exporting_the_stored_tensors_gives_the_shipped_graph() -> None:
    pytest.importorskip("torch")
    card = backbones()[NAME]
    made = exported(load_tensors(card))
    path = next(file for file in card.weights if file.file.endswith(".onnx"))
    crops = noise(2)
    shipped = run(verified_path(card, path).read_bytes(), crops)
    assert run(made, crops) == pytest.approx(shipped, abs=1e-6)


def test_the_package_s_bytes_become_named_tensors(tmp_path: Path) -> None:
    rows = [
        ("dense0/conv0/filters", [3, 3, 3, 2]),
        ("dense1/conv2/depthwise_filter", [3, 3, 4, 1]),
        ("dense1/conv2/pointwise_filter", [1, 1, 4, 5]),
        ("dense1/conv2/bias", [5]),
        ("fc/weights", [6, 2]),
    ]
    scaling = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
    weights = [{"name": name, "shape": shape, "quantization": scaling} for name, shape in rows]
    (tmp_path / "m.json").write_text(json.dumps([{"weights": weights}]), encoding="utf-8")
    count = sum(int(np.prod(shape)) for _, shape in rows)
    (tmp_path / "m.bin").write_bytes(bytes(index % 251 for index in range(count)))
    tensors = read_tensors(tmp_path / "m.json", tmp_path / "m.bin")
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "blocks.0.0.weight": (2, 3, 3, 3),
        "blocks.1.2.depthwise.weight": (4, 1, 3, 3),
        "blocks.1.2.pointwise.weight": (5, 4, 1, 1),
        "blocks.1.2.pointwise.bias": (5,),
        "head.weight": (2, 6),
    }
    # Byte 1 is output 1 of the first input in the first row and column.
    assert tensors["blocks.0.0.weight"][1, 0, 0, 0] == 1 * 0.5 - 1


@pytest.mark.parametrize(
    ("manifest", "data"),
    [("no JSON", b""), ("[]", b""), ('[{"weights": []}]', b"left over"), ('[{"weights": 3}]', b"")],
)
def test_another_package_is_refused(tmp_path: Path, manifest: str, data: bytes) -> None:
    (tmp_path / "m.json").write_text(manifest, encoding="utf-8")
    (tmp_path / "m.bin").write_bytes(data)
    with pytest.raises(WeightsCorrupt, match=r"m\.bin is not what"):
        read_tensors(tmp_path / "m.json", tmp_path / "m.bin")


@pytest.mark.data
@pytest.mark.skipif(not IMAGES.is_dir(), reason="the shared data set is not beside this checkout")
def test_portraits_of_many_people_agree_with_the_detector() -> None:
    paths = sorted((IMAGES / "house-portraits").iterdir())[:8]
    pictures = [load_image(path) for path in paths]
    apart = [
        disagreement(find_landmarks(picture, [face])[0], face)
        for picture in pictures
        for face in find_faces(picture, at_least=64)[:1]
    ]
    assert np.median(apart) < 0.05
