"""The C2PA manifest of a file: present, valid, by whom, and what it says was done.

Nothing is fetched: remote manifests, revocation lists and time stamps stay where they are.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from time import perf_counter
from typing import Any

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.evidence._claimed_history import (
    actions_of,
    claimed_history,
    dict_of,
    dicts_of,
)
from forensics.evidence._trust import read_trust_list
from forensics.evidence._words import GENERATED_TYPES, quoted, source_type, source_type_words
from forensics.schema import Edit, Evidence, Finding, ModelCard

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
    "claimSignature.missing": "a signature was removed",
    "ingredient.manifest.missing": "the manifest of an ingredient was removed",
    "ingredient.manifest.mismatch": "the manifest of an ingredient was changed after signing",
    "ingredient.claimSignature.mismatch": "the signature of an ingredient does not fit",
    "signingCredential.expired": "the signer's certificate had expired",
    "signingCredential.invalid": "the signer's certificate is not fit for signing",
    "signingCredential.revoked": "the signer's certificate was revoked",
}
ABSENT = "The file carries no C2PA manifest; few pictures do, and most websites remove it."
NO_LIST = "while no trust list was given (--trust-anchors)"
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
    history: tuple[Edit, ...]


class Provenance(Analysis):
    """Reads and validates the C2PA manifest."""

    @dataclass(frozen=True)
    class Options:
        """`trust_anchors`: PEM file of the certificates whose signers are known, or empty."""

        trust_anchors: str = ""

    def __init__(self, card: ModelCard, options: object | None = None) -> None:
        """Read the trust list, where one is given.

        Raises:
            InvalidOption: it cannot be read, or holds no certificate, or a damaged one.
        """
        super().__init__(card, options)
        self.trusted = read_trust_list(self.options.trust_anchors)

    def examine(self, case: Case) -> Evidence:
        """Return whether a manifest is there and holds, and its claims as claims."""
        start = perf_counter()
        found = read_manifest(case.data, self.trusted.pem)
        if not isinstance(found, Manifest):
            return Evidence((found,), _measurements(None), perf_counter() - start)
        findings = tuple(_findings(found, self.trusted.count))
        figures = _measurements(found)
        return Evidence(findings, figures, perf_counter() - start, found.history)


def read_manifest(data: bytes, trust_anchors: str = "") -> Manifest | Finding:
    """Read the active manifest of a file, or a finding that says why there is none to read.

    Args:
        data: the whole file.
        trust_anchors: certificates of known signers in PEM, or empty.
    """
    absent = Finding(ABSENT, code="no_manifest")
    if _BOX not in data:
        if _ADDRESS not in data:
            return absent
        words = "The file names an address of a C2PA manifest, which was not fetched."
        return Finding(words, code="manifest_elsewhere")
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
        words = f"A C2PA manifest is present but cannot be read ({quoted(str(error))})."
        return Finding(words, code="manifest_unreadable")


def _manifest(report: dict[str, Any]) -> Manifest:
    manifests = dict_of(report.get("manifests"))
    active = dict_of(manifests.get(str(report.get("active_manifest"))))
    status = [str(row.get("code", "")) for row in dicts_of(report.get("validation_status"))]
    return Manifest(
        state=str(report.get("validation_state", "")),
        failures=tuple(dict.fromkeys(code for code in status if code != _UNTRUSTED)),
        signer=dict_of(active.get("signature_info")),
        actions=tuple(actions_of(active)),
        ingredients=tuple(dicts_of(active.get("ingredients"))),
        count=len(manifests),
        history=claimed_history(report),
    )


def _findings(manifest: Manifest, anchors: int) -> Iterator[Finding]:
    yield _state(manifest, anchors)
    signer = manifest.signer
    if "time" in signer:
        words = f"The signature carries the time {quoted(str(signer['time']))}."
        yield Finding(words, code="signed_at")
    for action in manifest.actions[:_MOST]:
        yield Finding(f"The manifest says: {_action_words(action)}.", code="action")
    for part in manifest.ingredients[:_MOST]:
        yield _ingredient(part)


def _ingredient(part: dict[str, Any]) -> Finding:
    title = quoted(str(part.get("title", "without a title")))
    relation = quoted(str(part.get("relationship", "unknown")), 30)
    words = f"The manifest names an ingredient {title} (relation {relation})"
    if "active_manifest" not in part:
        return Finding(f"{words}, which had no manifest.", code="ingredient_unsigned")
    results = dict_of(dict_of(part.get("validation_results")).get("activeManifest"))
    codes = [str(row.get("code", "")) for row in dicts_of(results.get("failure"))]
    failed = [code for code in codes if code != _UNTRUSTED]
    if failed:
        return Finding(
            f"{words}, whose own manifest did not hold when it was added "
            f"({quoted(failed[0], 60)}).",
            code="ingredient_invalid",
        )
    return Finding(f"{words}, with a manifest of its own.", code="ingredient_signed")


def _state(manifest: Manifest, anchors: int) -> Finding:
    name = quoted(str(manifest.signer.get("common_name", "without a name")))
    issuer = quoted(str(manifest.signer.get("issuer", "without a name")))
    if manifest.state == "Trusted":
        words = (
            f"A C2PA manifest fits the file; its signer {name}, issuer {issuer}, is on the trust "
            f"list ({anchors} certificates)."
        )
        return Finding(words, code="manifest_trusted")
    if manifest.state == "Valid":
        listed = f"is not on the trust list ({anchors} certificates)" if anchors else NO_LIST
        words = (
            f"A C2PA manifest fits the file; it was signed by an unknown signer, who calls itself "
            f"{name}, issuer {issuer}, {listed}, and can claim anything."
        )
        return Finding(words, code="manifest_of_a_stranger")
    reasons = [f"{_FAILURES.get(c, 'a check failed')} ({quoted(c, 60)})" for c in manifest.failures]
    told = "; ".join(reasons[:_MOST]) or "no check is named"
    words = f"A C2PA manifest is present but does not hold: {told}. Its claims are void."
    return Finding(words, code="manifest_void")


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
