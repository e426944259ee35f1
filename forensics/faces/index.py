"""A gallery of faces: add people with their consent on record, and ask whom a face looks like.

index = FaceIndex(Path("gallery"), create=True)
index.add(Path("ada.jpg"), label="Ada", consent="release of 2026-03-01")
for looked_up in index.search(image):
    print(looked_up.face.box, looked_up.matches)
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from forensics.errors import GalleryUnusable, NoFace
from forensics.faces.detect import find_faces
from forensics.faces.embed import Matcher, load_matcher, matcher_key, matcher_of
from forensics.faces.likeness import Likeness, load_likeness
from forensics.faces.second import Asked, ask_second
from forensics.faces.sqlite_storage import NAME, SqliteStorage
from forensics.faces.storage import Record, State, Storage
from forensics.faces.vectors import Ids, VectorBlocks
from forensics.media import decode, open_media, read_bytes
from forensics.schema import Face, Floats, Image, Match

SMALLEST = 24
"""Shorter side in px of the smallest face that is looked up or kept: beside portraits such a face
is recognised nine times of ten that a large one is, and one of 20 px eight (docs/results/faces.md).
"""
Several = Literal["refuse", "largest", "all"]


@dataclass(frozen=True, eq=False)
class LookedUp:
    """One face of a picture and whom it looks like, the most alike first.

    `refusal` says why it was not looked up; there are no matches then.
    """

    face: Face
    matches: tuple[Match, ...]
    refusal: str = ""


class FaceIndex:
    """A gallery in a folder, its vectors in memory.

    Another process may add or remove meanwhile: each search looks at what is stored by then.
    """

    def __init__(
        self,
        folder: Path,
        *,
        matcher: Matcher | None = None,
        second: Matcher | None = None,
        create: bool = False,
        storage: Storage | None = None,
    ) -> None:
        """Open the gallery in `folder`, or make one where `create`.

        Args:
            folder: the gallery's own folder.
            matcher: what embeds faces; by default the gallery's own, for a new one the one that
                ships.
            second: another matcher, which must agree before the strongest words are used; by
                default the gallery's own, for a new one none.
            create: make a gallery where there is none.
            storage: another engine than SQLite.

        Raises:
            GalleryUnusable: see `SqliteStorage`; or its matcher is not installed.
            NotCalibrated: nobody measured how alike strangers look to the second matcher.
        """
        if second is not None:
            load_likeness(second.card)
        self.storage = storage or _opened(folder, matcher, second, create=create)
        key, second_key = self.storage.matchers()
        self.matcher = matcher or matcher_of(key)
        self.second = second or (matcher_of(second_key) if second_key else None)
        self.key = matcher_key(self.matcher)
        self._blocks = VectorBlocks()
        self._state = State(0, 0)
        self.people = 0
        """How many different labels there were at the last look."""
        self._refresh()

    def __len__(self) -> int:
        """How many faces are kept."""
        self._refresh()
        return self._blocks.count

    def __enter__(self) -> "FaceIndex":
        return self

    def __exit__(self, *_: object) -> None:
        self.storage.close()

    def add(self, path: Path, *, label: str, consent: str, several: Several = "refuse") -> int:
        """Keep the face of a picture under `label`; durable when it returns.

        Args:
            path: a picture.
            label: whose face it is.
            consent: on what ground it is kept; must not be empty.
            several: of a picture with several faces, refuse it, take the largest, or all.

        Returns:
            How many faces were added: 0 where this file's bytes are kept already.

        Raises:
            NoFace: no face, one too small, or several.
            ValueError: `label` or `consent` is empty.
            UnreadableMedia, UnsupportedMedia, MediaTooLarge: the picture.
            GalleryUnusable: the gallery could not be written.
        """
        if not label.strip() or not consent.strip():
            raise ValueError("a label and a note on consent are required")
        data = read_bytes(path)
        media = open_media(path, data)
        if self.storage.holds(media.sha256):
            return 0
        image = decode(media, data).image
        faces = _faces_to_keep(path, image, several)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        records = [
            Record(label, str(path), media.sha256, number, consent, now)
            for number in range(len(faces))
        ]
        second = None if self.second is None else self.second.embed(image, faces)
        return len(self.add_vectors(records, self.matcher.embed(image, faces), second))

    def add_vectors(
        self, records: Sequence[Record], vectors: Floats, second: Floats | None = None
    ) -> list[int]:
        """Keep vectors of this gallery's matchers, all at once; the ids of the new ones."""
        return self.storage.add(records, vectors, second)

    def remove(self, *, label: str | None = None, source: str | None = None) -> int:
        """Remove a person, or all faces of a file (path as added, or SHA-256); how many."""
        return self.storage.remove(label=label, source=source)

    def records(self) -> Iterator[Record]:
        """Everything kept beside the vectors, in the order it was added."""
        return (record for _, record in self.storage.records())

    def search(
        self, image: Image, *, top: int = 5, faces: Sequence[Face] | None = None
    ) -> list[LookedUp]:
        """Look up every face of a picture, (H, W, 3) uint8 RGB; `faces` where already found."""
        found = find_faces(image) if faces is None else faces
        large = [face for face in found if face.size >= SMALLEST]
        vectors = self.matcher.embed(image, large)
        asked = ask_second(self.second, image, large)
        likeness = load_likeness(self.matcher.card)
        answers = iter(
            LookedUp(face, tuple(self._matches(vector[None], top, likeness, second)))
            for face, vector, second in zip(large, vectors, asked, strict=True)
        )
        return [
            next(answers) if face.size >= SMALLEST else LookedUp(face, (), _too_small(face))
            for face in found
        ]

    def nearest(self, vector: Floats, top: int = 5) -> tuple[Ids, Floats]:
        """Ids and cosines of the vectors most like a (D,) unit vector, most alike first."""
        self._refresh()
        return self._blocks.nearest(vector, top)

    def all_vectors(self) -> Floats:
        """Every vector, (N, D) float32, in the order of `records`."""
        blocks = [vectors for _, vectors in self.storage.vectors()]
        return np.concatenate(blocks) if blocks else np.zeros((0, 0), np.float32)

    def stats(self) -> dict[str, int]:
        """Check that nothing is damaged, and count faces, people and files."""
        self.storage.check()
        records = list(self.records())
        return {
            "faces": len(records),
            "people": len({record.label for record in records}),
            "files": len({record.sha256 for record in records}),
        }

    def export(self, path: Path) -> int:
        """Write everything kept as CSV, each vector as hexadecimal float32; how many rows.

        For whoever asks what is kept of them, and for moving to another engine.
        """
        count = 0
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow([*(field.name for field in fields(Record)), "matcher", "vector"])
            rows = zip(self.records(), self.all_vectors(), strict=True)
            for record, vector in rows:
                hexadecimal = np.ascontiguousarray(vector, "<f4").tobytes().hex()
                writer.writerow([*asdict(record).values(), self.key, hexadecimal])
                count += 1
        return count

    def destroy(self) -> None:
        """Remove the gallery, folder and all."""
        self.storage.destroy()

    def _matches(
        self, vector: Floats, top: int, likeness: Likeness, second: Asked
    ) -> Iterator[Match]:
        ids, cosines = self.nearest(vector[0], top)
        scores = likeness.scores(vector, self._blocks.rows(ids))[0] if len(ids) else cosines
        records = dict(self.storage.records(ids.tolist()))
        others = self.storage.second_vectors(ids.tolist()) if self.second else {}
        for number, cosine, score in zip(
            ids.tolist(), cosines.tolist(), scores.tolist(), strict=True
        ):
            # Removed by another process between the two questions.
            if number in records:
                yield likeness.match(
                    records[number],
                    cosine,
                    score,
                    people=self.people,
                    second=second.opinion(others.get(number)),
                )

    def _refresh(self) -> None:
        """Take up what this or another process has stored or removed since the last time."""
        state = self.storage.state()
        if state == self._state:
            return
        if state.removals != self._state.removals:
            self._blocks, self._state = VectorBlocks(), State(0, state.removals)
        for ids, vectors in self.storage.vectors(after=self._state.last):
            try:
                self._blocks.append(ids, vectors)
            except ValueError as error:
                raise GalleryUnusable(f"the gallery is damaged: {error}") from error
            self._state = State(int(ids[-1]), state.removals)
        self.people = self.storage.people()


