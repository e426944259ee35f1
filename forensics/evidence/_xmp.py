"""Reads an XMP packet (ISO 16684-1): simple properties and the editing history."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_ELEMENTS = 20_000
MAX_STEPS = 1_000
_STEP_FIELDS = {"action", "softwareAgent", "when"}


@dataclass(frozen=True)
class EditingStep:
    """One entry of xmpMM:History; what is not given is empty."""

    action: str
    software: str
    when: str


@dataclass(frozen=True)
class Xmp:
    """`properties`: text by name without its namespace, the first of each; `history`: in order."""

    properties: dict[str, str]
    history: tuple[EditingStep, ...]


def parse_xmp(packet: str) -> Xmp:
    """Read one packet; entities, document types and more than 20,000 elements are not read.

    Raises:
        ValueError: the packet is no well-formed XML, or declares entities.
    """
    # Imported here: most pictures carry no XMP.
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(packet, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise ValueError(f"the XMP packet is not well-formed: {error}") from error
    properties: dict[str, str] = {}
    history: list[EditingStep] = []
    for element in _elements(root):
        if _local(element.tag) == "History":
            history += _steps(element)
        for name, value in _values(element):
            properties.setdefault(name, value)
    return Xmp(properties, tuple(history[:MAX_STEPS]))


def _elements(root: "Element") -> Iterator["Element"]:
    """Walk depth first without recursion, which a deep packet would exhaust."""
    waiting = [root]
    for _ in range(MAX_ELEMENTS):
        if not waiting:
            return
        element = waiting.pop()
        yield element
        if _local(element.tag) != "History":
            waiting.extend(reversed(element))


def _values(element: "Element") -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        yield _local(name), value
    text = (element.text or "").strip()
    if text:
        yield _local(element.tag), text
    # An array keeps its first item under the array's own name: name / Seq / li.
    items = next(iter(element), None)
    first = next(iter(items), None) if items is not None else None
    if first is not None and _local(first.tag) == "li" and first.text:
        yield _local(element.tag), first.text.strip()


def _steps(history: "Element") -> list[EditingStep]:
    # History / Seq / li, the fields as attributes or as elements (of a Description, or not).
    items = [item for array in history for item in array]
    return [_step(dict(_fields(item))) for item in items[:MAX_STEPS]]


def _fields(item: "Element") -> Iterator[tuple[str, str]]:
    for holder in (item, *item):
        for name, value in _values(holder):
            if name in _STEP_FIELDS:
                yield name, value
        for child in holder:
            if _local(child.tag) in _STEP_FIELDS and child.text:
                yield _local(child.tag), child.text.strip()


def _step(fields: dict[str, str]) -> EditingStep:
    names = ("action", "softwareAgent", "when")
    return EditingStep(*(fields.get(name, "") for name in names))


def _local(name: object) -> str:
    return str(name).rpartition("}")[2]
