"""Finds weights files and lets none be used whose SHA-256 its card does not promise.

A file ships beside its card, or lies in the user's cache after `forensics weights pull NAME`.
Nothing here unpickles: tensors come from safetensors, networks from ONNX.
"""

import hashlib
import os
import sys
from functools import cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from forensics.errors import BrokenPlugin, WeightsCorrupt, WeightsUnavailable
from forensics.schema import ModelCard, WeightFile


def cache_folder() -> Path:
    """The folder of fetched weights: `$FORENSICS_CACHE`, else the platform's own for a user."""
    chosen = os.environ.get("FORENSICS_CACHE")
    return Path(chosen).expanduser() if chosen else _platform_cache() / "deepfake-forensics"


def file_named(card: ModelCard, suffix: str) -> WeightFile:
    """The one weights file of `card` whose name ends with `suffix` (".onnx", "head.safetensors").

    Raises:
        WeightsUnavailable: the card names no file at all; the message has the command that trains.
        BrokenPlugin: the card names other files, or several such.
    """
    if not card.weights and card.retrain:
        raise WeightsUnavailable(f"{card.title}: ships no weights; {_remedy(card)}")
    fitting = [file for file in card.weights if file.file.endswith(suffix)]
    if len(fitting) != 1:
        names = ", ".join(file.file for file in card.weights) or "none at all"
        raise BrokenPlugin(
            f"the card of {card.name} must name one weights file ending in {suffix!r}; "
            f"it names {names}"
        )
    return fitting[0]


def find_file(card: ModelCard, file: WeightFile) -> Path | None:
    """Where `file` lies, beside its card or in the cache, not verified; None where it does not."""
    places = (card.folder / file.file, cache_folder() / card.name / file.file)
    return next((place for place in places if place.is_file()), None)


def verified_path(card: ModelCard, file: WeightFile) -> Path:
    """The path of a weights file that has the SHA-256 its card promises.

    A file is hashed once a process, and again only after it has changed on disk.

    Raises:
        WeightsUnavailable: no such file; the message gives the command that gets or trains it.
        WeightsCorrupt: the file has another SHA-256.
    """
    path = find_file(card, file)
    if path is None:
        raise WeightsUnavailable(
            f"{card.title}: no file {file.file} with sha256 {file.sha256[:12]}; {_remedy(card)}"
        )
    status = path.stat()
    found = _sha256(path, status.st_mtime_ns, status.st_size)
    if found != file.sha256:
        raise WeightsCorrupt(
            f"{card.title}: {path} has sha256 {found}, its card promises {file.sha256}; "
            f"{_remedy(card)}"
        )
    return path


def load_tensors(card: ModelCard, stem: str | None = None) -> dict[str, NDArray[Any]]:
    """Read a verified safetensors file of `card`: arrays by name, in the precision stored.

    Args:
        card: whose weights.
        stem: the file's name without `.safetensors`, where the card names several.
    """
    from safetensors.numpy import load_file

    suffix = ".safetensors" if stem is None else f"{stem}.safetensors"
    return load_file(verified_path(card, file_named(card, suffix)))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    All at once, so that it never has to wait for Python's lock on the way.
    """
    if not path.stat().st_size:
        return hashlib.sha256().hexdigest()
    with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
        return hashlib.sha256(content).hexdigest()


@cache
def _sha256(path: Path, modified: int, size: int) -> str:
    """As `file_sha256`; time of change and size are part of the cache's key, so edits are seen."""
    return file_sha256(path)


def _remedy(card: ModelCard) -> str:
    if card.source:
        return f"get it with: forensics weights pull {card.name}"
    if card.retrain:
        return f"retrain it with: {card.retrain}"
    return "reinstall the package that ships it"


def _platform_cache() -> Path:
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