def _opened(
    folder: Path, matcher: Matcher | None, second: Matcher | None, *, create: bool
) -> Storage:
    if matcher is None and create and not (folder / NAME).is_file():
        matcher = load_matcher()
    keys = [None if one is None else matcher_key(one) for one in (matcher, second)]
    return SqliteStorage(folder, keys[0], second=keys[1], create=create)


def count_labels(records: Iterator[Record]) -> dict[str, int]:
    """How many faces each label has, by label."""
    return dict(sorted(Counter(record.label for record in records).items()))


def _faces_to_keep(path: Path, image: Image, several: Several) -> list[Face]:
    found = find_faces(image)
    if not found:
        raise NoFace(f"{path.name} shows no face that the detector finds; use another picture")
    large = sorted((face for face in found if face.size >= SMALLEST), key=lambda face: -face.size)
    if not large:
        raise NoFace(f"{path.name}: {_too_small(found[0])}")
    if len(large) > 1 and several == "refuse":
        raise NoFace(
            f"{path.name} shows {len(large)} faces, so one label does not say whose it is; "
            "crop it, or choose --several largest or --several all"
        )
    return large if several == "all" else large[:1]


def _too_small(face: Face) -> str:
    return (
        f"a face of {face.size:.0f} px is too small to be compared (at least {SMALLEST} px); "
        "use a larger picture"
    )
