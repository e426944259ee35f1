"""Make fakes that carry their provenance, and a manifest that names each one's parent.

NAME is a generator (`forensics cards` lists them). One that changes photographs takes them with
--input, in turn until COUNT pictures are made; one that makes pictures from nothing takes none.
The same seed gives the same files.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import forensics
from forensics.commands.generate_sheets import add_sheet_arguments, check_sheets, write_sheets
from forensics.commands.options import add_option_flags, chosen_options
from forensics.errors import NoFace, UnknownPlugin
from forensics.fakes import Row, write_manifest
from forensics.generator import Manipulator, Swapper
from forensics.media import load_image
from forensics.plugins import entries, load
from forensics.schema import Image, Map
from forensics.signing import check_certificate
from forensics.weights import file_sha256
from forensics.writing import Provenance, made_folder, write_picture

if TYPE_CHECKING:
    from forensics.report.made_page import Entry

EXAMPLE = "forensics generate reconstruction --input portrait.jpg --count 1 --seed 1 --out fakes"
REPORTED = 48
"""Pictures that a report shows at most."""


@dataclass(frozen=True, eq=False)
class Made:
    """One picture fresh from a generator. `parent`: SHA-256 of the photograph's bytes, or ""."""

    image: Image
    mask: Map
    seed: int
    parent: str
    before: Image | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command, and those of every generator."""
    parser.add_argument("name", metavar="NAME", help="the generator")
    parser.add_argument("--input", nargs="+", type=Path, default=[], metavar="PHOTO")
    parser.add_argument("--count", type=int, help="default: one, or one for each photograph")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made if missing")
    parser.add_argument(
        "--report",
        action="store_true",
        help=f"also report.html: photograph, picture, mask, surroundings; the first {REPORTED}",
    )
    parser.add_argument(
        "--sign", type=Path, metavar="CERT", help="PEM with certificates and key: adds C2PA"
    )
    add_sheet_arguments(parser)
    add_option_flags(parser, "generator")
    parser.set_defaults(refuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Write pictures, masks where only a part was changed, and `manifest.csv`; return 0."""
    if args.name not in entries("generator"):
        known = ", ".join(entries("generator"))
        raise UnknownPlugin(f"no generator is called {args.name!r}; there are {known}")
    try:
        plugin = load("generator", args.name, chosen_options(args, "generator", args.name))
        check_sheets(args, plugin)
        made = _pictures(plugin, args.input, args.count, args.seed)
    except ValueError as error:
        args.refuse(str(error))
    if args.sign is not None:
        check_certificate(args.sign)
    made_folder(args.out)
    rows, pictures, shown = [], [], []
    for index, picture in enumerate(made):
        rows.append(_write(args, index, plugin, picture))
        if args.report and index < REPORTED:
            shown.append(_entry(plugin, rows[-1], picture))
        if args.grid or args.contact_sheet:
            pictures.append((Path(rows[-1].path).stem, picture.image))
    write_manifest(args.out / "manifest.csv", rows)
    sheets = write_sheets(args, plugin, pictures, _provenance(plugin, args.seed, "", whole=True))
    if args.report:
        _write_report(args.out / "report.html", plugin, shown)
        sheets.append("report.html")
    print(f"{', '.join([f'{len(rows)} pictures', *sheets])} and manifest.csv in {args.out}")
    return 0


def _pictures(plugin: Any, photographs: list[Path], count: int | None, seed: int) -> Iterator[Made]:
    """Check the request at once; make the pictures one by one as they are taken."""
    if count is not None and count < 1:
        raise ValueError(f"--count must be 1 or more, got {count}")
    name = plugin.card.name
    if isinstance(plugin, Swapper):
        raise ValueError(  # noqa: TRY004 - the user's choice, not a type
            f"{name} puts one face in another's place: use forensics swap"
        )
    if not isinstance(plugin, Manipulator):
        if photographs:
            raise ValueError(f"{name} makes pictures from nothing: leave --input out")
        return _sampled(plugin, count or 1, seed)
    if not photographs:
        raise ValueError(f"{name} changes photographs: give some with --input")
    return _changed(plugin, photographs, count or len(photographs), seed)


def _changed(plugin: Manipulator, photographs: list[Path], count: int, seed: int) -> Iterator[Made]:
    for index in range(count):
        path = photographs[index % len(photographs)]
        photograph = load_image(path)
        images, masks = plugin.apply([photograph], seed + index)
        if not masks[0].any():
            raise NoFace(f"{plugin.card.name} found nothing to change in {path.name}")
        yield Made(images[0], masks[0], seed + index, file_sha256(path), photograph)


def _sampled(plugin: Any, count: int, seed: int) -> Iterator[Made]:
    for image in plugin.sample(count, seed):
        yield Made(image, np.ones(image.shape[:2], dtype=np.float32), seed, "")


def _write(args: argparse.Namespace, index: int, plugin: Any, made: Made) -> Row:
    card = plugin.card
    path = args.out / f"{card.name}-{index:04d}.png"
    whole = bool(made.mask.min() == 1)
    provenance = _provenance(plugin, made.seed, made.parent, whole=whole)
    mask = "" if whole else _write_mask(path, made.mask, provenance, args.sign)
    write_picture(path, made.image, provenance, certificate=args.sign)
    return Row(
        path=path.name,
        label="fake",
        family=plugin.family,
        generator=card.name,
        group=card.name,
        mask=mask,
        source=f"forensics generate {card.name}",
        width=made.image.shape[1],
        height=made.image.shape[0],
        bytes=path.stat().st_size,
        sha256=file_sha256(path),
        note=f"seed {made.seed}",
        parent=made.parent,
    )


def _entry(plugin: Any, row: Row, made: Made) -> "Entry":
    from forensics.report.made_page import Shown, entry

    parent = f"; of the photograph with SHA-256 {row.parent}" if row.parent else ""
    return entry(
        Shown(
            name=row.path,
            facts=f"{row.note}; SHA-256 {row.sha256}{parent}",
            image=made.image,
            mask=made.mask,
            provenance=_provenance(plugin, made.seed, made.parent, whole=not row.mask),
            before=made.before,
        )
    )


def _write_report(path: Path, plugin: Any, entries: "Sequence[Entry]") -> None:
    from forensics.report.made_page import page_of_made

    facts = [f"Version {forensics.__version__}; weights {plugin.weights_sha256 or 'none'}."]
    path.write_text(page_of_made(plugin.card, entries, facts), encoding="utf-8")


def _provenance(plugin: Any, seed: int, parent: str, *, whole: bool) -> Provenance:
    return Provenance(
        generator=plugin.card.name,
        version=forensics.__version__,
        seed=seed,
        weights_sha256=plugin.weights_sha256,
        parent_sha256=parent or None,
        composite=not whole,
    )


def _write_mask(picture: Path, mask: Map, words: Provenance, certificate: Path | None) -> str:
    """Write a mask beside its picture, 0 to 255 in three equal channels; return its name."""
    path = picture.with_name(f"{picture.stem}-mask.png")
    grey = np.rint(mask * 255).astype(np.uint8)
    write_picture(path, np.repeat(grey[:, :, None], 3, axis=2), words, certificate=certificate)
    return path.name
