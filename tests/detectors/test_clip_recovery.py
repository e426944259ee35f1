"""The rebuilt graph says what timm's CLIP says with the same weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
import timm
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from forensics import clip_graph, clip_recovery, neural
from forensics.class_tokens import TokenReader
from forensics.clip_products import COARSE, FINE, RUNTIME, Graph, in_planes
from forensics.neural import CLIP_MEAN, CLIP_STD, clip_patches, clip_reading
from forensics.plugins import backbones
from forensics.schema import Image
from forensics.weights import file_named, find_file


@pytest.fixture(scope="module")
def weights() -> dict[str, NDArray[np.float32]]:
    card = backbones()["clip_vit_b16"]
    path = find_file(card, file_named(card, ".safetensors"))
    if path is None:
        pytest.skip("clip_vit_b16 has not been pulled: forensics weights pull clip_vit_b16")
    stored = load_file(path)
    scales = {name: array for name, array in stored.items() if name.endswith(".scale")}
    plain = {name: array.astype(np.float32) for name, array in stored.items()}
    for name, scale in scales.items():
        plain[name.replace(".scale", ".weight")] *= scale
    return plain


def timm_model(weights: dict[str, NDArray[np.float32]], crop: Image) -> tuple[Any, torch.Tensor]:
    """timm's network with our weights, and the crop as its input."""
    rows, columns = crop.shape[0] // 16, crop.shape[1] // 16
    model: Any = timm.create_model(
        "vit_base_patch16_clip_quickgelu_224",
        pretrained=False,
        num_classes=0,
        img_size=crop.shape[:2],
    )
    model.load_state_dict(dict(timm_names(weights, rows, columns)), strict=False)
    pixels = (crop / np.float32(255) - CLIP_MEAN) / CLIP_STD
    return model.eval(), torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32))


def timm_patches(weights: dict[str, NDArray[np.float32]], crop: Image) -> NDArray[np.float32]:
    model, batch = timm_model(weights, crop)
    with torch.inference_mode():
        blocks = model.forward_intermediates(
            batch, indices=[4, 5, 6], norm=False, output_fmt="NLC", intermediates_only=True
        )
    made: NDArray[np.float32] = torch.cat(list(blocks), dim=2).numpy()
    rows, columns = crop.shape[0] // 16, crop.shape[1] // 16
    return made.reshape(rows, columns, -1)


def timm_classes(weights: dict[str, NDArray[np.float32]], crop: Image) -> NDArray[np.float32]:
    model, batch = timm_model(weights, crop)
    with torch.inference_mode():
        blocks = model.forward_intermediates(
            batch,
            indices=list(range(clip_graph.BLOCKS)),
            return_prefix_tokens=True,
            norm=False,
            output_fmt="NLC",
            intermediates_only=True,
        )
    made: NDArray[np.float32] = torch.cat([first for _, first in blocks], dim=1)[0].numpy()
    return made


def timm_names(
    weights: dict[str, NDArray[np.float32]], rows: int, columns: int
) -> Iterator[tuple[str, torch.Tensor]]:
    def tensor(name: str) -> torch.Tensor:
        array = torch.from_numpy(weights[name].copy())
        return array.T if name.endswith("weight") and array.ndim == 2 else array

    stored = weights["embeddings.position_embedding.weight"]
    top, left = (14 - rows) // 2, (14 - columns) // 2
    grid = stored[1:].reshape(14, 14, -1)[top : top + rows, left : left + columns]
    positions = np.concatenate([stored[:1], grid.reshape(rows * columns, -1)])
    yield "pos_embed", torch.from_numpy(positions)[None]
    yield "cls_token", torch.from_numpy(weights["embeddings.class_embedding"])[None, None]
    yield "patch_embed.proj.weight", tensor("embeddings.patch_embedding.weight")
    for part in ("weight", "bias"):
        yield f"norm_pre.{part}", tensor(f"pre_layrnorm.{part}")
        for block in range(clip_graph.BLOCKS):
            ours, theirs = f"encoder.layers.{block}", f"blocks.{block}"
            yield (
                f"{theirs}.attn.qkv.{part}",
                torch.cat([tensor(f"{ours}.self_attn.{p}_proj.{part}") for p in "qkv"]),
            )
            yield f"{theirs}.attn.proj.{part}", tensor(f"{ours}.self_attn.out_proj.{part}")
            for name, other in (
                ("layer_norm1", "norm1"),
                ("layer_norm2", "norm2"),
                ("mlp.fc1", "mlp.fc1"),
                ("mlp.fc2", "mlp.fc2"),
            ):
                yield f"{theirs}.{other}.{part}", tensor(f"{ours}.{name}.{part}")


