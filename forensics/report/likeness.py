"""Faces side by side with the faces of a gallery that they are most like, as HTML."""

import os
from pathlib import Path

from markupsafe import Markup

from forensics.errors import ForensicsError
from forensics.faces.detect import find_faces
from forensics.faces.index import FaceIndex, LookedUp
from forensics.media import decode, load_image, open_media
from forensics.report import html
from forensics.report.pictures import data_uri, face_preview, preview
from forensics.schema import Image, Match

GALLERY_VARIABLE = "FORENSICS_GALLERY"
"""How `forensics app --gallery DIR` tells the page which gallery it may look into."""
TOP = 3
_SIDE = 160
STYLE = """
.report .pair { display: flex; gap: .75rem; flex: none; align-items: flex-start; margin: 0 0 1rem; }
.report .pair img, .report .pair .none { width: 9rem; height: 10rem; object-fit: contain;
  flex: none; }
.report .pair .none { display: grid; place-items: center; border: 1px dashed; overflow: hidden;
  padding: .4rem; font-size: .75rem; box-sizing: border-box; }
.report .pair figcaption { max-width: 34rem; }
.report .pair b { display: block; }
"""
"""Beside the report's own style: two faces side by side, and the words beside them."""


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
        told = (
            f"{_counted(len(found), 'face', 'faces')}, looked up among "
            f"{_counted(len(index), 'face', 'faces')} of "
            f"{_counted(index.people, 'person', 'people')} with {_matchers(index)}. A match says "
            "how alike two faces look and how often strangers look so, never who somebody is."
        )
    parts = (_face_part(number, one, image) for number, one in enumerate(found, 1))
    body = Markup("<section><h3>Look-alikes</h3><p>{}</p>{}</section>").format(
        told, Markup("").join(parts)
    )
    return html.framed(f"<style>{STYLE}</style>{body}")


def pair_figure(crop: bytes, match: Match, caption: str) -> str:
    """A face beside the gallery's face it is like, and how unusual that is."""
    second = "" if match.second_similarity is None else f"; second {match.second_similarity:.3f}"
    return str(
        Markup(
            "<figure class='pair'><img alt='the face looked up' src='{}'>{}"
            "<figcaption><b>{}</b>{} Similarity {:.3f}{}; added as {}.</figcaption></figure>"
        ).format(
            data_uri(crop),
            Markup(gallery_picture(match.source)),
            *(caption, match.statement, match.similarity, second, match.source),
        )
    )


def gallery_picture(source: str) -> str:
    """The gallery keeps no pictures: the largest face of the file, where it still lies there."""
    try:
        image = load_image(Path(source))
    except ForensicsError:
        return "<span class='none'>The file that was added is not there any more.</span>"
    faces = sorted(find_faces(image), key=lambda face: -face.size)
    shown = face_preview(image, faces[0]) if faces else preview(image, _SIDE)
    return str(Markup("<img alt='the face of the gallery' src='{}'>").format(data_uri(shown)))


def _face_part(number: int, found: LookedUp, image: Image) -> Markup:
    title = Markup("<h4>Face {}</h4>").format(number)
    if found.refusal:
        return title + Markup("<p>Not looked up: {}.</p>").format(found.refusal)
    if not found.matches:
        return title + Markup("<p>The gallery is empty.</p>")
    crop = face_preview(image, found.face)
    pairs = (pair_figure(crop, match, match.label) for match in found.matches)
    return title + Markup("").join(Markup(pair) for pair in pairs)


def _matchers(index: FaceIndex) -> str:
    names = [one.card.name for one in (index.matcher, index.second) if one is not None]
    return f"the matcher{'s' if len(names) > 1 else ''} {' and '.join(names)}"


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
