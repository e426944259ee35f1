"""Puts a face into a picture or a frame: all faces of it, or those of one chosen person."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import forensics
from forensics.errors import NoFace, UnreadableMedia, UnsupportedMedia
from forensics.faces.embed import Matcher, load_matcher
from forensics.faces.likeness import WORTH_MENTIONING, load_likeness
from forensics.faces.portrait import Portrait, only_portrait, plain_faces
from forensics.generator import Swapper
from forensics.headers import sniff
from forensics.media import load_image
from forensics.schema import Face, Floats, Frame, Image, Map
from forensics.weights import file_sha256
from forensics.writing import Provenance

_HEAD = 4096


@dataclass(frozen=True, eq=False)
class Chosen:
    """The one person whose face is to be replaced: (D,) `vector` of length 1, and who compares."""

    vector: Floats
    matcher: Matcher

    def likeness(self, image: Image, faces: Sequence[Face]) -> list[float]:
        """The adjusted cosine of each face of a picture with the chosen person's."""
        rows = self.matcher.embed(image, faces)
        scores = load_likeness(self.matcher.card).scores(rows, self.vector[None])
        return [float(score) for score in scores[:, 0]]

    def is_meant(self, cosine: float) -> bool:
        """Whether at most one in a hundred strangers looks this alike."""
        return load_likeness(self.matcher.card).rate(cosine)[0] <= WORTH_MENTIONING


def chosen_person(photograph: Path) -> Chosen:
    """Read who is meant from a photograph of that person alone.

    Raises:
        NoFace: it shows no face, or several.
        UnsupportedMedia: it is no photograph.
    """
    portrait = _portrait_of(photograph)
    matcher = load_matcher()
    return Chosen(matcher.embed(portrait.image, [portrait.face])[0], matcher)


def read_sources(paths: Sequence[Path]) -> list[Portrait]:
    """Read pictures of the face to put in.

    Raises:
        NoFace: one does not show just one face.
        UnsupportedMedia: one is no photograph.
    """
    return [_portrait_of(path) for path in paths]


def _portrait_of(path: Path) -> Portrait:
    if not is_picture(path):
        raise UnsupportedMedia(
            f"{path.name} is no photograph; faces are taken from photographs that show one each"
        )
    return only_portrait(load_image(path), path.name)


def is_picture(path: Path) -> bool:
    """Whether the first bytes of a file announce a picture; anything else may be a clip.

    Raises:
        UnreadableMedia: there is no such file.
    """
    try:
        with path.open("rb") as stream:
            sniff(stream.read(_HEAD), path.name)
    except OSError as error:
        raise UnreadableMedia(f"{path.name} cannot be read ({error.strerror})") from error
    except (UnsupportedMedia, UnreadableMedia):
        return False
    return True


def swapped_picture(
    swapper: Swapper, path: Path, sources: Sequence[Portrait], chosen: Chosen | None
) -> tuple[Image, Map]:
    """Replace the faces of a picture.

    Args:
        swapper: does it.
        path: the picture.
        sources: pictures of the face to put in.
        chosen: whose face to replace; None replaces all.

    Returns:
        (H, W, 3) uint8 RGB and the mask, (H, W) float32 in [0, 1].

    Raises:
        NoFace: the picture shows no face that can be replaced, or not the chosen person's.
    """
    image = load_image(path)
    faces, landmarks = plain_faces(image)
    if not faces:
        raise NoFace(
            f"{path.name} shows no face of 48 px or more, seen from the front, to be replaced"
        )
    if chosen is not None:
        cosines = chosen.likeness(image, faces)
        landmarks = landmarks[[chosen.is_meant(cosine) for cosine in cosines]]
        if not len(landmarks):
            raise NoFace(
                f"nobody in {path.name} looks like the chosen person "
                f"(highest similarity {max(cosines):.2f}); leave --only out to replace all faces"
            )
    frame, mask = swapper.swap(Frame(image), sources, faces=landmarks)
    return frame.image, checked_mask(mask, image)


def checked_mask(mask: Map, image: Image) -> Map:
    """Return a swapper's mask, which must be of the picture's size and lie in [0, 1].

    Raises:
        ValueError: it is not.
    """
    if mask.shape != image.shape[:2] or mask.dtype != np.float32:
        raise ValueError(
            f"a mask must be {image.shape[:2]} float32 like its picture, "
            f"got {mask.shape} {mask.dtype}"
        )
    return mask


def grey(mask: Map) -> Image:
    """A mask as a picture: 0 to 255 in three equal channels."""
    levels = np.rint(mask * 255).astype(np.uint8)
    return np.repeat(levels[:, :, None], 3, axis=2)


def provenance_of(swapper: Swapper, target: Path, seed: int) -> Provenance:
    """What a swap of `target` says of itself."""
    return Provenance(
        generator=swapper.card.name,
        version=forensics.__version__,
        seed=seed,
        weights_sha256=swapper.weights_sha256,
        parent_sha256=file_sha256(target),
        composite=True,
    )
