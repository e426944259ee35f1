"""Open the local page in a browser: drop a picture, read the verdict, download the report.

It listens on this machine only and sends nothing anywhere, unless --address opens it to others.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import forensics
from forensics.errors import ForensicsError

EXAMPLE = "forensics app --port 8501"
LARGEST_UPLOAD = 300
"""MB, the intake's own limit for a file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("--port", type=int, default=8501, help="default 8501")
    parser.add_argument("--address", default="127.0.0.1", help="default 127.0.0.1: nobody else")
    parser.add_argument(
        "--gallery", type=Path, metavar="DIR", help="also show whom faces are like in this gallery"
    )
    parser.add_argument("--headless", action="store_true", help="open no browser window")


def run(args: argparse.Namespace) -> int:
    """Run Streamlit until it is stopped; return its exit status."""
    from forensics.report.likeness import GALLERY_VARIABLE

    chosen = {} if args.gallery is None else {GALLERY_VARIABLE: str(args.gallery.absolute())}
    return subprocess.call(server_command(args), env={**os.environ, **chosen})


def server_command(args: argparse.Namespace) -> list[str]:
    """The command line of the server.

    `-P` keeps the working directory off the import path: a `detectors/` there would shadow ours.
    """
    return [
        sys.executable, "-P", "-m", "streamlit", "run", str(page()),
        f"--server.port={args.port}", f"--server.address={args.address}",
        f"--server.maxUploadSize={LARGEST_UPLOAD}",
        f"--server.headless={str(args.headless).lower()}",
        "--browser.gatherUsageStats=false",
        "--client.toolbarMode=minimal",
        "--server.showEmailPrompt=false",
    ]  # fmt: skip


def page() -> Path:
    """The page's script: inside the installed package, or at the top of the checkout.

    Raises:
        ForensicsError: neither is there.
    """
    package = Path(forensics.__file__).parent
    places = (package / "page" / "app.py", package.parent / "app.py")
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ForensicsError(f"no page at {places[0]}; reinstall deepfake-forensics")
    return found
