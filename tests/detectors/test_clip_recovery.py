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

from forensics import clip_recovery
from forensics.neural import CLIP_MEAN, CLIP_SIDE, CLIP_STD, clip_tokens
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


def timm_tokens(weights: dict[str, NDArray[np.float32]], crops: list[Image]) -> torch.Tensor:
    model: Any = timm.create_model(
        "vit_base_patch16_clip_quickgelu_224", pretrained=False, num_classes=0, img_size=CLIP_SIDE
    )
    model.load_state_dict(dict(timm_names(weights)), strict=False)
    pixels = np.stack([(crop / np.float32(255) - CLIP_MEAN) / CLIP_STD for crop in crops])
    batch = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32))
    with torch.inference_mode():
        _, blocks = model.eval().forward_intermediates(
            batch, indices=[7, 8, 9, 10], return_prefix_tokens=True, norm=False
        )
    return torch.stack([prefix[:, 0] for _, prefix in blocks], dim=1)


def timm_names(
    weights: dict[str, NDArray[np.float32]],
) -> Iterator[tuple[str, torch.Tensor]]:
    def tensor(name: str) -> torch.Tensor:
        array = torch.from_numpy(weights[name].copy())
        return array.T if name.endswith("weight") and array.ndim == 2 else array

    positions = clip_recovery._middle_positions(weights["embeddings.position_embedding.weight"])
    yield "pos_embed", torch.from_numpy(positions)[None]
    yield "cls_token", torch.from_numpy(weights["embeddings.class_embedding"])[None, None]
    yield "patch_embed.proj.weight", tensor("embeddings.patch_embedding.weight")
    for part in ("weight", "bias"):
        yield f"norm_pre.{part}", tensor(f"pre_layrnorm.{part}")
        for block in range(clip_recovery.BLOCKS):
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


def test_tokens_equal_timms(weights: dict[str, NDArray[np.float32]]) -> None:
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 256, (CLIP_SIDE, CLIP_SIDE, 3), dtype=np.uint8) for _ in range(2)]
    theirs = timm_tokens(weights, crops).numpy()
    gap = np.abs(clip_tokens(crops) - theirs).max() / np.abs(theirs).max()
    assert gap < 1e-3


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
