"""Pickles of the structure that NVIDIA's repositories write, with numbers drawn here."""

import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
import torch
from torch import Tensor

SOURCE = "raise SystemExit('embedded source was run')"


class Persisted:
    """Pickles as a network of theirs does: a function, and a dict of source, name and state."""

    def __init__(self, class_name: str, **state: Any) -> None:
        self.meta = {
            "type": "class", "version": 6, "module_src": SOURCE, "class_name": class_name,
            "state": state,
        }  # fmt: skip

    def __reduce__(self) -> Any:
        rebuild = sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj
        return rebuild, (self.meta,)


@contextmanager
def their_modules() -> Iterator[None]:
    """Modules of the names that such pickles refer to, for as long as one is written."""
    persistence, util = types.ModuleType("torch_utils.persistence"), types.ModuleType("dnnlib.util")

    def _reconstruct_persistent_obj(meta: Any) -> Any:
        raise AssertionError("never called while writing")

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    persistence._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    EasyDict = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})
    util.EasyDict = EasyDict  # type: ignore[attr-defined]
    added = {
        "torch_utils": types.ModuleType("torch_utils"), "torch_utils.persistence": persistence,
        "dnnlib": types.ModuleType("dnnlib"), "dnnlib.util": util,
    }  # fmt: skip
    sys.modules.update(added)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


def module(class_name: str, tensors: dict[str, Tensor], **inner: Persisted) -> Persisted:
    """A network with parameters (buffers where the name says so), and networks inside."""
    buffers = {"noise_const", "w_avg", "resample_filter"}
    parameters = {k: torch.nn.Parameter(v) for k, v in tensors.items() if k not in buffers}
    return Persisted(
        class_name,
        training=False,
        weight_gain=np.float64(0.25),
        _parameters=OrderedDict(parameters),
        _buffers=OrderedDict({k: v for k, v in tensors.items() if k in buffers}),
        _non_persistent_buffers_set=set(),
        _modules=OrderedDict(inner),
    )


def generator(rng: torch.Generator, side: int, widths: dict[int, int], styles: int) -> Persisted:
    """A generator of `side` px; `widths`: channels by resolution."""

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng)

    def affine(n_in: int) -> Persisted:
        return module("FullyConnectedLayer", {"weight": drawn(n_in, styles), "bias": drawn(n_in)})

    def layer(n_in: int, n_out: int, at: int) -> Persisted:
        tensors = {
            "weight": drawn(n_out, n_in, 3, 3), "noise_const": drawn(at, at), "bias": drawn(n_out),
            "noise_strength": drawn(), "resample_filter": drawn(4, 4),
        }  # fmt: skip
        return module("SynthesisLayer", tensors, affine=affine(n_in))

    def block(at: int) -> Persisted:
        width = widths[at]
        colours = {"weight": drawn(3, width, 1, 1), "bias": drawn(3)}
        inner = {
            "conv1": layer(width, width, at),
            "torgb": module("ToRGBLayer", colours, affine=affine(width)),
        }
        if at == min(widths):
            return module("SynthesisBlock", {"const": drawn(width, at, at)}, **inner)
        return module("SynthesisBlock", {}, conv0=layer(widths[at // 2], width, at), **inner)

    dense = {
        f"fc{i}": module(
            "FullyConnectedLayer", {"weight": drawn(styles, styles), "bias": drawn(styles)}
        )
        for i in range(2)
    }
    mapping = module("MappingNetwork", {"w_avg": drawn(styles)}, **dense)
    blocks = {f"b{at}": block(at) for at in widths}
    synthesis = module("SynthesisNetwork", {}, **blocks)
    return module("Generator", {}, mapping=mapping, synthesis=synthesis)


def written(network: Any) -> bytes:
    """The pickle of a snapshot, as their training writes it."""
    with their_modules():
        settings = sys.modules["dnnlib.util"].EasyDict(path="faces.zip", resolution=16)
        stream = BytesIO()
        pickle.dump({"training_set_kwargs": settings, "G_ema": network}, stream)
        return stream.getvalue()
