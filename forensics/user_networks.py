"""Networks that a user brings along as ONNX files: opened, and checked for what they take."""

from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from forensics.errors import WeightsCorrupt, WeightsUnavailable


def open_network(path: str, *, option: str, what: str) -> Any:
    """Open a user's ONNX file with onnxruntime on the processor, once a process.

    Args:
        path: where it lies; "" where the user named none.
        option: the flag that names it, for the message.
        what: the kind of network that is wanted, for the message.

    Raises:
        WeightsUnavailable: there is no such file.
        WeightsCorrupt: it is no ONNX file that can be run.
    """
    if not path or not Path(path).is_file():
        found = f"there is no file {Path(path).name}" if path else "none was given"
        raise WeightsUnavailable(f"{what} is needed, but {found}; name it with {option} FILE.onnx")
    status = Path(path).stat()
    return _session(Path(path), status.st_mtime_ns, status.st_size, what)


def takes(network: Any, shapes: dict[str, tuple[int | None, ...]]) -> bool:
    """Whether a network has exactly these inputs; None stands for any length.

    Args:
        network: an onnxruntime session.
        shapes: each input's shape by name.
    """
    given = {row.name: tuple(row.shape) for row in network.get_inputs()}
    return given.keys() == shapes.keys() and all(
        _fits(given[name], shape) for name, shape in shapes.items()
    )


def _fits(given: tuple[object, ...], wanted: tuple[int | None, ...]) -> bool:
    """Lengths that a file leaves open are words or None."""
    return len(given) == len(wanted) and all(
        ours is None or not isinstance(theirs, int) or theirs == ours
        for theirs, ours in zip(given, wanted, strict=True)
    )


@cache
def _session(path: Path, modified: int, size: int, what: str) -> Any:
    """Open a file; time of change and size are part of the cache's key, so edits are seen."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Threads that spin while they wait take the processor from whatever else runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # onnxruntime's exceptions share no base class but this one.
    except Exception as error:
        raise WeightsCorrupt(f"{path.name} is no ONNX file of {what} that can be run") from error


def constants(path: str) -> list[NDArray[Any]]:
    """The constants of an ONNX file in their order, those that no node uses among them."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    return [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
