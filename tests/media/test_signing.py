"""C2PA manifests in what we write: they validate, and one changed byte voids them."""

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from forensics.clip_writing import join, piece
from forensics.clips import Clip
from forensics.errors import InvalidOption
from forensics.evidence.provenance import Manifest, read_manifest
from forensics.writing import Provenance, read_provenance, write_picture
from tests.evidence.test_provenance import certificate

MADE = Provenance("landmark_swap", "0.1.0", 3, "a" * 64, "b" * 64, composite=True)
PEM = serialization.Encoding.PEM


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return signer(tmp_path_factory.mktemp("signer"))


def signer(folder: Path) -> tuple[Path, str]:
    """A signer's PEM file, and the certificate of who stands above."""
    above, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("Test root", above, above).public_bytes(PEM)
    chain = certificate("Test signer", key, above).public_bytes(PEM) + root
    secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "signer.pem"
    path.write_bytes(chain + secret)
    return path, root.decode()


def picture() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_signed_picture_validates_and_keeps_its_own_words(
    tmp_path: Path, credentials: tuple[Path, str], suffix: str
) -> None:
    path = tmp_path / f"made{suffix}"
    write_picture(path, picture(), MADE, certificate=credentials[0])
    manifest = read_manifest(path.read_bytes(), credentials[1])
    assert isinstance(manifest, Manifest)
    assert (manifest.state, manifest.failures) == ("Trusted", ())
    (action,) = manifest.actions
    assert action["digitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert read_provenance(path.read_bytes()) == MADE


def test_one_changed_byte_voids_the_signature(
    tmp_path: Path, credentials: tuple[Path, str]
) -> None:
    path = tmp_path / "made.jpg"
    write_picture(path, picture(), MADE, certificate=credentials[0])
    changed = bytearray(path.read_bytes())
    changed[-40] ^= 1
    manifest = read_manifest(bytes(changed), credentials[1])
    assert isinstance(manifest, Manifest)
    assert "assertion.dataHash.mismatch" in manifest.failures


def test_a_signed_clip_validates_and_plays(tmp_path: Path, credentials: tuple[Path, str]) -> None:
    import c2pa

    with piece(tmp_path / "piece.mp4", rate=Fraction(25)) as write:
        for _ in range(3):
            write(picture())
    with Clip(tmp_path / "piece.mp4") as clip:
        line = clip.timeline()
    out = tmp_path / "made.mp4"
    pieces = [tmp_path / "piece.mp4"]
    join(out, pieces, line, sound=None, provenance=MADE, certificate=credentials[0])
    reader = c2pa.Reader("video/mp4", BytesIO(out.read_bytes()))
    assert reader.get_validation_state() == "Valid"
    assert read_provenance(out.read_bytes()) == MADE
    with Clip(out) as clip:
        assert len(clip.timeline().stamps) == 3


@pytest.mark.parametrize("kept", ["key", "certificates", "nothing"])
def test_a_certificate_file_without_all_it_needs_is_said(
    tmp_path: Path, credentials: tuple[Path, str], kept: str
) -> None:
    whole = credentials[0].read_bytes()
    start = whole.index(b"-----BEGIN PRIVATE")
    parts = {"key": whole[start:], "certificates": whole[:start], "nothing": b""}
    (tmp_path / "odd.pem").write_bytes(parts[kept])
    with pytest.raises(InvalidOption, match=r"odd\.pem must hold"):
        write_picture(tmp_path / "a.png", picture(), MADE, certificate=tmp_path / "odd.pem")
    assert not (tmp_path / "a.png").exists()


def test_a_missing_certificate_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match=r"lost\.pem cannot be read"):
        write_picture(tmp_path / "a.png", picture(), MADE, certificate=tmp_path / "lost.pem")


def test_a_key_of_somebody_else_signs_nothing(
    tmp_path: Path, credentials: tuple[Path, str]
) -> None:
    whole = credentials[0].read_bytes()
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "mixed.pem").write_bytes(whole[: whole.index(b"-----BEGIN PRIVATE")] + other)
    mixed = tmp_path / "mixed.pem"
    with pytest.raises(InvalidOption, match=r"mixed\.pem cannot sign"):
        write_picture(tmp_path / "a.png", picture(), MADE, certificate=mixed)
