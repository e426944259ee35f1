"""What a gallery needs from whatever keeps it: records with vectors, added and removed durably."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forensics.schema import Floats

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Record:
    """What a gallery knows of one face beside its vector.

    `source`: the file as it was named; `sha256`: of its bytes; `face`: which of its faces, from 0;
    `consent`: on what ground the face is kept; `added_at`: UTC, ISO 8601.
    """

    label: str
    source: str
    sha256: str
    face: int
    consent: str
    added_at: str


class State(NamedTuple):
    """What tells whether vectors in memory are still those stored.

    `last`: the highest id ever given; `removals`: how often something was removed.
    """

    last: int
    removals: int


class Storage(ABC):
    """One gallery's records and vectors. Every method may raise `GalleryUnusable`.

    A contract with more than one method, because an engine must keep them all together: what
    `add` has returned is durable, what `remove` has returned for can be found nowhere any more.
    A server engine (PostgreSQL with pgvector) would be a second class of this kind.
    """

    @abstractmethod
    def add(
        self, records: Sequence[Record], vectors: Floats, second: Floats | None = None
    ) -> list[int]:
        """Keep (N, D) vectors with their records, all or none.

        Args:
            records: N of them.
            vectors: of the gallery's matcher.
            second: (N, E), of its second matcher, where it has one.

        Returns:
            The ids of those kept, rising; a record whose `sha256` and `face` are there already
            is left out.
        """

    @abstractmethod
    def remove(self, *, label: str | None = None, source: str | None = None) -> int:
        """Remove all records with this label, or of this source file or SHA-256; how many."""

    @abstractmethod
    def vectors(self, after: int = 0) -> Iterator[tuple[Ids, Floats]]:
        """Yield ids and vectors, rising ids above `after`, in blocks."""

    @abstractmethod
    def second_vectors(self, ids: Sequence[int]) -> dict[int, Floats]:
        """The second matcher's vectors, (E,) by id, of those asked for and still there."""

    @abstractmethod
    def matchers(self) -> tuple[str, str]:
        """Name and fingerprint of the gallery's matcher and of its second one, empty if none."""

    @abstractmethod
    def records(self, ids: Sequence[int] | None = None) -> Iterator[tuple[int, Record]]:
        """Yield records with their ids, all or those asked for and still there."""

    @abstractmethod
    def holds(self, sha256: str) -> bool:
        """Whether any face of a file is kept."""

    @abstractmethod
    def people(self) -> int:
        """How many different labels are kept."""

    @abstractmethod
    def state(self) -> State:
        """What has changed so far."""

    @abstractmethod
    def check(self) -> None:
        """Read everything and raise where something is damaged."""

    @abstractmethod
    def destroy(self) -> None:
        """Remove everything, and what it was kept in."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files or connections."""
