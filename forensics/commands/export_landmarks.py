"""Convert the 68-landmark network of `@vladmandic/face-api` to the files that `faces` runs.

DIR holds `face_landmark_68_model.bin` and its weights manifest, as the npm package keeps them in
its folder `model` (`npm pack @vladmandic/face-api@1.7.15` fetches it, `tar xf` unpacks it).
"""

import argparse
from pathlib import Path

EXAMPLE = "forensics export-landmarks package/model --out forensics/backbones/weights"
MODEL = "face_landmark_68_model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the package's folder `model`")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made if missing")


def run(args: argparse.Namespace) -> int:
    """Write the safetensors and the ONNX file and print the rows that the card needs."""
    from forensics.errors import UnreadableMedia
    from forensics.faces.landmarks_recovery import recover
    from forensics.weights import file_sha256

    manifest, binary = (args.folder / f"{MODEL}{end}" for end in ("-weights_manifest.json", ".bin"))
    if not (manifest.is_file() and binary.is_file()):
        raise UnreadableMedia(
            f"{args.folder} must hold {manifest.name} and {binary.name}; fetch the package with: "
            "npm pack @vladmandic/face-api@1.7.15"
        )
    args.out.mkdir(parents=True, exist_ok=True)
    for path in recover(manifest, binary, args.out):
        print(f'[[weights]]\nfile = "weights/{path.name}"\nsha256 = "{file_sha256(path)}"\n')
    return 0
