"""Examine pictures and say what they show traces of, how sure that is, and how often it is wrong.

A path is a file, a folder (searched with all its folders) or a pattern such as 'photos/*.jpg'.
Several pictures are examined at a time; results come in order.
Exit status: 0 all files were examined, whatever the verdicts; 1 some could not be; 2 wrong usage.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from forensics.commands.picture_files import files_of
from forensics.errors import UnknownPlugin

if TYPE_CHECKING:
    from tqdm import tqdm

    from forensics.case import Case
    from forensics.examination import Examiner
    from forensics.report.html import Exhibit
    from forensics.schema import Verdict
    from forensics.stages import Failure, Gate, Stage

EXAMPLE = "forensics examine photo.jpg holiday/ --report report.html"
MOST_AT_ONCE = 3
"""Of more pictures CLIP's readings would not stay in memory until all who need them have come."""
_BAR = "{percentage:3.0f}%|{bar:30}| {desc}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder or a pattern")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a line, and nothing else"
    )
    parser.add_argument(
        "--report", type=_report_path, metavar="FILE.html", help="write a report with pictures"
    )
    parser.add_argument(
        "--analysis", action="append", metavar="NAME", help="run this analysis only; repeatable"
    )
    parser.add_argument(
        "--trust-anchors",
        type=_existing_file,
        metavar="FILE.pem",
        help="certificates whose C2PA signers are trusted to say what they generated",
    )
    parser.add_argument(
        "--gallery", type=Path, metavar="DIR", help="look up whom the faces are like in a gallery"
    )
    parser.add_argument(
        "--camera",
        default="",
        metavar="NAME",
        help="look for the fingerprint of a camera that `forensics camera enrol` has built",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--detector", action="append", metavar="NAME", help="use this detector only; repeatable"
    )
    choice.add_argument(
        "--fast",
        action="store_true",
        help="sift many pictures: one look of one detector, which ranks fakes of unknown "
        "generators less well (docs/results/first-light.md), and what the file itself says; "
        "the verdict names what was left out",
    )
    parser.add_argument(
        "--jobs",
        type=_at_least_one,
        metavar="N",
        help="pictures examined at a time; verdicts do not depend on it. Default: one a core, "
        f"without --fast at most {MOST_AT_ONCE}, and one for two cores where no backbone runs",
    )


def run(args: argparse.Namespace) -> int:
    """Examine every path; return the exit status."""
    from forensics.examination import Examiner

    try:
        examiner = Examiner(
            args.detector,
            args.analysis,
            args.fast,
            args.trust_anchors,
            gallery=args.gallery,
            camera=args.camera,
            maps=args.report is not None,
        )
    except UnknownPlugin as error:
        print(f"forensics examine: error: {error}", file=sys.stderr)
        return 2
    return _examine_all(examiner, args)


def _examine_all(examiner: "Examiner", args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from forensics.stages import Failure, each_in_order

    out = sys.stdout
    exhibits: list[Exhibit] = []
    failures: list[tuple[str, str]] = []
    paths = list(files_of(args.paths))

    def done(verdict: "Verdict", case: "Case") -> _Done:
        return _Done(_text(verdict, args.json), _exhibit(verdict, case) if args.report else None)

    jobs = max(1, min(args.jobs or _usual_jobs(examiner, fast=args.fast), len(paths)))
    # Some codec or plugin may print; standard output belongs to verdicts.
    with (
        redirect_stdout(sys.stderr),
        tqdm(total=len(paths), disable=None, leave=False, bar_format=_BAR) as bar,
        closing(each_in_order(_Watched(examiner, bar).stages, paths, jobs, done)) as results,
    ):
        for one in results:
            if isinstance(one, Failure):
                failures.append((str(one.path), str(one.error)))
                _print(_failure_text(one, args.json), out)
                continue
            _print(one.text, out)
            if one.exhibit is not None:
                exhibits.append(one.exhibit)
    if args.report:
        _write_report(args.report, exhibits, failures)
    return 1 if failures else 0


@dataclass(frozen=True, eq=False)
class _Done:
    """What is kept of a file until its turn to be printed."""

    text: str
    exhibit: "Exhibit | None"


@dataclass(frozen=True, eq=False)
class _Watched:
    """Examines files and moves the bar by their stages."""

    examiner: "Examiner"
    bar: "tqdm[NoReturn]"

    def stages(self, path: Path | str, room: "Gate") -> Iterator["Stage"]:
        """The stages of one file."""
        shown, name = 0.0, ascii(Path(path).name)[1:-1]
        try:
            for stage in self.examiner.stages(path, room):
                self.bar.set_description_str(f"{name}: {stage.name}")
                self.bar.update(stage.done / stage.total - shown)
                shown = stage.done / stage.total
                yield stage
        finally:
            self.bar.update(1 - shown)


def _text(verdict: "Verdict", as_json: bool) -> str:
    from forensics.report import lines, terminal

    if as_json:
        return lines.as_text(lines.verdict_line(verdict))
    return terminal.verdict_text(verdict) + "\n"


def _failure_text(failure: "Failure", as_json: bool) -> str:
    from forensics.report import lines, words

    path, error = failure.path, failure.error
    if as_json:
        return lines.as_text(lines.failure_line(path, error))
    return f"{words.printable(str(path))}\n  Not examined: {words.printable(str(error))}\n"


def _print(text: str, out: TextIO) -> None:
    """Print above the progress bar, at once: whoever reads line by line need not wait."""
    from tqdm import tqdm

    with tqdm.external_write_mode(out):
        print(text, file=out, flush=True)


def _exhibit(verdict: "Verdict", case: "Case") -> "Exhibit":
    from forensics.report import html

    return html.exhibit(verdict, case.image)


def _write_report(path: Path, exhibits: list["Exhibit"], failures: list[tuple[str, str]]) -> None:
    from forensics.report import html

    html.write(path, html.render(exhibits, failures))
    print(f"Report: {path}", file=sys.stderr)


def _usual_jobs(examiner: "Examiner", *, fast: bool) -> int:
    """How many pictures at a time keep the cores busy: without a backbone, one keeps two so."""
    if fast:
        return _cores()
    backbone = any(detector.card.requires for detector in examiner.detectors.values())
    return min(_cores() if backbone else _cores() // 2, MOST_AT_ONCE)


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _existing_file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def _report_path(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() == ".pdf":
        raise argparse.ArgumentTypeError("PDF reports come in a later version; name a .html file")
    if path.suffix.lower() not in {".html", ".htm"}:
        raise argparse.ArgumentTypeError(f"{text} must end in .html")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder {path.parent} does not exist")
    return path
