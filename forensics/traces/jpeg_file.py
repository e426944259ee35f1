"""How a JPEG file is built: its segments in order, tables, sampling, and what follows its end.

ITU-T T.81 (JPEG), annex B; CIPA DC-007 (multi-picture format). The bytes are hostile until shown
otherwise: every count is capped, a lying length ends the walk, and nothing here raises.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_SEGMENTS = 2000
MOST_SCANS = 200
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_NO_BODY = {0x01, 0xD8, *range(0xD0, 0xD8)}
_QUANTISATION, _HUFFMAN, _RESTART, _SCAN, _END = 0xDB, 0xC4, 0xDD, 0xDA, 0xD9
_APPLICATION = range(0xE0, 0xF0)
_NAMES = {0xC4: "DHT", 0xCC: "DAC", 0xDB: "DQT", 0xDD: "DRI", 0xDA: "SOS", 0xFE: "COM"}
_NEXT_MARKER = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
_IDENTIFIER = re.compile(rb"[\x20-\x7e]{3,40}")
# ITU-T T.81, annex F.1.2: the order in which coefficients are stored.
ZIGZAG = sorted(
    ((row, column) for row in range(8) for column in range(8)),
    key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
)
Table = NDArray[np.int64]
"""(8, 8) quantisation steps, rows from low to high vertical frequency."""


@dataclass(frozen=True)
class Segment:
    """One marker segment: its name ("APP1 Exif", "DQT"), offset and body without the length."""

    name: str
    marker: int
    at: int
    body: bytes


@dataclass(frozen=True, eq=False)
class JpegFile:
    """What a JPEG's headers say.

    `tables`: quantisation tables by number; `components`: (horizontal, vertical factor, table
    number) in file order; `end`: offset behind the end marker, None where there is none; `cut`:
    whether a length led beyond the file.
    """

    segments: tuple[Segment, ...]
    tables: dict[int, Table]
    frame: int
    components: tuple[tuple[int, int, int], ...]
    scans: int
    end: int | None
    cut: bool

    @property
    def progressive(self) -> bool:
        """Whether the picture is stored in passes from coarse to fine."""
        return self.frame in (0xC2, 0xC6, 0xCA, 0xCE)

    @property
    def arithmetic(self) -> bool:
        """Whether arithmetic coding stands in the place of Huffman codes."""
        return self.frame > 0xC8  # noqa: PLR2004

    @property
    def luma_table(self) -> Table | None:
        """The steps of the first component, None where the file lacks them."""
        return self.tables.get(self.components[0][2]) if self.components else None

    @property
    def chroma_table(self) -> Table | None:
        """The steps of the second component, None for grey pictures."""
        return self.tables.get(self.components[1][2]) if len(self.components) > 1 else None

    def has(self, name: str) -> bool:
        """Whether a segment before the first scan has a name that begins so."""
        return any(segment.name.startswith(name) for segment in self.segments)


def read_jpeg(data: bytes) -> JpegFile:
    """Walk the segments of the first JPEG in `data`, to its end marker."""
    segments: list[Segment] = []
    scans, end, cut = 0, None, False
    for segment in _walk(data):
        if segment.marker == _END:
            end = segment.at + 2
            break
        scans += segment.marker == _SCAN
        cut = len(segment.body) < _length(data, segment.at)
        if not scans:
            segments.append(segment)
    frame, components = _frame(segments)
    return JpegFile(tuple(segments), _tables(segments), frame, components, scans, end, cut)


def standard_huffman(jpeg: JpegFile) -> bool | None:
    """Whether all Huffman codes are the standard's examples; None where none is stored."""
    bodies = [segment.body for segment in jpeg.segments if segment.marker == _HUFFMAN]
    counts = [codes for body in bodies for codes in _code_counts(body)]
    return all(codes in _STANDARD_COUNTS for codes in counts) if counts else None


# ITU-T T.81, annex K.3: how many codes of 1 to 16 bits the four example tables have.
_STANDARD_COUNTS = {
    bytes((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)),
    bytes((0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0)),
    bytes((0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D)),
    bytes((0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77)),
}


def _walk(data: bytes) -> Iterator[Segment]:
    at, scans = 2, 0
    for _ in range(MOST_SEGMENTS):
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if data[at : at + 1] != b"\xff" or at + 2 > len(data):
            return
        marker = data[at + 1]
        if marker == _END or marker in _NO_BODY:
            yield Segment("EOI" if marker == _END else "marker", marker, at, b"")
            at += 2
            continue
        length = _length(data, at)
        body = data[at + 4 : at + 4 + length]
        yield Segment(_name(marker, body), marker, at, body)
        at += 4 + length
        if marker == _SCAN:
            scans += 1
            behind = _NEXT_MARKER.search(data, at) if scans <= MOST_SCANS else None
            if behind is None:
                return
            at = behind.start()


def _length(data: bytes, at: int) -> int:
    """The bytes of a segment's body, as it claims."""
    return max(0, int.from_bytes(data[at + 2 : at + 4], "big") - 2)


def _name(marker: int, body: bytes) -> str:
    if marker in _APPLICATION:
        found = _IDENTIFIER.match(body)
        return f"APP{marker - 0xE0} {found[0].decode('ascii') if found else ''}".strip()
    if marker in _FRAMES:
        return f"SOF{marker - 0xC0}"
    return _NAMES.get(marker, f"{marker:02X}")


def _tables(segments: list[Segment]) -> dict[int, Table]:
    tables: dict[int, Table] = {}
    for segment in segments:
        at, body = 0, segment.body
        while segment.marker == _QUANTISATION and at < len(body):
            wide, number = body[at] >> 4, body[at] & 15
            size = 128 if wide else 64
            values = body[at + 1 : at + 1 + size]
            if wide > 1 or len(values) < size:
                break
            tables[number] = _ordered(np.frombuffer(values, ">u2" if wide else "u1"))
            at += 1 + size
    return tables


def _ordered(values: NDArray[np.integer]) -> Table:
    table = np.zeros((8, 8), dtype=np.int64)
    rows, columns = zip(*ZIGZAG, strict=True)
    table[rows, columns] = values
    return table


def _frame(segments: list[Segment]) -> tuple[int, tuple[tuple[int, int, int], ...]]:
    for segment in segments:
        body = segment.body
        if segment.marker in _FRAMES and len(body) > 6:  # noqa: PLR2004
            rows = struct.iter_unpack("3B", body[6 : 6 + 3 * min(body[5], len(body[6:]) // 3)])
            return segment.marker, tuple((f >> 4, f & 15, table) for _, f, table in rows)
    return 0, ()


def _code_counts(body: bytes) -> Iterator[bytes]:
    at = 0
    while at + 17 <= len(body):
        yield body[at + 1 : at + 17]
        at += 17 + sum(body[at + 1 : at + 17])
