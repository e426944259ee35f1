import json
import zlib
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from PIL import ExifTags, PngImagePlugin
from PIL import Image as Pillow

from forensics import plugins
from forensics.case import Case
from forensics.schema import Evidence

SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
XMP_TAG = 700
GRAPH = json.dumps({"3": {"class_type": "KSampler"}})
WEB_UI = "a portrait\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"


Fields: TypeAlias = dict[int, str | bytes]


def png(texts: dict[str, str], *, compress: bool = False) -> bytes:
    info, buffer = PngImagePlugin.PngInfo(), BytesIO()
    for keyword, text in texts.items():
        info.add_text(keyword, text, zip=compress)
    Pillow.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def picture(
    form: str = "JPEG", fields: dict[int, str | bytes] | None = None, xmp: str = ""
) -> bytes:
    exif, buffer = Pillow.Exif(), BytesIO()
    exif.update(fields or {})
    options = {"exif": exif.tobytes()} if fields else {}
    Pillow.new("RGB", (4, 4)).save(
        buffer, form, **options, **({"xmp": xmp.encode()} if xmp else {})
    )
    return buffer.getvalue()


def packet(body: str) -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" '
        'xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
        'xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"{body}</rdf:RDF></x:xmpmeta>"
    )


def examine(data: bytes, folder: Path) -> Evidence:
    path = folder / "picture"
    path.write_bytes(data)
    return plugins.load("analysis", "metadata").examine(Case(path))  # type: ignore[no-any-return]


def words(data: bytes, folder: Path) -> str:
    return "\n".join(finding.statement for finding in examine(data, folder).findings)


