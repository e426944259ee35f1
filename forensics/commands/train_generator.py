"""Hands pictures without labels to a generator: a manifest's, a folder's, an archive's."""

import argparse
import dataclasses
import json
import lzma
import os
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import forensics
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.zoo_embedding import BACKBONE, embedded
from forensics.commands.options import with_fields
from forensics.errors import (
    ForensicsError,
    InvalidManifest,
    InvalidOption,
    UnreadableMedia,
    WeightsUnavailable,
)
from forensics.fidelity import kernel_distance
from forensics.media import decode, load_image, open_media
from forensics.plugins import backbones, load, plugin_class
from forensics.schema import Image, Step
from forensics.training import Distance, PictureData, logged, whole_output
from forensics.weights import verified_path
from forensics.writing import made_folder

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError,
    RuntimeError,
)  # fmt: skip


def generator_steps(args: argparse.Namespace) -> Iterator[Step]:
    """Train the generator `args.name` into `args.out`, yielding its steps."""
    plugin = load("generator", args.name)
    if not hasattr(plugin, "Recipe"):
        raise InvalidOption(f"{args.name} cannot be trained; it has no recipe")
    recipe = with_fields(plugin.Recipe(), args.recipe)
    if draws_its_own(args.name):
        data = plugin.own_pictures(args.out)
    else:
        data = picture_data(args.data, args.folds, args.per_group, args.out)
    facts = {
        "version": forensics.__version__,
        "pictures": len(data.names),
        "seed": args.seed,
        "recipe": dataclasses.asdict(recipe),
    }
    made_folder(args.out)
    data = dataclasses.replace(data, distance=_distance())
    # Of several processes that torchrun started, one keeps the log.
    steps = plugin.train(data, recipe, args.seed)
    if os.environ.get("RANK", "0") == "0":
        steps = _noted(logged(steps, args.out / "log.csv"), facts, args.out / "recipe.json")
    yield from steps


def _noted(steps: Iterator[Step], facts: dict[str, Any], path: Path) -> Iterator[Step]:
    """Pass steps through; the first says that the folder is this recipe's, and it is noted."""
    noted = False
    for step in steps:
        if not noted:
            with whole_output(path) as part:
                part.write_text(json.dumps(facts, indent=2), encoding="utf-8")
            noted = True
        yield step


def _distance() -> Distance | None:
    """The kernel distance of snapshots to held-out pictures; None, and said, without weights."""
    try:
        verified_path(card := backbones()[BACKBONE], card.weights[0])
    except WeightsUnavailable as error:
        print(f"no kernel distances beside snapshots: {error}", file=sys.stderr)
        return None

    def distance(real: Sequence[Image], made: Sequence[Image]) -> float:
        return kernel_distance(embedded(real), embedded(made))

    return distance


def draws_its_own(name: str) -> bool:
    """Whether a generator learns from what it draws, and needs no pictures."""
    return hasattr(plugin_class("generator", name), "own_pictures")


def picture_data(source: Path, folds: Path | None, per_group: int, folder: Path) -> PictureData:
    """Find the pictures to learn from.

    Args:
        source: a manifest (its real rows that are not `check` rows), a folder, a zip, or a tar.
        folds: the folds of a manifest's pictures; needed with a manifest alone.
        per_group: cap on a group of a manifest.
        folder: the run's own folder.

    Raises:
        InvalidManifest: there are no pictures.
        InvalidOption: a manifest came without folds.
    """
    if source.suffix == ".csv":
        names, read = _of_manifest(source, folds, per_group)
    elif source.is_dir():
        names, read = _of_folder(source)
    elif source.is_file() and _is_tar(source):
        names, read = _of_tar(source)
    else:
        names, read = _of_archive(source)
    if not names:
        raise InvalidManifest(f"{source.name} holds no pictures ({', '.join(sorted(SUFFIXES))})")
    return PictureData(tuple(names), read, folder)


_Found = tuple[list[str], Callable[[str], Image]]


def _of_manifest(manifest: Path, folds: Path | None, per_group: int) -> _Found:
    if folds is None:
        raise InvalidOption("a manifest needs --folds: check rows never train shipped weights")
    samples = capped(read_samples(folds, manifest), per_group)
    reals = {s.path: s for s in samples if not s.fake and not s.check}
    store = PictureStore(manifest.parent, Path("runs/cache"))
    return sorted(reals), lambda name: store.region(reals[name])


def _of_folder(folder: Path) -> _Found:
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    return [str(path.relative_to(folder)) for path in found], lambda name: load_image(folder / name)


def _of_archive(path: Path) -> _Found:
    if not zipfile.is_zipfile(path):
        raise InvalidManifest(f"{path.name} is no manifest (.csv), folder, zip or tar")
    with _damage_said(path.name, InvalidManifest):
        archive = zipfile.ZipFile(path)

    def read(name: str) -> Image:
        with _damage_said(name, UnreadableMedia):
            data = archive.read(name)
        return _decoded(name, data)

    found = [name for name in sorted(archive.namelist()) if Path(name).suffix.lower() in SUFFIXES]
    return found, read


def _is_tar(path: Path) -> bool:
    with _damage_said(path.name, InvalidManifest):
        return tarfile.is_tarfile(path)


def _of_tar(path: Path) -> _Found:
    """Names in the archive's order: one that is compressed is read forwards only."""
    with _damage_said(path.name, InvalidManifest):
        archive = tarfile.open(path)  # noqa: SIM115 - pictures are read from it later
        members = {
            member.name: member
            for member in archive
            if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES
        }

    def read(name: str) -> Image:
        with _damage_said(name, UnreadableMedia):
            stream = archive.extractfile(members[name])
            data = stream.read() if stream else b""
        return _decoded(name, data)

    return list(members), read


@contextmanager
def _damage_said(name: str, kind: type[ForensicsError]) -> Iterator[None]:
    """Have what archives raise where they are damaged, or locked, name the file."""
    try:
        yield
    except _DAMAGE as error:
        raise kind(f"{name} cannot be read from its archive: {error}") from error


def _decoded(name: str, data: bytes) -> Image:
    return decode(open_media(Path(name), data), data).image
