"""Convert dlib's face recognition network to the ONNX file that `faces` runs.

FILE is `dlib_face_recognition_resnet_model_v1.dat` (Davis King, public domain) as the package
`face-recognition-models` ships it.
"""

import argparse
from pathlib import Path

EXAMPLE = "forensics export-dlib-resnet FILE.dat --out forensics/backbones/weights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("file", type=Path, metavar="FILE.dat", help="dlib's own file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made if missing")


def run(args: argparse.Namespace) -> int:
    """Write the ONNX file and print the row that the card needs."""
    from forensics.dlib_recovery import recover
    from forensics.weights import file_sha256

    args.out.mkdir(parents=True, exist_ok=True)
    (path,) = recover(args.file, args.out)
    print(f'[[weights]]\nfile = "weights/{path.name}"\nsha256 = "{file_sha256(path)}"')
    return 0
