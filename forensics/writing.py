"""What we made says so: by whom, with what, from what, in PNG, JPEG and MP4 alike."""

import os
import re
import tempfile
import uuid
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from forensics.errors import OutputFailed
from forensics.schema import Image
from forensics.signing import signed

# IPTC's controlled vocabulary: https://cv.iptc.org/newscodes/digitalsourcetype/
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SYNTHETIC = _SOURCE_TYPES + "trainedAlgorithmicMedia"
COMPOSITE = _SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_OURS = "urn:deepfake-forensics:provenance:1"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PACKET = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
_XMP_BOX = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
_PNG_XMP = "XML:com.adobe.xmp"


@dataclass(frozen=True)
class Provenance:
    """Who made a picture: all that is needed to make it again.

    `parent_sha256` names the bytes of the picture that was changed, None where there was none;
    `composite` says that parts of that picture are left.
    """

    generator: str
    version: str
    seed: int
    weights_sha256: str
    parent_sha256: str | None = None
    composite: bool = False

    @property
    def source_type(self) -> str:
        """IPTC's digital source type, a URL."""
        return COMPOSITE if self.composite else SYNTHETIC

    @property
    def sentence(self) -> str:
        """The same for people."""
        parent = f" from the picture {self.parent_sha256}" if self.parent_sha256 else ""
        return (
            f"Synthetic picture made by {self.generator} {self.version} "
            f"(seed {self.seed}){parent}. Not a photograph."
        )


def write_picture(
    path: Path,
    image: Image,
    provenance: Provenance,
    *,
    quality: int = 95,
    certificate: Path | None = None,
) -> None:
    """Write (H, W, 3) uint8 RGB as PNG or JPEG, after the suffix, with its provenance inside.

    The file appears whole or not at all.

    Args:
        path: ends in .png, .jpg or .jpeg; replaced where it exists.
        image: (H, W, 3) uint8 RGB.
        provenance: goes into XMP, and into a comment that any viewer shows.
        quality: JPEG quality, 1 to 100; PNG is lossless.
        certificate: PEM file that signs a C2PA manifest, see `forensics.signing`; None signs none.

    Raises:
        ValueError: another suffix, or no such picture.
        InvalidOption: the certificate cannot sign.
        OutputFailed: the disk is full, or the folder may not be written.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:  # noqa: PLR2004
        raise ValueError(f"a picture must be (H, W, 3) uint8, got {image.shape} {image.dtype}")
    suffix = path.suffix.lower()
    if suffix == ".png":
        data, kind = png(image, provenance), "image/png"
    elif suffix in (".jpg", ".jpeg"):
        data, kind = _jpeg(image, provenance, quality), "image/jpeg"
    else:
        raise ValueError(f"pictures are written as .png, .jpg or .jpeg, not {path.name!r}")
    if certificate is not None:
        data = signed(data, kind, provenance, certificate)
    return write_whole(path, data)


def clip_tags(provenance: Provenance) -> dict[str, str]:
    """The words that any player shows of an MP4 file, by the names of its tags."""
    return {
        "comment": provenance.sentence,
        "encoding_tool": f"{provenance.generator} {provenance.version}",
        "description": provenance.source_type,
    }


def finish_clip(path: Path, provenance: Provenance, certificate: Path | None = None) -> None:
    """Put XMP into a written MP4 file, and a C2PA manifest where there is a certificate.

    Args:
        path: a closed MP4 file that nobody reads yet; it is changed in place.
        provenance: goes into a box of its own at the end (XMP specification, part 3).
        certificate: PEM file, see `forensics.signing`; None signs none.
    """
    packet = _xmp(provenance).encode()
    size = (8 + len(_XMP_BOX.bytes) + len(packet)).to_bytes(4, "big")
    with path.open("ab") as file:
        file.write(size + b"uuid" + _XMP_BOX.bytes + packet)
    if certificate is not None:
        path.write_bytes(signed(path.read_bytes(), "video/mp4", provenance, certificate))


def read_provenance(data: bytes) -> Provenance | None:
    """Read what `write_picture` wrote; None where a file carries nothing of the kind.

    Anyone can write this into any file: it is a statement, never a proof.

    Args:
        data: a PNG, JPEG or MP4 file, or the part of it that holds its metadata.
    """
    for packet in _PACKET.findall(data):
        description = _description(packet)
        if description is not None:
            return _from_xmp(description)
    return None


def png(image: Image, provenance: Provenance) -> bytes:
    """Encode (H, W, 3) uint8 RGB as PNG with its provenance inside."""
    texts = PngInfo()
    texts.add_itxt(_PNG_XMP, _xmp(provenance))
    texts.add_text("Software", f"{provenance.generator} {provenance.version}")
    texts.add_text("Description", provenance.sentence)
    texts.add_text("DigitalSourceType", provenance.source_type)
    file = BytesIO()
    Pillow.fromarray(image).save(file, "PNG", pnginfo=texts)
    return file.getvalue()


def _jpeg(image: Image, provenance: Provenance, quality: int) -> bytes:
    file = BytesIO()
    Pillow.fromarray(image).save(
        file,
        "JPEG",
        quality=quality,
        xmp=_xmp(provenance).encode(),
        comment=provenance.sentence.encode(),
    )
    return file.getvalue()


def _xmp(provenance: Provenance) -> str:
    facts = {
        "Iptc4xmpExt:DigitalSourceType": provenance.source_type,
        "made:generator": provenance.generator,
        "made:version": provenance.version,
        "made:seed": str(provenance.seed),
        "made:weightsSha256": provenance.weights_sha256,
    }
    if provenance.parent_sha256 is not None:
        facts["made:parentSha256"] = provenance.parent_sha256
    attributes = " ".join(f"{name}={quoteattr(value)}" for name, value in facts.items())
    spaces = f'xmlns:Iptc4xmpExt="{_IPTC}" xmlns:made="{_OURS}"'
    sentence = quoteattr(provenance.sentence)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
        f'<rdf:Description rdf:about="" {spaces} {attributes} made:statement={sentence}/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def _description(packet: bytes) -> Element | None:
    try:
        root: Element = fromstring(packet)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    described = root.iter(f"{{{_RDF}}}Description")
    return next((one for one in described if f"{{{_OURS}}}generator" in one.attrib), None)


def _from_xmp(description: Element) -> Provenance | None:
    ours = {
        name.rpartition("}")[2]: value
        for name, value in description.attrib.items()
        if name.startswith(f"{{{_OURS}}}")
    }
    try:
        return Provenance(
            generator=ours["generator"],
            version=ours["version"],
            seed=int(ours["seed"]),
            weights_sha256=ours["weightsSha256"],
            parent_sha256=ours.get("parentSha256"),
            composite=description.get(f"{{{_IPTC}}}DigitalSourceType") == COMPOSITE,
        )
    except (KeyError, ValueError):
        return None


def made_folder(path: Path) -> Path:
    """Make a folder and those above it, where they are missing.

    Raises:
        OutputFailed: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(
            f"{path} cannot be made a folder ({error.strerror}); choose another"
        ) from error
    return path


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the target first: a reader never meets half a file.

    Raises:
        OutputFailed: the disk is full, or the folder may not be written; what was there stays.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes files for their owner only; a picture is no secret.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise OutputFailed(
            f"{path.name} could not be written ({error.strerror or error}); "
            "make room or choose another folder"
        ) from error