@pytest.mark.parametrize(
    ("texts", "program"),
    [
        ({"prompt": GRAPH, "workflow": "{}"}, "ComfyUI"),
        ({"prompt": GRAPH}, "ComfyUI"),
        ({"parameters": WEB_UI}, "Stable Diffusion web UI"),
        ({"parameters": '{"sui_image_params": {}}'}, "SwarmUI"),
        ({"invokeai_metadata": "{}"}, "InvokeAI"),
        ({"sd-metadata": "{}"}, "InvokeAI"),
        ({"Software": "NovelAI", "Source": "Stable Diffusion F1022D28"}, "NovelAI"),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_marks_of_generators_are_named_as_claims(
    tmp_path: Path, texts: dict[str, str], program: str, compress: bool
) -> None:
    found = words(png(texts, compress=compress), tmp_path)
    assert f"The file says it was made by {program}" in found
    assert "anyone can write this into a file" in found


@pytest.mark.parametrize("texts", [{"Comment": "my holiday"}, {"prompt": "say hello"}])
def test_harmless_texts_are_no_marks(tmp_path: Path, texts: dict[str, str]) -> None:
    assert examine(png(texts), tmp_path).measurements["generator_marks_count"] == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_is_read_from_every_format(tmp_path: Path, form: str) -> None:
    fields: Fields = {ExifTags.Base.Make: "Nikon", ExifTags.Base.Software: "GIMP 2.10"}
    found = words(picture(form, fields), tmp_path)
    assert 'EXIF names the camera "Nikon"' in found
    assert 'EXIF names the software "GIMP 2.10".' in found


@pytest.mark.parametrize("prefix", [b"ASCII\0\0\0", b"UNICODE\0"])
def test_parameters_in_a_user_comment_are_a_mark(tmp_path: Path, prefix: bytes) -> None:
    text = WEB_UI.encode("utf-16-be") if prefix.startswith(b"UNI") else WEB_UI.encode()
    exif, buffer = Pillow.Exif(), BytesIO()
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.UserComment: prefix + text}
    Pillow.new("RGB", (4, 4)).save(buffer, "JPEG", exif=exif.tobytes())
    assert "made by Stable Diffusion web UI" in words(buffer.getvalue(), tmp_path)


def test_graph_in_the_camera_fields_is_a_mark_and_no_camera(tmp_path: Path) -> None:
    found = words(picture("WEBP", {ExifTags.Base.Model: f"Prompt:{GRAPH}"}), tmp_path)
    assert "made by ComfyUI (EXIF field Model)" in found
    assert "names the camera" not in found


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_declared_source_type_is_read_from_every_format(tmp_path: Path, form: str) -> None:
    body = f'<rdf:Description ext:DigitalSourceType="{SOURCES}trainedAlgorithmicMedia"/>'
    data = {
        "PNG": lambda: png({"XML:com.adobe.xmp": packet(body)}),
        "TIFF": lambda: picture("TIFF", {XMP_TAG: packet(body).encode()}),
    }.get(form, lambda: picture(form, xmp=packet(body)))()
    assert '"trainedAlgorithmicMedia" (made by a trained model)' in words(data, tmp_path)


def test_compressed_packet_of_a_png_is_read(tmp_path: Path) -> None:
    source = f"<ext:DigitalSourceType>{SOURCES}digitalCapture</ext:DigitalSourceType>"
    body = f"<rdf:Description>{source}</rdf:Description>"
    found = words(png({"XML:com.adobe.xmp": packet(body)}, compress=True), tmp_path)
    assert '"digitalCapture" (taken by a digital camera)' in found


def test_editing_history_is_counted_and_quoted(tmp_path: Path) -> None:
    step = '<rdf:li stEvt:action="saved" stEvt:softwareAgent="Adobe Photoshop 25.0"/>'
    created = "<rdf:Description><stEvt:action>created</stEvt:action></rdf:Description>"
    steps = f"<rdf:Seq><rdf:li>{created}</rdf:li>{step}{step}</rdf:Seq>"
    body = f"<rdf:Description><xmpMM:History>{steps}</xmpMM:History></rdf:Description>"
    found = words(picture(xmp=packet(body)), tmp_path)
    assert 'XMP lists 3 editing steps ("created", "saved") by "Adobe Photoshop 25.0"' in found


def test_decoding_notes_are_findings(tmp_path: Path) -> None:
    buffer = BytesIO()
    Pillow.new("RGBA", (4, 4), (0, 0, 0, 0)).save(buffer, "PNG")
    assert "Transparent parts are examined" in words(buffer.getvalue(), tmp_path)


def test_absence_is_said(tmp_path: Path) -> None:
    assert "carries no EXIF, no XMP and no text" in words(picture(), tmp_path)


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


BOMB = chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(200_000_000), 9))
DEEP = packet("<a>" * 80_000 + "</a>" * 80_000)
LAUGHS = '<x:xmpmeta xmlns:x="a"><!DOCTYPE x [<!ENTITY a "b">]>&a;</x:xmpmeta>'


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(BOMB, id="200 MB of zeros"),
        pytest.param(chunk(b"zTXt", b"parameters\0\0not zlib"), id="damaged zlib"),
        pytest.param(chunk(b"iTXt", b"k\0\1\0"), id="text cut short"),
        pytest.param(chunk(b"tEXt", b"\xff\xfe\0\xff\xff"), id="invalid UTF-8"),
        pytest.param(chunk(b"tEXt", b"x" * 500_000), id="no keyword's end"),
        pytest.param(chunk(b"tEXt", DEEP.encode()), id="deep XMP"),
        pytest.param(chunk(b"tEXt", LAUGHS.encode()), id="entities"),
        pytest.param(chunk(b"tEXt", b"<x:xmpmeta" * 50_000), id="many packets without end"),
        pytest.param(chunk(b"eXIf", b"II*\0" + b"\xff" * 64), id="EXIF offset beyond the end"),
        pytest.param(chunk(b"tEXt", b"a\0b") * 5_000, id="thousands of texts"),
    ],
)
def test_hostile_metadata_costs_little_and_raises_nothing(tmp_path: Path, extra: bytes) -> None:
    plain = png({})
    evidence = examine(plain[:-12] + extra + plain[-12:], tmp_path)
    assert evidence.findings
    assert all(len(finding.statement) < 500 for finding in evidence.findings)


def test_flipped_bytes_raise_nothing(tmp_path: Path) -> None:
    body = f'<rdf:Description ext:DigitalSourceType="{SOURCES}print"/>'
    sound = picture(
        "JPEG", {ExifTags.Base.Make: "Nikon", ExifTags.Base.DateTime: "x"}, packet(body)
    )
    (tmp_path / "sound").write_bytes(sound)
    case, rng = Case(tmp_path / "sound"), np.random.default_rng(0)
    analysis = plugins.load("analysis", "metadata")
    for _ in range(300):
        bytes_ = np.frombuffer(sound, dtype=np.uint8).copy()
        bytes_[rng.integers(2, len(sound), 8)] = rng.integers(0, 256, 8)
        case.data = bytes_.tobytes()
        assert analysis.examine(case).findings
