import io
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
from PIL import Image as Pillow

from forensics.report import pictures
from forensics.schema import Face, Image, Verdict


def lightness(colours: np.ndarray) -> np.ndarray:
    """CIE L* of (n, 3) uint8 sRGB: another formula than the one that made the colours."""
    encoded = colours / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(
        np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    )


def decoded(encoded: bytes) -> Image:
    return np.asarray(Pillow.open(io.BytesIO(encoded)).convert("RGB"))


def test_the_colour_map_grows_lighter_in_even_steps() -> None:
    steps = np.diff(lightness(pictures.colour_map(17)))
    assert steps.min() > 0.6 * steps.mean()
    assert steps.max() < 1.4 * steps.mean()


def test_a_heatmap_is_lightest_where_the_map_is_highest() -> None:
    values = np.zeros((40, 50), np.float32)
    values[10, 20] = 1
    grey = decoded(pictures.heatmap(values)).sum(axis=2, dtype=int)
    assert np.unravel_index(grey.argmax(), grey.shape) == (10, 20)


def test_a_preview_keeps_the_aspect_and_stays_small() -> None:
    image = np.zeros((1000, 9000, 3), np.uint8)
    height, width, _ = decoded(pictures.preview(image)).shape
    assert (width, height) == (1200, 133)


def test_a_small_picture_is_not_enlarged(image: Image) -> None:
    assert decoded(pictures.preview(image)).shape == image.shape


def test_a_marked_picture_is_well_formed_and_holds_one_number_a_face(verdict: Verdict) -> None:
    faces = [verdict.faces[0].face] * 3
    svg = pictures.marked(b"\x89PNG", (64, 48), faces)
    texts = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    assert [text.text for text in texts] == ["1", "2", "3"]


def test_a_box_lies_where_the_face_lies(verdict: Verdict) -> None:
    svg = pictures.marked(b"\x89PNG", (64, 48), [verdict.faces[0].face])
    rectangle = next(ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect"))
    assert [float(rectangle.attrib[key]) for key in ("x", "y", "width", "height")] == [8, 6, 32, 40]


def test_an_svg_comes_back_out_of_its_uri_whole(verdict: Verdict) -> None:
    svg = pictures.marked(b"\x89PNG", (64, 48), [verdict.faces[0].face])
    kind, _, text = pictures.svg_uri(svg).partition(",")
    assert kind == "data:image/svg+xml"
    assert unquote(text) == svg


def test_a_face_at_the_border_still_has_a_preview(image: Image) -> None:
    face = Face(np.array([-20, -20, 1, 1], np.float32), np.zeros((5, 2), np.float32), 0.9)
    assert decoded(pictures.face_preview(image, face)).size > 0
