"""An upload under examination in a thread of its own, for pages that redraw while it runs."""

import hashlib
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from forensics.errors import ForensicsError
from forensics.examination import Examiner
from forensics.report import html, lines
from forensics.schema import Verdict
from forensics.stages import Stage

# One at a time: a second picture of 150 megapixels beside the first could exhaust the memory.
_examinations = ThreadPoolExecutor(max_workers=1, thread_name_prefix="examination")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a page shows and offers: the exhibit, the HTML report and the JSON line."""

    exhibit: html.Exhibit
    page: str
    line: str


class Upload:
    """Examines bytes as soon as it is made; `stage` tells how far it is.

    The bytes lie in a temporary folder while they are examined, under their SHA-256: the name a
    stranger gave them is shown and never used as a path.
    """

    def __init__(self, name: str, data: bytes) -> None:
        """Start the examination of `data`, which the user calls `name`."""
        self.name = name
        self.sha256 = sha256(data)
        self.stage = Stage("waiting", 0, 1)
        self._future: Future[Outcome] = _examinations.submit(self._examine, data)

    @property
    def done(self) -> bool:
        """Whether `outcome` answers at once."""
        return self._future.done()

    def outcome(self) -> Outcome:
        """Wait for the result.

        Raises:
            ForensicsError: the file cannot be examined; the message names it as the user does.
        """
        try:
            return self._future.result()
        except ForensicsError as error:
            raise type(error)(str(error).replace(self.sha256, self.name)) from error

    def _examine(self, data: bytes) -> Outcome:
        verdict, case = None, None
        with tempfile.TemporaryDirectory(prefix="forensics-") as folder:
            path = Path(folder) / self.sha256
            path.write_bytes(data)
            for stage in _examiner().stages(path):
                self.stage = replace(stage, case=None)
                verdict, case = stage.verdict, stage.case
        assert verdict is not None
        assert case is not None
        exhibit = html.exhibit(self._named(verdict), case.image)
        line = lines.as_text(lines.verdict_line(exhibit.verdict))
        return Outcome(exhibit, html.render([exhibit]), line)

    def _named(self, verdict: Verdict) -> Verdict:
        """The verdict under the user's name for the file instead of the temporary one."""
        return replace(verdict, media=replace(verdict.media, path=Path(self.name)))


def sha256(data: bytes) -> str:
    """SHA-256 of an upload, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@cache
def _examiner() -> Examiner:
    return Examiner()
