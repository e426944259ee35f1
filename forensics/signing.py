"""Adds a C2PA manifest to what we made: signed by the user's own certificate, offline.

Nothing is fetched and no time stamp is asked for; thumbnails are left out.
"""

import re
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.errors import InvalidOption

if TYPE_CHECKING:
    from forensics.writing import Provenance

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\s*", re.DOTALL)
_SETTINGS: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}},
}
_CURVES = {256: "es256", 384: "es384", 521: "es512"}
_LABEL = "org.deepfake-forensics.provenance"


def signed(data: bytes, kind: str, provenance: "Provenance", certificate: Path) -> bytes:
    """Return a file's bytes with a manifest inside that says how it was made.

    Args:
        data: a PNG, JPEG or MP4 file.
        kind: its MIME type.
        provenance: what the manifest states.
        certificate: PEM file with the signer's certificate, those above it, and the private key
            without a password. C2PA asks for the extended key usage emailProtection (or document
            signing), an authority key identifier and a critical key usage digitalSignature.

    Raises:
        InvalidOption: the PEM file cannot be read, or cannot sign.
    """
    import c2pa

    algorithm, chain, secret = _credentials(certificate)
    made = BytesIO()
    try:
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain, secret, None))
        with c2pa.Context.from_dict(_SETTINGS) as context:
            builder = c2pa.Builder(_manifest(provenance), context=context)
            builder.sign(signer, kind, BytesIO(data), made)
    except c2pa.C2paError as error:
        raise InvalidOption(f"{certificate.name} cannot sign: {error}") from error
    return made.getvalue()


def check_certificate(certificate: Path) -> None:
    """See before the work begins whether a PEM file holds what signing needs.

    Raises:
        InvalidOption: it cannot be read, or cannot sign.
    """
    _credentials(certificate)


def _manifest(provenance: "Provenance") -> dict[str, Any]:
    agent = {"name": provenance.generator, "version": provenance.version}
    action = {
        "action": "c2pa.created",
        "digitalSourceType": provenance.source_type,
        "softwareAgent": agent,
        "description": provenance.sentence,
    }
    facts = {key: value for key, value in asdict(provenance).items() if value is not None}
    return {
        "claim_generator_info": [{"name": "deepfake-forensics", "version": provenance.version}],
        "title": f"Made by {provenance.generator}",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
            {"label": _LABEL, "data": facts},
        ],
    }


def _credentials(certificate: Path) -> tuple[bytes, bytes, bytes]:
    """The algorithm's name, the certificates and the private key of a PEM file."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    try:
        blocks = [(found[1], found[0]) for found in _BLOCK.finditer(certificate.read_bytes())]
    except OSError as error:
        raise InvalidOption(f"{certificate.name} cannot be read ({error.strerror})") from error
    chain = b"".join(block for name, block in blocks if name == b"CERTIFICATE")
    keys = [block for name, block in blocks if name.endswith(b"PRIVATE KEY")]
    if not chain or len(keys) != 1:
        raise InvalidOption(
            f"{certificate.name} must hold, in PEM, the signer's certificate, those above it, and "
            f"one private key; found {len(blocks) - len(keys)} other blocks and {len(keys)} keys"
        )
    try:
        key = load_pem_private_key(keys[0], None)
        signer = load_pem_x509_certificates(chain)[0]
    except (TypeError, ValueError) as error:
        raise InvalidOption(
            f"{certificate.name} holds a damaged certificate, or a key with a password; take it off"
        ) from error
    if signer.public_key() != key.public_key():
        raise InvalidOption(
            f"{certificate.name} cannot sign: its key is not that of its first certificate"
        )
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size in _CURVES:
        return _CURVES[key.key_size].encode(), chain, keys[0]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"ed25519", chain, keys[0]
    if isinstance(key, rsa.RSAPrivateKey):
        return b"ps256", chain, keys[0]
    raise InvalidOption(f"C2PA cannot sign with the kind of key in {certificate.name}")
