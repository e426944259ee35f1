"""The history that C2PA manifests claim: each manifest after the ingredients it was made from."""

from typing import Any

from forensics.evidence._words import quoted
from forensics.schema import Edit

MOST_STEPS = 16
MOST_DEPTH = 8
MOST_ACTIONS = 3
_LENGTH = 36


def claimed_history(report: dict[str, Any]) -> tuple[Edit, ...]:
    """Read the library's report, earliest step first; what loops or goes on for long is cut."""
    steps: list[Edit] = []
    _gather(dict_of(report.get("manifests")), str(report.get("active_manifest")), "", steps, ())
    return tuple(steps)


def dict_of(value: object) -> dict[str, Any]:
    """The value where it is an object, else an empty one: manifests are written by strangers."""
    return value if isinstance(value, dict) else {}


def dicts_of(value: object) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def actions_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """All actions that a manifest names, in order."""
    return [
        action
        for assertion in dicts_of(manifest.get("assertions"))
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in dicts_of(dict_of(assertion.get("data")).get("actions"))
    ]


def _gather(
    manifests: dict[str, Any], label: str, title: str, steps: list[Edit], above: tuple[str, ...]
) -> int | None:
    """Add a manifest behind its ingredients; return its index, None where there is no room."""
    manifest = dict_of(manifests.get(label))
    if label in above or len(above) >= MOST_DEPTH:
        return None
    parents = []
    for part in dicts_of(manifest.get("ingredients"))[:MOST_STEPS]:
        name = str(part.get("title", "without a title"))
        if "active_manifest" in part:
            inner = str(part["active_manifest"])
            parents.append(_gather(manifests, inner, name, steps, (*above, label)))
        else:
            parents.append(_add(steps, Edit(quoted(name, _LENGTH), ("without a manifest",))))
    known = tuple(parent for parent in parents if parent is not None)
    name = title or str(manifest.get("title", "this file"))
    lines = _lines(manifest) if manifest else ("its manifest is missing",)
    return _add(steps, Edit(quoted(name, _LENGTH), lines, known))


def _add(steps: list[Edit], step: Edit) -> int | None:
    if len(steps) >= MOST_STEPS:
        return None
    steps.append(step)
    return len(steps) - 1


def _lines(manifest: dict[str, Any]) -> tuple[str, ...]:
    names = [str(action.get("action", "")).removeprefix("c2pa.") for action in actions_of(manifest)]
    signer = dict_of(manifest.get("signature_info"))
    makers = dicts_of(manifest.get("claim_generator_info"))
    done = ", ".join(names[:MOST_ACTIONS]) + (", ..." if len(names) > MOST_ACTIONS else "")
    return (
        quoted(done or "no action named", _LENGTH),
        f"by {quoted(str(makers[0].get('name', 'unknown')) if makers else 'unknown', 28)}",
        f"signed {quoted(str(signer.get('common_name', 'without a name')), 28)}",
    )
