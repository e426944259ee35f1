import datetime
import json
import re
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
from forensics.errors import InvalidOption
from forensics.evidence._claimed_history import claimed_history
from forensics.evidence.provenance import Provenance
from forensics.schema import Evidence

SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
OFFLINE: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
ACTION = {
    "action": "c2pa.created",
    "digitalSourceType": SOURCES + "trainedAlgorithmicMedia",
    "softwareAgent": {"name": "Test model", "version": "2"},
}
MANIFEST = {
    "claim_generator_info": [{"name": "Test maker", "version": "1"}],
    "assertions": [{"label": "c2pa.actions", "data": {"actions": [ACTION]}}],
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


class Signer:
    """A signer under a root of its own; `root`: the root's certificate in PEM."""

    def __init__(self) -> None:
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        self.root = certificate("Test root", root_key, root_key).public_bytes(pem)
        self.chain = certificate("Test signer", key, root_key).public_bytes(pem) + self.root
        self.secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)

    def sign(
        self, manifest: dict[str, Any], data: bytes, ingredients: dict[str, bytes] | None = None
    ) -> bytes:
        """Sign a JPEG; ingredients by title, the first of which is its parent."""
        info = c2pa.C2paSignerInfo(b"es256", self.chain, self.secret, None)
        output = BytesIO()
        with c2pa.Context.from_dict(OFFLINE) as context:
            builder = c2pa.Builder(manifest, context=context)
            for number, (title, part) in enumerate((ingredients or {}).items()):
                relation = "componentOf" if number else "parentOf"
                fields = {"title": title, "relationship": relation, "label": f"part {number}"}
                builder.add_ingredient(json.dumps(fields), "image/jpeg", BytesIO(part))
            signer = c2pa.Signer.from_info(info)
            builder.sign(signer, "image/jpeg", BytesIO(data), output)
        return output.getvalue()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def signed(signer: Signer) -> tuple[bytes, bytes]:
    """A signed JPEG and the root certificate of its signer."""
    return signer.sign(MANIFEST, jpeg()), signer.root


@pytest.fixture(scope="module")
def edited(signer: Signer, signed: tuple[bytes, bytes]) -> bytes:
    """A JPEG made from the signed one and from one without a manifest."""
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["part 0"]}}
    steps = [opened, {"action": "c2pa.cropped", "softwareAgent": {"name": "Test editor"}}]
    manifest = {
        "title": "edited.jpg",
        "claim_generator_info": [{"name": "Test editor", "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": steps}}],
    }
    return signer.sign(manifest, jpeg(), {"source.jpg": signed[0], "sky.jpg": jpeg()})


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


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"no certificate", id="text"),
        pytest.param(b"\xff\xfe\0" * 99, id="bytes"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----", id="damaged"),
    ],
)
def test_a_trust_list_that_lists_nobody_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "anchors.pem").write_bytes(content)
    with pytest.raises(InvalidOption, match="trust list"):
        examine(jpeg(), tmp_path, str(tmp_path / "anchors.pem"))


def test_a_signer_under_another_root_stays_a_stranger(
    signed: tuple[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "anchors.pem").write_bytes(Signer().root + Signer().root)
    words, evidence = examine(signed[0], tmp_path, str(tmp_path / "anchors.pem"))
    assert "is not on the trust list (2 certificates)" in words
    assert evidence.measurements["trusted_signers_count"] == 0


def test_ingredients_are_named_with_what_they_brought(edited: bytes, tmp_path: Path) -> None:
    _, evidence = examine(edited, tmp_path)
    parts = {f.code: f.statement for f in evidence.findings if f.code.startswith("ingredient")}
    assert set(parts) == {"ingredient_signed", "ingredient_unsigned"}
    assert '"source.jpg" (relation "parentOf")' in parts["ingredient_signed"]
    assert '"sky.jpg" (relation "componentOf")' in parts["ingredient_unsigned"]


def test_the_claimed_history_leads_from_the_ingredients_to_the_file(
    edited: bytes, tmp_path: Path
) -> None:
    _, evidence = examine(edited, tmp_path)
    titles = [step.title for step in evidence.history]
    assert sorted(titles[:2]) == ['"sky.jpg"', '"source.jpg"']
    assert titles[2] == '"edited.jpg"'
    assert sorted(evidence.history[2].parents) == [0, 1]
    assert '"created"' in evidence.history[titles.index('"source.jpg"')].lines


def test_a_missing_ingredient_voids_the_manifest(
    edited: bytes, signed: tuple[bytes, bytes], tmp_path: Path
) -> None:
    label = re.search(rb"urn:c2pa:[0-9a-f-]{36}", signed[0])
    assert label is not None
    # The first place is the label of the ingredient's own box: under another name it is not found.
    renamed = label[0][:-1] + (b"0" if label[0][-1:] != b"0" else b"1")
    words, evidence = examine(edited.replace(label[0], renamed, 1), tmp_path)
    assert "the manifest of an ingredient was removed" in words
    assert evidence.findings[0].code == "manifest_void"
    assert any("its manifest is missing" in step.lines for step in evidence.history)


def test_an_ingredient_that_was_changed_before_is_said(
    signer: Signer, signed: tuple[bytes, bytes], tmp_path: Path
) -> None:
    changed = bytearray(signed[0])
    changed[-40] ^= 1
    data = signer.sign({**MANIFEST, "title": "b.jpg"}, jpeg(), {"a.jpg": bytes(changed)})
    _, evidence = examine(data, tmp_path)
    [part] = [f for f in evidence.findings if f.code.startswith("ingredient")]
    assert part.code == "ingredient_invalid"
    assert "assertion.dataHash.mismatch" in part.statement


def test_stripping_leaves_no_manifest(signed: tuple[bytes, bytes], tmp_path: Path) -> None:
    data, at = signed[0], 2
    kept = data[:2]
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        kept += b"" if data[at + 1] == 0xEB else data[at:end]
        at = end
    _, evidence = examine(kept + data[at:], tmp_path)
    assert [finding.code for finding in evidence.findings] == ["no_manifest"]


def test_a_history_that_loops_ends() -> None:
    looped = {"ingredients": [{"title": "x", "active_manifest": "b"}] * 9}
    manifests = {"a": looped, "b": {"ingredients": [{"active_manifest": "a"}] * 9}}
    assert len(claimed_history({"active_manifest": "a", "manifests": manifests})) <= 16
    for odd in ({}, {"manifests": 3}, {"active_manifest": [], "manifests": {"[]": 7}}):
        assert claimed_history(odd)
