"""The three MTCNN networks as ONNX sessions: opened at first use, once a process."""

from typing import Any

from forensics.keeping import once
from forensics.plugins import backbones
from forensics.schema import Floats, Image
from forensics.weights import file_named, verified_path


def prepare() -> None:
    """Open all three."""
    for network in ("pnet", "rnet", "onet"):
        _session(network)


def propose(picture: Image) -> tuple[Floats, Floats]:
    """Run the P-Net over a whole picture, (H, W, 3) uint8 RGB of 12 px or more.

    Returns:
        (h, w) probability of a face in each 12 px window, 2 px apart, and (h, w, 4) shifts of the
        window's x1 y1 x2 y2 in window widths.
    """
    probability, shift = _session("pnet").run(None, {"crops": picture[None]})
    return probability[0], shift[0]


def refine(crops: Image) -> tuple[Floats, Floats]:
    """Run the R-Net on (N, 24, 24, 3) uint8: (N,) probabilities, (N, 4) shifts in box widths."""
    probability, shift = _session("rnet").run(None, {"crops": crops})
    return probability, shift


def locate(crops: Image) -> tuple[Floats, Floats, Floats]:
    """Run the O-Net on (N, 48, 48, 3) uint8.

    Returns:
        (N,) probabilities, (N, 4) shifts and (N, 5, 2) landmarks x y, both in box widths.
    """
    probability, shift, points = _session("onet").run(None, {"crops": crops})
    # The network gives five x, then five y.
    return probability, shift, points.reshape(-1, 2, 5).swapaxes(1, 2)


@once
def _session(network: str) -> Any:
    import onnxruntime

    card = backbones()["mtcnn"]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # A second thread takes a third more of the processor and is no faster at 512 px.
    options.intra_op_num_threads = 1
    # Waiting threads that spin double the processor time of runs as short as these.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        verified_path(card, file_named(card, f"{network}.onnx")),
        options,
        providers=["CPUExecutionProvider"],
    )
