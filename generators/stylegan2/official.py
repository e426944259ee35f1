"""Reads the generator in a pickle of NVIDIA's StyleGAN2-ADA or StyleGAN3 repository, running none.

Those pickles hold whole objects and the source code of their classes, which loading would run.
Here every class is an inert stand-in: of a network only its parameters and buffers are kept,
tensors are read with `weights_only=True`, source code is skipped, and any other name is refused.
"""

import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from forensics.errors import WeightsCorrupt

LARGEST_FILE = 2**31
"""Bytes; config F at 1024 px with its discriminator has .4 GB."""
DEEPEST = 16
"""Networks inside networks."""
NUMBERS = frozenset({"f2", "f4", "f8", "i4", "i8", "b1", "u1"})
_DAMAGED = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError,
    AttributeError, RuntimeError, OverflowError, MemoryError, RecursionError,
)  # fmt: skip


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read parameters and buffers of the pickle's `G_ema` by name, in float32.

    Raises:
        WeightsCorrupt: the file is too large, damaged, of another kind, or holds anything but
            networks, tensors and numbers.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise WeightsCorrupt(f"{path.name} has {size:,} bytes, more than {LARGEST_FILE:,}")
    with path.open("rb") as stream:
        try:
            found = _Reader(stream).load()
        except _DAMAGED as error:
            raise WeightsCorrupt(f"{path.name} is no pickle of StyleGAN: {error}") from error
    network = found.get("G_ema") if isinstance(found, Mapping) else None
    if not isinstance(network, Network):
        raise WeightsCorrupt(f"{path.name} holds no generator called G_ema")
    tensors = dict(_named(network, "", 0))
    if not tensors:
        raise WeightsCorrupt(f"{path.name}: its generator has no tensors")
    return tensors


class Network:
    """What is left of a pickled network: its state, and nothing that can run."""

    def __init__(self, state: object) -> None:
        self.state = state if isinstance(state, Mapping) else {}

    def part(self, name: str) -> Mapping[str, Any]:
        """Parameters, buffers or inner networks by name."""
        found = self.state.get(name)
        return found if isinstance(found, Mapping) else {}


class _Reader(pickle.Unpickler):
    """Knows the few names that such a pickle needs; stand-ins are made anew for each file."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self._known = _stand_ins()

    def find_class(self, module: str, name: str) -> Any:
        """Give a stand-in.

        Raises:
            WeightsCorrupt: the pickle names anything else.
        """
        known = self._known.get(f"{module}.{name}")
        if known is None:
            raise WeightsCorrupt(
                f"the pickle names {module}.{name}, which no StyleGAN needs; nothing was run"
            )
        return known

    def persistent_load(self, pid: object) -> Any:
        """Refuse references to outside the pickle."""
        raise WeightsCorrupt(f"the pickle refers to {pid!r} outside itself")


def _stand_ins() -> dict[str, Callable[..., Any]]:
    class Words(dict[str, Any]):
        """Stands for EasyDict."""

    class Kind:
        """Stands for numpy.dtype."""

        def __init__(self, code: str, *_: object) -> None:
            if code not in NUMBERS:
                raise ValueError(f"numbers of kind {code!r}")
            self.code = code

        def __setstate__(self, _: object) -> None:
            """Byte order and such; native is all there is."""

    def number(kind: Kind, data: bytes) -> float:
        return float(np.frombuffer(data, np.dtype(kind.code))[0])

    def network(meta: Mapping[str, Any]) -> Network:
        return Network(meta["state"])

    names: dict[str, Callable[..., Any]] = {
        "torch_utils.persistence._reconstruct_persistent_obj": network,
        "dnnlib.util.EasyDict": Words,
        "collections.OrderedDict": OrderedDict,
        "torch.storage._load_from_bytes": _storage,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": lambda data, *_: data,
        "torch.Size": tuple,
        "torch.device": lambda *names: str(names),
        "numpy.dtype": Kind,
        "numpy.core.multiarray.scalar": number,
        "numpy._core.multiarray.scalar": number,
    }
    for builtins in ("builtins", "__builtin__"):
        names |= {f"{builtins}.set": set, f"{builtins}.frozenset": frozenset}
    return names


def _storage(data: bytes) -> Any:
    """Read a tensor's numbers; a pickle hidden in them is refused by torch."""
    return torch.load(BytesIO(data), map_location="cpu", weights_only=True)


def _tensor(
    storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> Tensor:
    if not isinstance(storage, torch.storage.TypedStorage):
        raise TypeError("a tensor without numbers")
    numbers = _flat(storage)
    count = int(np.prod([int(side) for side in size], dtype=object))
    if not 0 <= count <= len(numbers):
        raise ValueError(f"a tensor of {count} numbers in a storage of {len(numbers)}")
    return torch.as_strided(numbers, tuple(size), tuple(stride), int(offset)).float().contiguous()


def _flat(storage: Any) -> Tensor:
    with warnings.catch_warnings():
        # torch means to drop typed storages; the pickles will hold them for ever.
        warnings.simplefilter("ignore")
        return torch.empty(0, dtype=storage.dtype).set_(storage)


def _named(network: Network, prefix: str, depth: int) -> list[tuple[str, Tensor]]:
    if depth > DEEPEST:
        raise WeightsCorrupt(f"networks nested more than {DEEPEST} deep")
    rows = [
        (prefix + name, value)
        for kind in ("_parameters", "_buffers")
        for name, value in network.part(kind).items()
        if isinstance(value, Tensor)
    ]
    for name, inner in network.part("_modules").items():
        if isinstance(inner, Network):
            rows += _named(inner, f"{prefix}{name}.", depth + 1)
    return rows
