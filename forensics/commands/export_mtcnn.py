"""Export the three MTCNN networks of facenet-pytorch to the ONNX files that `faces` runs."""

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

EXAMPLE = "forensics export-mtcnn --out forensics/backbones/weights"
SIDES = {"pnet": 60, "rnet": 24, "onet": 48}
"""Side in px of the example input; only the P-Net takes other sizes."""
MAP_AXES = 4
"""Outputs with so many axes are maps, the others rows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.epilog = f"example: {EXAMPLE}"
    parser.add_argument("--out", type=Path, required=True, help="folder for the ONNX files")


def run(args: argparse.Namespace) -> int:
    """Write one ONNX file a network and print the rows that the card needs."""
    args.out.mkdir(parents=True, exist_ok=True)
    for name in SIDES:
        path = export(name, args.out / f"mtcnn_{name}.onnx")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f'[[weights]]\nfile = "weights/{path.name}"\nsha256 = "{digest}"\n')
    return 0


def export(name: str, path: Path) -> Path:
    """Export one network ("pnet", "rnet" or "onet"), with its input scaling inside.

    The exported network takes `crops` (N, H, W, 3) uint8 RGB. It gives `probability` of a face and
    `shift` of the box's corners, and the O-Net `points` as well: all float32, channels last.
    """
    import torch
    from facenet_pytorch.models import mtcnn

    network = {"pnet": mtcnn.PNet, "rnet": mtcnn.RNet, "onet": mtcnn.ONet}[name]().eval()
    side = SIDES[name]
    outputs = ["probability", "shift", "points"] if name == "onet" else ["probability", "shift"]
    free = {0: "count", 1: "height", 2: "width"} if name == "pnet" else {0: "count"}
    torch.onnx.export(
        _channels_last(_with_fast_slopes(network)).eval(),
        (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
        path,
        input_names=["crops"],
        output_names=outputs,
        dynamic_axes={label: free for label in ("crops", *outputs)},
        dynamo=False,
    )
    return path


def _channels_last(network: "torch.nn.Module") -> "torch.nn.Module":
    import torch

    class ChannelsLast(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
            scaled = (crops.permute(0, 3, 1, 2).float() - 127.5) * 0.0078125
            shift, *points, probability = self.network(scaled)
            outputs = (probability[:, 1], shift, *points)
            return tuple(m.permute(0, 2, 3, 1) if m.ndim == MAP_AXES else m for m in outputs)

    return ChannelsLast()


def _with_fast_slopes(network: "torch.nn.Module") -> "torch.nn.Module":
    """Replace each PReLU after a convolution by a x + (1 - a) relu(x), as 1 x 1 convolutions.

    onnxruntime's PReLU took half of the networks' time; its convolutions keep their fast layout.
    """
    import torch

    class Slopes(torch.nn.Module):
        def __init__(self, slopes: torch.Tensor) -> None:
            super().__init__()
            self.below = _scaling(slopes)
            self.above = _scaling(1 - slopes)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return torch.add(self.below(values), self.above(torch.relu(values)))

    before = None
    for name, layer in list(network.named_children()):
        if isinstance(layer, torch.nn.PReLU) and isinstance(before, torch.nn.Conv2d):
            setattr(network, name, Slopes(layer.weight.detach()))
        before = layer
    return network


def _scaling(factors: "torch.Tensor") -> "torch.nn.Module":
    import torch

    count = len(factors)
    layer = torch.nn.Conv2d(count, count, 1, groups=count, bias=False)
    layer.weight.data = factors.reshape(count, 1, 1, 1).clone()
    return layer
