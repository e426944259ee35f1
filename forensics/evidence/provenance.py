"""The C2PA manifest of a file: present, valid, by whom, and what it says was done.

Nothing is fetched: remote manifests, revocation lists and time stamps stay where they are.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.evidence._words import GENERATED_TYPES, quoted, source_type, source_type_words
from forensics.schema import Evidence, Finding

# Every embedded manifest store is a JUMBF box (ISO 19566-5), whose type stands in plain sight;
# a file without it need not load the C2PA library. Remote ones are named by dcterms:provenance.
_BOX, _ADDRESS = b"jumb", b"dcterms:provenance"
_UNTRUSTED = "signingCredential.untrusted"
_FAILURES = {
    "assertion.dataHash.mismatch": "the file's bytes were changed after signing",
    "assertion.bmffHash.mismatch": "the file's bytes were changed after signing",
    "assertion.boxesHash.mismatch": "the file's bytes were changed after signing",
    "assertion.hashedURI.mismatch": "a statement in the manifest was changed after signing",
    "assertion.missing": "a statement was removed from the manifest",
    "claimSignature.mismatch": "the signature does not fit the manifest",
    "signingCredential.expired": "the signer's certificate had expired",
    "signingCredential.invalid": "the signer's certificate is not fit for signing",
    "signingCredential.revoked": "the signer's certificate was revoked",
}
_MOST = 8
"""Failures, actions and ingredients put into words; the measurements count all."""


@dataclass(frozen=True)
class Manifest:
    """What the library reports of the active manifest, checked for type."""

    state: str
    failures: tuple[str, ...]
    signer: dict[str, Any]
    actions: tuple[dict[str, Any], ...]
    ingredients: tuple[dict[str, Any], ...]
    count: int


class Provenance(Analysis):
    """Reads and validates the C2PA manifest."""

    @dataclass(frozen=True)
    class Options:
        """`trust_anchors`: PEM file of the certificates whose signers are known, or empty."""

        trust_anchors: str = ""

    def examine(self, case: Case) -> Evidence:
        """Return whether a manifest is there and holds, and its claims as claims.

        Raises:
            OSError: the file of trust anchors cannot be read.
        """
        start = perf_counter()
        anchors = self.options.trust_anchors
        pem = Path(anchors).read_text(encoding="ascii") if anchors else ""
        found = read_manifest(case.data, pem)
        manifest = found if isinstance(found, Manifest) else None
        statements = _words(found) if isinstance(found, Manifest) else [found]
        measurements = _measurements(manifest)
        return Evidence(tuple(map(Finding, statements)), measurements, perf_counter() - start)


def read_manifest(data: bytes, trust_anchors: str = "") -> Manifest | str:
    """Read the active manifest of a file, or say in one sentence why there is none to read.

    Args:
        data: the whole file.
        trust_anchors: certificates of known signers in PEM, or empty.
    """
    absent = "The file carries no C2PA manifest; few pictures do, and most websites remove it."
    if _BOX not in data:
        if _ADDRESS not in data:
            return absent
        return "The file names an address of a C2PA manifest, which was not fetched."
    # Imported here: its library takes a tenth of a second to load.
    import c2pa

    settings = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
        **({"trust": {"trust_anchors": trust_anchors}} if trust_anchors else {}),
    }
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            c2pa.Reader(None, BytesIO(data), context=context) as reader,
        ):
            return _manifest(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return absent
    except c2pa.C2paError as error:
        return f"A C2PA manifest is present but cannot be read ({quoted(str(error))})."


def _manifest(report: dict[str, Any]) -> Manifest:
    manifests = _dict(report.get("manifests"))
    active = _dict(manifests.get(str(report.get("active_manifest"))))
    status = [str(row.get("code", "")) for row in _dicts(report.get("validation_status"))]
    actions = [
        action
        for assertion in _dicts(active.get("assertions"))
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in _dicts(_dict(assertion.get("data")).get("actions"))
    ]
    return Manifest(
        state=str(report.get("validation_state", "")),
        failures=tuple(dict.fromkeys(code for code in status if code != _UNTRUSTED)),
        signer=_dict(active.get("signature_info")),
        actions=tuple(actions),
        ingredients=tuple(_dicts(active.get("ingredients"))),
        count=len(manifests),
    )


def _words(manifest: Manifest) -> Iterator[str]:
    yield _state_words(manifest)
    signer = manifest.signer
    if "time" in signer:
        yield f"The signature carries the time {quoted(str(signer['time']))}."
    for action in manifest.actions[:_MOST]:
        yield f"The manifest says: {_action_words(action)}."
    for part in manifest.ingredients[:_MOST]:
        title = quoted(str(part.get("title", "without a title")))
        relation = quoted(str(part.get("relationship", "unknown")), 30)
        yield f"The manifest names an ingredient {title} (relation {relation})."


def _state_words(manifest: Manifest) -> str:
    name = quoted(str(manifest.signer.get("common_name", "without a name")))
    issuer = quoted(str(manifest.signer.get("issuer", "without a name")))
    if manifest.state == "Trusted":
        return (
            f"A C2PA manifest fits the file; its signer {name}, issuer {issuer}, "
            f"is on the trust list."
        )
    if manifest.state == "Valid":
        return (
            f"A C2PA manifest fits the file; it was signed by an unknown signer, who calls itself "
            f"{name}, issuer {issuer}, and can claim anything."
        )
    reasons = [f"{_FAILURES.get(c, 'a check failed')} ({quoted(c, 60)})" for c in manifest.failures]
    listed = "; ".join(reasons[:_MOST]) or "no check is named"
    return f"A C2PA manifest is present but does not hold: {listed}. Its claims are void."


def _action_words(action: dict[str, Any]) -> str:
    words = quoted(str(action.get("action", "an action without a name")), 60)
    if "digitalSourceType" in action:
        code = source_type(str(action["digitalSourceType"]))
        words += f", digital source type {source_type_words(code)}"
    agent = action.get("softwareAgent")
    named = agent.get("name") if isinstance(agent, dict) else agent
    return words + (f", by {quoted(str(named))}" if named else "")


def _measurements(manifest: Manifest | None) -> dict[str, float]:
    """Counts; a verdict may rest on a trusted signer's claim only where no failure is counted."""
    if manifest is None:
        return {"manifests_count": 0.0}
    codes = (source_type(str(row.get("digitalSourceType", ""))) for row in manifest.actions)
    return {
        "manifests_count": float(manifest.count),
        "validation_failures_count": float(len(manifest.failures)),
        "trusted_signers_count": float(manifest.state == "Trusted"),
        "generated_claims_count": float(sum(code in GENERATED_TYPES for code in codes)),
        "ingredients_count": float(len(manifest.ingredients)),
    }


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
