"""How records and vectors lie in the rows of a gallery's tables."""

from collections.abc import Sequence

import numpy as np

from forensics.errors import GalleryUnusable
from forensics.faces.storage import Ids, Record
from forensics.schema import Floats


def row_of(record: Record) -> tuple[str | int, ...]:
    """A record's values in the order of the columns."""
    return (
        *(record.label, record.source, record.sha256),
        *(record.face, record.consent, record.added_at),
    )


def blob_of(vector: Floats) -> bytes:
    """A (D,) vector as little-endian float32."""
    return np.ascontiguousarray(vector, "<f4").tobytes()


def stacked(rows: Sequence[tuple[int, bytes]]) -> tuple[Ids, Floats]:
    """Ids and (N, D) vectors of rows of both.

    Raises:
        GalleryUnusable: the vectors have different lengths.
    """
    ids, blobs = zip(*rows, strict=True)
    if len({len(blob) for blob in blobs}) > 1:
        raise GalleryUnusable("the gallery is damaged: vectors of different lengths")
    values = np.frombuffer(b"".join(blobs), "<f4")
    return np.asarray(ids, np.int64), values.reshape(len(ids), -1)
