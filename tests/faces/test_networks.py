import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forensics.commands.export_mtcnn import export
from forensics.faces import networks
from forensics.plugins import backbones

torch = pytest.importorskip("torch")
mtcnn = pytest.importorskip("facenet_pytorch.models.mtcnn")


def original(network: str, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    pictures = (torch.from_numpy(crops).permute(0, 3, 1, 2).float() - 127.5) / 128
    with torch.no_grad():
        return [values.numpy() for values in getattr(mtcnn, network)().eval()(pictures)]


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(12, 12), (13, 40), (61, 90)])
def test_the_p_net_agrees_with_the_package_at_any_size(shape: tuple[int, int]) -> None:
    picture = noise(*shape, 3)
    shift, probability = original("PNet", picture[None])
    ours = networks.propose(picture)
    assert ours[0] == pytest.approx(probability[0, 1], abs=1e-5)
    assert ours[1] == pytest.approx(shift[0].transpose(1, 2, 0), abs=1e-5)


@pytest.mark.parametrize("count", [1, 7])
def test_the_r_net_agrees_with_the_package_for_any_count(count: int) -> None:
    crops = noise(count, 24, 24, 3)
    shift, probability = original("RNet", crops)
    ours = networks.refine(crops)
    assert ours[0] == pytest.approx(probability[:, 1], abs=1e-5)
    assert ours[1] == pytest.approx(shift, abs=1e-5)


@pytest.mark.parametrize("count", [1, 7])
def test_the_o_net_agrees_with_the_package_for_any_count(count: int) -> None:
    crops = noise(count, 48, 48, 3)
    shift, points, probability = original("ONet", crops)
    ours = networks.locate(crops)
    assert ours[0] == pytest.approx(probability[:, 1], abs=1e-5)
    assert ours[1] == pytest.approx(shift, abs=1e-5)
    assert ours[2] == pytest.approx(np.stack([points[:, :5], points[:, 5:]], axis=2), abs=1e-5)


def test_a_crop_is_judged_the_same_alone_and_among_others() -> None:
    crops = noise(9, 24, 24, 3)
    alone = np.concatenate([networks.refine(crop[None])[0] for crop in crops])
    assert networks.refine(crops)[0] == pytest.approx(alone, abs=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_exported_network_computes_what_the_shipped_one_computes(tmp_path: Path) -> None:
    import onnxruntime

    path = export("rnet", tmp_path / "rnet.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    crops = noise(3, 24, 24, 3)
    assert session.run(None, {"crops": crops})[0] == pytest.approx(networks.refine(crops)[0])


def test_every_shipped_file_has_the_hash_its_card_promises() -> None:
    card = backbones()["mtcnn"]
    found = [
        hashlib.sha256((card.folder / row.file).read_bytes()).hexdigest() for row in card.weights
    ]
    assert found == [row.sha256 for row in card.weights]
