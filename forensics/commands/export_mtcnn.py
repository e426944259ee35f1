"""Export the three MTCNN networks of facenet-pytorch to the ONNX files that `faces` runs."""

import argparse
import hashlib
from pathlib import Path

EXAMPLE = "python -m forensics.commands.export_mtcnn --out forensics/backbones/weights"
SIDES = {"pnet": 60, "rnet": 24, "onet": 48}
"""Side in px of the example input; only the P-Net takes other sizes."""


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

    class ChannelsLast(torch.nn.Module):
        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
            scaled = (crops.permute(0, 3, 1, 2).float() - 127.5) * 0.0078125
            shift, *points, probability = self.network(scaled)
            maps = (probability[:, 1], shift, *points)
            return tuple(m.permute(0, 2, 3, 1) if m.ndim == 4 else m for m in maps)

    network = {"pnet": mtcnn.PNet, "rnet": mtcnn.RNet, "onet": mtcnn.ONet}[name]().eval()
    side = SIDES[name]
    outputs = ["probability", "shift", "points"] if name == "onet" else ["probability", "shift"]
    free = {0: "count", 1: "height", 2: "width"} if name == "pnet" else {0: "count"}
    torch.onnx.export(
        ChannelsLast(network).eval(),
        (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
        path,
        input_names=["crops"],
        output_names=outputs,
        dynamic_axes={label: free for label in ("crops", *outputs)},
        dynamo=False,
    )
    return path


if __name__ == "__main__":
    command = argparse.ArgumentParser(description=__doc__)
    add_arguments(command)
    raise SystemExit(run(command.parse_args()))
