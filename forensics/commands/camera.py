"""Build the fingerprint of a camera from its photographs, list fingerprints, remove them.

A fingerprint is what the sensor's pixels have of their own; `forensics examine --camera NAME`
looks for it in a picture. It can tie a person to a camera: it lies in a folder of its owner only
($FORENSICS_CAMERAS moves it) and leaves it never.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

EXAMPLE = 'forensics camera enrol photos-of-the-wall/ --name "desk camera"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="enrol|list|remove")
    enrolling = _action(
        actions, "enrol", _enrol, "build a fingerprint", 'photos/ --name "desk camera"'
    )
    enrolling.add_argument("folder", type=Path, metavar="DIR", help="the camera's own files")
    enrolling.add_argument("--name", required=True, metavar="NAME", help="replaced where it exists")
    enrolling.add_argument("--model", default="", metavar="TEXT", help="a note on which it is")
    listing = _action(actions, "list", _list, "every camera that is enrolled", "--json")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    removing = _action(actions, "remove", _remove, "delete a fingerprint", '--name "desk camera"')
    removing.add_argument("--name", required=True, metavar="NAME")


def run(args: argparse.Namespace) -> int:
    """Run one action; return its exit status."""
    return int(args.act(args))


def _action(actions: Any, name: str, act: Any, line: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=line, description=line, epilog=f"example: forensics camera {name} {example}"
    )
    parser.set_defaults(act=act)
    return parser


def _enrol(args: argparse.Namespace) -> int:
    import sys

    from tqdm import tqdm

    from forensics.cameras import cameras_folder, enrol
    from forensics.commands.faces_gallery import pictures_under
    from forensics.errors import CameraUnusable

    if not args.folder.is_dir():
        raise CameraUnusable(f"{args.folder} is no folder; give the folder of the photographs")
    paths = pictures_under([args.folder])
    used = 0
    for passed in tqdm(enrol(args.name, paths, args.model), "enrolling", len(paths), disable=None):
        used += not passed.reason
        if passed.reason:
            print(f"left out: {passed.path.name} {passed.reason}", file=sys.stderr)
    print(f"{used} of {len(paths)} pictures make the fingerprint {args.name!r}")
    print(f"It lies in {cameras_folder()}")
    return 0


def _list(args: argparse.Namespace) -> int:
    import json

    from forensics.cameras import known_cameras

    for camera in known_cameras():
        facts = asdict(camera)
        print(json.dumps(facts) if args.json else "  ".join(map(str, facts.values())))
    return 0


def _remove(args: argparse.Namespace) -> int:
    from forensics.cameras import remove_camera

    remove_camera(args.name)
    print(f"The fingerprint {args.name!r} is deleted")
    return 0
