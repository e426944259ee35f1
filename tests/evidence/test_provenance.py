import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image as Pillow

from forensics import plugins
from forensics.case import Case
from forensics.evidence.provenance import Provenance
from forensics.schema import Evidence

SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
OFFLINE: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
MANIFEST = {
    "claim_generator_info": [{"name": "Test maker", "version": "1"}],
    "assertions": [
        {
            "label": "c2pa.actions",
            "data": {
                "actions": [
                    {
                        "action": "c2pa.created",
                        "digitalSourceType": SOURCES + "trainedAlgorithmicMedia",
                        "softwareAgent": {"name": "Test model", "version": "2"},
                    }
                ]
            },
        }
    ],
}
KEY_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test house")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now, root = datetime.datetime.now(datetime.UTC), key is signer
    uses = {use: False for use in KEY_USES}
    uses["key_cert_sign" if root else "digital_signature"] = True
    builder = (
        x509.CertificateBuilder(name("Test root"), name(subject), key.public_key(), 1 + root)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.KeyUsage(**uses), critical=True)
    )
    if root:
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    else:
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(mail, False).add_extension(issuer, False)
    return builder.sign(signer, hashes.SHA256())


def jpeg() -> bytes:
    buffer = BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def signed() -> tuple[bytes, bytes]:
    """A signed JPEG and the root certificate of its signer."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    root = certificate("Test root", root_key, root_key).public_bytes(pem)
    chain = certificate("Test signer", key, root_key).public_bytes(pem) + root
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, secret, None))
    output = BytesIO()
    with c2pa.Context.from_dict(OFFLINE) as context:
        c2pa.Builder(MANIFEST, context=context).sign(signer, "image/jpeg", BytesIO(jpeg()), output)
    return output.getvalue(), root


def examine(data: bytes, folder: Path, trust_anchors: str = "") -> tuple[str, Evidence]:
    (folder / "picture.jpg").write_bytes(data)
    options = Provenance.Options(trust_anchors=trust_anchors)
    analysis = plugins.load("analysis", "provenance", options)
    evidence: Evidence = analysis.examine(Case(folder / "picture.jpg"))
    return "\n".join(finding.statement for finding in evidence.findings), evidence


def test_valid_manifest_of_a_stranger_is_a_claim(
    signed: tuple[bytes, bytes], tmp_path: Path
) -> None:
    words, evidence = examine(signed[0], tmp_path)
    assert (
        'fits the file; it was signed by an unknown signer, who calls itself "Test signer"' in words
    )
    assert '"c2pa.created", digital source type "trainedAlgorithmicMedia"' in words
    assert 'by "Test model"' in words
    assert evidence.measurements["trusted_signers_count"] == 0
    assert evidence.measurements["generated_claims_count"] == 1


def test_signer_under_a_given_anchor_is_trusted(
    signed: tuple[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "anchors.pem").write_bytes(signed[1])
    words, evidence = examine(signed[0], tmp_path, str(tmp_path / "anchors.pem"))
    assert "is on the trust list" in words
    assert evidence.measurements["trusted_signers_count"] == 1


def test_changed_pixels_void_the_manifest(signed: tuple[bytes, bytes], tmp_path: Path) -> None:
    changed = bytearray(signed[0])
    changed[-40] ^= 1
    words, evidence = examine(bytes(changed), tmp_path)
    assert (
        "does not hold: the file's bytes were changed after signing (\"assertion.dataHash" in words
    )
    assert evidence.measurements["validation_failures_count"] == 1


def test_changed_claim_voids_the_manifest(signed: tuple[bytes, bytes], tmp_path: Path) -> None:
    changed = signed[0].replace(b"trainedAlgorithmicMedia", b"trainedAlgorithmicMedea")
    words, evidence = examine(changed, tmp_path)
    assert "a statement in the manifest was changed after signing" in words
    assert evidence.measurements["trusted_signers_count"] == 0


def test_reencoding_removes_the_manifest(signed: tuple[bytes, bytes], tmp_path: Path) -> None:
    output = BytesIO()
    Pillow.open(BytesIO(signed[0])).save(output, "JPEG", quality=90)
    words, evidence = examine(output.getvalue(), tmp_path)
    assert "carries no C2PA manifest" in words
    assert evidence.measurements == {"manifests_count": 0.0}


def test_the_word_of_the_box_alone_is_no_manifest(tmp_path: Path) -> None:
    words, _ = examine(jpeg() + b"jumb", tmp_path)
    assert "carries no C2PA manifest" in words


def test_a_remote_manifest_is_named_and_not_fetched(tmp_path: Path) -> None:
    words, _ = examine(jpeg() + b'dcterms:provenance="http://127.0.0.1:9/a.c2pa"', tmp_path)
    assert "was not fetched" in words


def test_mutated_manifests_raise_nothing(signed: tuple[bytes, bytes], tmp_path: Path) -> None:
    (tmp_path / "sound.jpg").write_bytes(signed[0])
    case, rng = Case(tmp_path / "sound.jpg"), np.random.default_rng(0)
    analysis = plugins.load("analysis", "provenance")
    for _ in range(100):
        changed = np.frombuffer(signed[0], dtype=np.uint8).copy()
        changed[rng.integers(2, 4000, 4)] = rng.integers(0, 256, 4)
        case.data = changed.tobytes()[: rng.integers(100, len(changed))]
        assert analysis.examine(case).findings


def test_missing_anchors_are_an_error(signed: tuple[bytes, bytes], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        examine(signed[0], tmp_path, str(tmp_path / "nowhere.pem"))
