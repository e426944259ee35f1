"""Faces side by side with the faces of a gallery that they are most like, as HTML."""

import os
from pathlib import Path

from markupsafe import Markup, escape

from forensics.errors import ForensicsError
from forensics.faces.detect import find_faces
from forensics.faces.index import FaceIndex, LookedUp
from forensics.media import decode, load_image, open_media
from forensics.report.pictures import data_uri, face_preview, preview
from forensics.schema import Image, Match

GALLERY_VARIABLE = "FORENSICS_GALLERY"
"""How `forensics app --gallery DIR` tells the page which gallery it may look into."""
TOP = 3
_SIDE = 160


def chosen_gallery() -> Path | None:
    """The gallery that the page was started with."""
    folder = os.environ.get(GALLERY_VARIABLE)
    return Path(folder) if folder else None


def likeness_part(name: str, data: bytes, gallery: Path) -> str:
    """Look up every face of a picture and show each beside those it is most like.

    Args:
        name: what the user calls the picture.
        data: its bytes.
        gallery: folder of the gallery.

    Raises:
        GalleryUnusable: the gallery cannot be opened.
        UnreadableMedia, UnsupportedMedia, MediaTooLarge: the picture.
    """
    image = decode(open_media(Path(name), data), data).image
    with FaceIndex(gallery) as index:
        found = index.search(image, top=TOP)
        people = index.people
    lines = [escape(f"{len(found)} faces, looked up among {people} people of {gallery}.")]
    parts = (_face_part(number, one, image) for number, one in enumerate(found, 1))
    return str(Markup("<p>{}</p>{}").format(lines[0], Markup("").join(parts)))


def pair_figure(crop: bytes, match: Match, caption: str) -> str:
    """A face beside the gallery's face it is like, and how unusual that is."""
    beside = Markup("<img alt='' width='{}' src='{}'>{}").format(
        _SIDE, data_uri(crop), Markup(gallery_picture(match.source))
    )
    words = f"{caption} (similarity {match.similarity:.3f}). {match.statement}"
    return str(Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(beside, words))


def gallery_picture(source: str) -> str:
    """The gallery keeps no pictures: the largest face of the file, where it still lies there."""
    try:
        image = load_image(Path(source))
    except ForensicsError as error:
        return str(Markup("<span>No picture: {}</span>").format(str(error)))
    faces = sorted(find_faces(image), key=lambda face: -face.size)
    shown = face_preview(image, faces[0]) if faces else preview(image, _SIDE)
    return str(Markup("<img alt='' width='{}' src='{}'>").format(_SIDE, data_uri(shown)))


def _face_part(number: int, found: LookedUp, image: Image) -> Markup:
    title = Markup("<h3>Face {}</h3>").format(number)
    if found.refusal:
        return title + Markup("<p>Not looked up: {}.</p>").format(found.refusal)
    if not found.matches:
        return title + Markup("<p>The gallery is empty.</p>")
    crop = face_preview(image, found.face)
    pairs = (pair_figure(crop, match, match.label) for match in found.matches)
    return title + Markup("").join(Markup(pair) for pair in pairs)
