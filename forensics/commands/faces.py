"""Keep a gallery of faces with consent on record, and ask whom a face looks like, how unusually.

Everything stays on this machine. A gallery is a folder of its own with rights for its owner only;
what is removed from it is overwritten. `forensics faces ACTION --help` explains each action.
"""

import argparse

from forensics.commands import faces_audit, faces_crowd, faces_gallery, faces_measure

EXAMPLE = "forensics faces search photo.jpg --gallery people --top 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for module in (faces_gallery, faces_measure, faces_crowd, faces_audit):
        module.add_actions(actions)


def run(args: argparse.Namespace) -> int:
    """Run one action; return its exit status."""
    return int(args.act(args))