@pytest.mark.parametrize("size", [(224, 224), (128, 160), (16, 48)])
def test_patches_equal_timms_with_the_middle_positions(
    weights: dict[str, NDArray[np.float32]], size: tuple[int, int]
) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs = timm_patches(weights, crop)
    gap = np.abs(clip_patches(crop) - theirs).max() / np.abs(theirs).max()
    assert gap < 3e-3


@pytest.mark.parametrize("size", [(224, 224), (48, 80)])
def test_the_whole_is_block_nines_class_token(
    weights: dict[str, NDArray[np.float32]], size: tuple[int, int]
) -> None:
    assert weights
    crop = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    [classes] = TokenReader().of_crops([crop])
    np.testing.assert_allclose(clip_reading(crop).whole, classes[8], atol=2e-3)


@pytest.mark.parametrize("side", [224, 96])
def test_class_tokens_of_all_blocks_equal_timms(
    weights: dict[str, NDArray[np.float32]], side: int
) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    theirs = timm_classes(weights, crop)
    [ours] = TokenReader().of_crops([crop])
    assert (np.abs(ours - theirs).max(axis=1) < 1e-3 * np.abs(theirs).max(axis=1)).all()


@pytest.mark.parametrize("size", [(224, 224), (48, 80)])
def test_products_in_planes_are_those_in_floats(
    weights: dict[str, NDArray[np.float32]], size: tuple[int, int]
) -> None:
    assert weights
    shape = (2, 3, *size)
    crops = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    in_planes, in_floats = (
        network.run(["patches", "whole"], {"crops": crops})
        for network in (neural.clip_network(), neural.float_network(1))
    )
    for planes, floats in zip(in_planes, in_floats, strict=True):
        assert np.abs(planes - floats).mean() < 1e-3 * np.abs(floats).mean()


def test_rows_of_any_size_are_split_into_planes_to_half_a_fine_step() -> None:
    rows = np.random.default_rng(0).normal(size=(2, 3, 40)).astype(np.float32)
    rows *= np.asarray([[[1e-9], [1.0], [1e6]], [[0.0], [30.0], [1e-3]]], np.float32)
    weights: dict[str, NDArray[Any]] = {
        "m.weight": np.eye(40, dtype=np.int8),
        "m.scale": np.ones(1),
        "m.bias": np.zeros(40, np.float32),
    }
    graph = Graph(weights, in_planes)
    graph.nodes.append(onnx.helper.make_node("Identity", [graph.product("m", "rows")], ["made"]))
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", "T", 40])
        for name in ("rows", "made")
    ]
    body = onnx.helper.make_graph(
        graph.nodes, "m", ends[:1], ends[1:], list(graph.constants.values())
    )
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid(RUNTIME, 1)]
    model = onnx.helper.make_model(body, opset_imports=opsets, ir_version=8)
    [made] = neural.session_of(model.SerializeToString()).run(None, {"rows": rows})
    fine = np.abs(rows).max(axis=2, keepdims=True) / (COARSE * FINE)
    assert (np.abs(made - rows) <= 0.51 * fine).all()


class Saturating:
    """A session of CLIP on a processor that adds two 8-bit products in 16 bits."""

    def run(self, names: list[str], feed: dict[str, NDArray[np.float32]]) -> list[NDArray[Any]]:
        assert names == ["exact"]
        assert feed["crops"].shape == (1, 3, 16, 16)
        return [np.asarray([[32_767]], np.int32)]


def test_a_processor_that_saturates_multiplies_in_floats(
    weights: dict[str, NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert weights
    assert neural.multiplies_exactly(neural.float_network(1))
    monkeypatch.setattr(neural, "session", lambda path, threads: Saturating())
    network = neural.open_clip(1)
    assert not isinstance(network, Saturating)
    assert network.run(["whole"], {"crops": np.zeros((1, 3, 32, 32), np.float32)})[0].shape == (
        (1, 1, 768)
    )


@pytest.mark.parametrize("shape", [(240, 224, 3), (100, 96, 3), (96, 96)])
def test_crop_of_other_sides_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        clip_patches(np.zeros(shape, np.uint8))


def test_a_file_with_shifted_weights_is_refused() -> None:
    arrays: dict[str, NDArray[Any]] = {
        "m_quantized": np.zeros((2, 2), np.int8),
        "m_scale": np.ones(2, np.float32),
        "m_zero_point": np.asarray([0, 3], np.int8),
    }
    node = onnx.helper.make_node(
        "MatMulInteger", ["x", "m_quantized", "z", "m_zero_point"], ["y"], name="/a/MatMul_quant"
    )
    stored = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [], stored))
    with pytest.raises(ValueError, match="symmetric"):
        clip_recovery.read_quantised(model)
