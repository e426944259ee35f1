"""The actions on a gallery: add, search, list, stats, remove, export, destroy."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.errors import ForensicsError, GalleryUnusable

if TYPE_CHECKING:
    from forensics.faces.index import FaceIndex, LookedUp

Actions = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_actions(actions: Any) -> None:
    """Declare the actions of this file."""
    _declare_add(actions)
    _declare_search(actions)
    listing = _action(actions, "list", _list, "every face that is kept", "--gallery people --json")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    stats = _action(actions, "stats", _stats, "check the gallery and count", "--gallery people")
    stats.add_argument("--json", action="store_true", help="print one JSON object")
    removing = _action(
        actions, "remove", _remove, "remove a person or a file", '--gallery people --label "Ada"'
    )
    chosen = removing.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--label", metavar="NAME", help="the person")
    chosen.add_argument("--source", metavar="FILE", help="the file as it was added, or its SHA-256")
    export = _action(
        actions, "export", _export, "write all that is kept", "--gallery people --out people.csv"
    )
    export.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    _action(actions, "destroy", _destroy, "remove the gallery, folder and all", "--gallery people")


def gallery_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--gallery DIR` and `--matcher NAME`."""
    parser.add_argument("--gallery", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--matcher", metavar="NAME", help="default: the gallery's own; dlib_resnet for a new one"
    )


def matcher_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--matcher NAME`."""
    parser.add_argument(
        "--matcher", default="dlib_resnet", metavar="NAME", help="default dlib_resnet, which ships"
    )


def opened(args: argparse.Namespace, *, create: bool = False) -> "FaceIndex":
    """Open the gallery that the command line names."""
    from forensics.faces.embed import load_matcher
    from forensics.faces.index import FaceIndex

    names = (args.matcher, getattr(args, "second", None))
    matcher, second = (load_matcher(name) if name else None for name in names)
    return FaceIndex(args.gallery, matcher=matcher, second=second, create=create)


def pictures_under(paths: list[Path]) -> list[Path]:
    """Every file named, and the pictures of every folder named, each once."""
    from forensics.commands.picture_files import SUFFIXES

    found = [
        file
        for path in paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if not path.is_dir() or (file.is_file() and file.suffix.lower() in SUFFIXES)
    ]
    return list(dict.fromkeys(found))


def _action(actions: Any, name: str, act: Any, line: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=line, description=line, epilog=f"example: forensics faces {name} {example}"
    )
    gallery_argument(parser)
    parser.set_defaults(act=act)
    return parser


def _declare_add(actions: Any) -> None:
    parser = _action(
        actions,
        *("add", _add, "keep the faces of pictures"),
        'ada.jpg --gallery people --label "Ada" --consent "release of 2026-03-01"',
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--label", metavar="NAME", help="whose face it is")
    who.add_argument(
        "--label-from", choices=("stem", "parent"), help="the file's name, or its folder's"
    )
    parser.add_argument(
        "--consent", required=True, metavar="TEXT", help="on what ground these faces are kept"
    )
    parser.add_argument(
        "--second",
        metavar="NAME",
        help="of a new gallery: another matcher, which must agree to the strongest words",
    )
    parser.add_argument(
        "--several",
        choices=("refuse", "largest", "all"),
        default="refuse",
        help="what to do with a picture of several faces; default refuse",
    )
    parser.set_defaults(refuse=parser.error)


def _declare_search(actions: Any) -> None:
    parser = _action(
        actions, "search", _search, "whom the faces look like", "photo.jpg --gallery people --top 3"
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="matches a face; default 5")
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")


def _add(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    if not args.consent.strip():
        args.refuse("--consent must say on what ground these faces are kept")
    added = known = failed = 0
    with opened(args, create=True) as index:
        for path in tqdm(pictures_under(args.paths), "adding", disable=None, leave=False):
            try:
                count = index.add(
                    path, label=_label(path, args), consent=args.consent, several=args.several
                )
            except GalleryUnusable:
                raise
            except ForensicsError as error:
                failed += 1
                print(f"not added: {error}", file=sys.stderr)
                continue
            added, known = added + count, known + (count == 0)
        total = len(index)
    print(f"{added} faces added, {known} files were there already, {failed} files not added")
    print(f"{total} faces in {args.gallery}")
    return 1 if failed else 0


def _label(path: Path, args: argparse.Namespace) -> str:
    if args.label is not None:
        return str(args.label)
    return path.stem if args.label_from == "stem" else path.absolute().parent.name


def _search(args: argparse.Namespace) -> int:
    from forensics.media import load_image

    if args.top < 1:
        raise GalleryUnusable(f"--top must be 1 or more, got {args.top}")
    with opened(args) as index:
        found = index.search(load_image(args.image), top=args.top)
    if args.json:
        print(json.dumps({"path": str(args.image), "faces": [face_object(one) for one in found]}))
    else:
        print("\n".join(_face_lines(args.image, found)))
    return 0


def face_object(found: "LookedUp") -> dict[str, object]:
    """One face as the JSON contract has it."""
    faces: dict[str, object] = {
        "box": [round(float(edge), 2) for edge in found.face.box],
        "matches": [asdict(match) for match in found.matches],
    }
    return {**faces, "refusal": found.refusal} if found.refusal else faces


def _face_lines(path: Path, found: list["LookedUp"]) -> Iterator[str]:
    yield f"{path}: {len(found)} faces"
    for number, one in enumerate(found, 1):
        x1, y1, x2, y2 = (round(float(edge)) for edge in one.face.box)
        yield f"\nFace {number} at {x1}, {y1} to {x2}, {y2} px"
        if one.refusal:
            yield f"  Not looked up: {one.refusal}"
        for match in one.matches:
            yield f"  {match.label}  (similarity {match.similarity:.3f}, {match.source})"
            yield f"    {match.statement}"


def _list(args: argparse.Namespace) -> int:
    with opened(args) as index:
        for record in index.records():
            facts = asdict(record)
            print(json.dumps(facts) if args.json else "  ".join(map(str, facts.values())))
    return 0


def _stats(args: argparse.Namespace) -> int:
    with opened(args) as index:
        facts = {**index.stats(), "matcher": index.key, "gallery": str(args.gallery)}
    if args.json:
        print(json.dumps(facts))
    else:
        print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    return 0


def _remove(args: argparse.Namespace) -> int:
    with opened(args) as index:
        count = index.remove(label=args.label, source=args.source)
    print(f"{count} faces removed from {args.gallery}")
    return 0 if count else 1


def _export(args: argparse.Namespace) -> int:
    with opened(args) as index:
        count = index.export(args.out)
    print(f"{count} faces written to {args.out}; it holds their vectors: keep it as safe")
    return 0


def _destroy(args: argparse.Namespace) -> int:
    with opened(args) as index:
        count = len(index)
        index.destroy()
    print(f"{args.gallery} and its {count} faces are removed")
    return 0
