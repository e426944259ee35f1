"""Put one person's face in the place of another's, in a picture or a clip.

Use it responsibly: to train and test detectors, in research and teaching, on people who agreed.
A swapped face can deceive, humiliate and harm the person shown; in many places making or sharing
one without consent is unlawful. Nothing runs without --i-have-consent, by which you state that
everybody shown, in TARGET and in --source, agreed to this use or that the law allows it without.

The output says what it is: visible words on every picture (--no-visible-mark leaves them out, for
research), and always metadata that name the generator, its version and weights, and the SHA-256 of
TARGET. Beside it lie its mask and a row in manifest.csv. A clip keeps its sound and its timing; a
run that was stopped goes on where it was when the same command is given again.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forensics.commands.options import add_option_flags, chosen_options
from forensics.errors import ConsentMissing, InvalidOption, UnknownPlugin
from forensics.generator import Swapper
from forensics.plugins import entries, load, plugin_class

EXAMPLE = (
    "forensics swap interview.mp4 --source me.jpg --model landmark_swap --out swapped.mp4"
    " --i-have-consent"
)
PICTURES, CLIPS = (".png", ".jpg", ".jpeg"), (".mp4",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command, and those of every generator."""
    parser.add_argument("target", type=Path, metavar="TARGET", help="a picture or a clip")
    parser.add_argument(
        "--source", nargs="+", type=Path, default=[], metavar="FACE",
        help="pictures of one person, whose face is put in; a trained pair needs none",
    )  # fmt: skip
    parser.add_argument("--model", required=True, metavar="NAME", help="the swapper")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".png or .jpg; .mp4 of a clip"
    )
    parser.add_argument(
        "--i-have-consent", action="store_true", help="everybody shown agreed to this use"
    )
    parser.add_argument(
        "--only", type=Path, metavar="PHOTO", help="replace only the person of this photograph"
    )
    parser.add_argument("--seed", type=int, default=0, help="default 0; written into the output")
    parser.add_argument(
        "--no-visible-mark", action="store_true", help="no words on the picture (research)"
    )
    parser.add_argument(
        "--sign", type=Path, metavar="CERT", help="PEM with certificates and key: adds C2PA"
    )
    add_option_flags(parser, "generator")
    parser.set_defaults(refuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Write the swapped file, its mask and a row of the manifest; return 0."""
    from forensics.signing import check_certificate
    from forensics.swapping import chosen_person, is_picture, read_sources

    if not args.i_have_consent:
        raise ConsentMissing(
            "nothing was made: this puts a face where it never was. If everybody shown agreed to "
            "it, or the law allows it without, say so with --i-have-consent"
        )
    swapper = _swapper(args)
    if swapper.needs_sources and not args.source:
        args.refuse(f"{args.model} needs pictures of the face to put in: give --source")
    if args.source and not swapper.needs_sources:
        args.refuse(f"{args.model} has learned the face that it puts in: leave --source out")
    picture = is_picture(args.target)
    _check_output(args.out, picture)
    if args.sign is not None:
        check_certificate(args.sign)
    _ = swapper.weights_sha256  # A missing network is said before the work begins.
    sources = read_sources(args.source)
    chosen = None if args.only is None else chosen_person(args.only)
    make: Callable[..., None] = _swap_picture if picture else _swap_clip
    make(args, swapper, sources, chosen)
    print(f"{args.out}, its mask and manifest.csv")
    return 0


def _swapper(args: argparse.Namespace) -> Swapper:
    known = [n for n in entries("generator") if issubclass(plugin_class("generator", n), Swapper)]
    if args.model not in known:
        raise UnknownPlugin(f"no swapper is called {args.model!r}; there are {', '.join(known)}")
    try:
        swapper: Swapper = load(
            "generator", args.model, chosen_options(args, "generator", args.model)
        )
    except ValueError as error:
        args.refuse(str(error))
    return swapper


def _check_output(out: Path, picture: bool) -> None:
    from forensics.writing import made_folder

    allowed = PICTURES if picture else CLIPS
    if out.suffix.lower() not in allowed:
        kind = "a picture" if picture else "a clip"
        raise InvalidOption(
            f"TARGET is {kind}, so --out must end in {' or '.join(allowed)}, not {out.name!r}"
        )
    made_folder(out.parent)


def _swap_picture(args: argparse.Namespace, swapper: Swapper, sources: Any, chosen: Any) -> None:
    from forensics.marking import marked
    from forensics.swapping import grey, provenance_of, swapped_picture
    from forensics.writing import write_picture

    image, mask = swapped_picture(swapper, args.target, sources, chosen)
    words = provenance_of(swapper, args.target, args.seed)
    mask_out = args.out.with_name(f"{args.out.stem}-mask.png")
    write_picture(mask_out, grey(mask), words, certificate=args.sign)
    shown = image if args.no_visible_mark else marked(image)
    write_picture(args.out, shown, words, certificate=args.sign)
    _note(args, swapper, mask_out, image.shape)


def _swap_clip(args: argparse.Namespace, swapper: Swapper, sources: Any, chosen: Any) -> None:
    from tqdm import tqdm

    from forensics.clips import Clip
    from forensics.swapped_clips import ClipSwap, swap_clip
    from forensics.swapping import provenance_of

    mask_out = args.out.with_name(f"{args.out.stem}-mask.mp4")
    job = ClipSwap(
        swapper=swapper,
        target=args.target,
        sources=sources,
        provenance=provenance_of(swapper, args.target, args.seed),
        chosen=chosen,
        visible_mark=not args.no_visible_mark,
        certificate=args.sign,
    )
    with tqdm(unit="frame", disable=None) as bar:
        for step in swap_clip(job, args.out, mask_out):
            bar.set_description(step.stage, refresh=False)
            bar.total, bar.n = step.total, step.done
            bar.update(0)
    with Clip(args.out) as clip:
        frame = next(clip.frames())
    _note(args, swapper, mask_out, frame.image.shape)


def _note(args: argparse.Namespace, swapper: Swapper, mask: Path, shape: tuple[int, ...]) -> None:
    """Add the output's row to `manifest.csv` beside it."""
    from forensics.fakes import Row, write_manifest
    from forensics.weights import file_sha256

    row = Row(
        path=args.out.name,
        label="fake",
        family=swapper.family,
        generator=args.model,
        group=args.model,
        mask=mask.name,
        source=f"forensics swap {args.model}",
        width=shape[1],
        height=shape[0],
        bytes=args.out.stat().st_size,
        sha256=file_sha256(args.out),
        note="no visible mark" if args.no_visible_mark else "visible mark",
        parent=file_sha256(args.target),
    )
    write_manifest(args.out.parent / "manifest.csv", [row])
