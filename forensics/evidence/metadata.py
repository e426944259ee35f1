"""What a file says of itself: EXIF, XMP, software, editing history, marks of generators."""

from collections.abc import Iterable, Iterator
from time import perf_counter

from forensics.analysis import Analysis
from forensics.case import Case
from forensics.evidence._contradictions import contradictions
from forensics.evidence._embedded import Exif, png_texts, read_exif, xmp_packets
from forensics.evidence._generator_marks import WEB_UI, is_web_ui, marks_in_texts, program_named
from forensics.evidence._words import quoted, source_type, source_type_words
from forensics.evidence._xmp import Xmp, parse_xmp
from forensics.schema import Edit, Evidence, Finding

MOST_STEPS = 12
"""Steps of a history that are drawn."""
ANYONE = "anyone can write this into a file"
NO_NAMES = "The file's metadata name no camera, no software and no generator."
NOTHING = "The file carries no EXIF, no XMP and no text; most websites remove them."
# Fields that name the program a picture went through, or what it is to be credited to.
_SOFTWARE_FIELDS = ("Software", "ProcessingSoftware", "HostComputer", "Artist", "ImageDescription")
_SOFTWARE_PROPERTIES = ("CreatorTool", "Credit", "AISystemUsed", "Software")
_SOFTWARE_TEXTS = ("Software", "Author", "Description", "Source", "Comment", "Title")


class Metadata(Analysis):
    """Reads what the file says of itself. All of it is claims, none of it proof."""

    def examine(self, case: Case) -> Evidence:
        """Return claims as findings; damaged metadata is a finding too."""
        start = perf_counter()
        texts = png_texts(case.data)
        packets = xmp_packets(case.data, texts)
        exif, exif_damage = _exif_of(case.data)
        xmps, xmp_damage = _xmps_of(packets)
        contradictory = list(contradictions(case, exif))
        marks = [
            *_text_marks(texts),
            *_exif_marks(exif),
            *(mark for xmp in xmps for mark in _xmp_marks(xmp)),
        ]
        findings = [
            *_coded("decoding_note", case.media.notes),
            *_coded("generator_mark", dict.fromkeys(marks)),
            *contradictory,
            *_exif_words(exif),
            *(finding for xmp in xmps for finding in _xmp_words(xmp)),
            *_text_words(texts),
            *_coded("exif_damaged", exif_damage),
            *_coded("xmp_damaged", xmp_damage),
        ]
        if not (exif or packets or texts or exif_damage):
            findings.append(Finding(NOTHING, code="nothing"))
        elif not findings:
            findings.append(Finding(NO_NAMES, code="no_names"))
        measurements = {
            "exif_fields_count": float(len(exif.fields) if exif else 0),
            "xmp_packets_count": float(len(packets)),
            "png_texts_count": float(len(texts)),
            "editing_steps_count": float(sum(len(xmp.history) for xmp in xmps)),
            "generator_marks_count": float(len(dict.fromkeys(marks))),
            "contradictions_count": float(len(contradictory)),
        }
        history = tuple(_steps(xmps))
        return Evidence(tuple(findings), measurements, perf_counter() - start, history)


def _exif_of(data: bytes) -> tuple[Exif | None, list[str]]:
    try:
        return read_exif(data), []
    except ValueError:
        return None, ["The EXIF block is damaged and was not read."]


def _xmps_of(packets: list[str]) -> tuple[list[Xmp], list[str]]:
    xmps: list[Xmp] = []
    damage: list[str] = []
    for packet in packets:
        try:
            xmps.append(parse_xmp(packet))
        except ValueError:
            damage.append("An XMP packet is damaged and was not read.")
    return xmps, damage


def _claim(program: str, place: str) -> str:
    return f"The file says it was made by {program} ({place}); {ANYONE}."


def _text_marks(texts: dict[str, str]) -> Iterator[str]:
    for program, keyword in marks_in_texts(texts):
        yield _claim(program, f"PNG text {quoted(keyword)}")
    for keyword in _SOFTWARE_TEXTS:
        if named := program_named(texts.get(keyword, "")):
            yield _claim(named, f"PNG text {quoted(keyword)}")


def _text_words(texts: dict[str, str]) -> Iterator[Finding]:
    if texts:
        names = ", ".join(quoted(keyword, 30) for keyword in list(texts)[:8])
        words = f"The PNG carries {len(texts)} texts, among them {names}."
        yield Finding(words, code="png_texts")


def _exif_marks(exif: Exif | None) -> Iterator[str]:
    fields = exif.fields if exif else {}
    for name in _SOFTWARE_FIELDS:
        if program := program_named(fields.get(name, "")):
            yield _claim(program, f"EXIF field {name}")
    # ComfyUI's WebP writer keeps its graphs in the camera's maker and model.
    for name in ("Make", "Model"):
        if _is_graph(fields.get(name, "")):
            yield _claim("ComfyUI", f"EXIF field {name}")
    if is_web_ui(fields.get("UserComment", "")):
        yield _claim(WEB_UI, "EXIF field UserComment")


def _xmp_marks(xmp: Xmp) -> Iterator[str]:
    for name in _SOFTWARE_PROPERTIES:
        if program := program_named(xmp.properties.get(name, "")):
            yield _claim(program, f"XMP property {name}")
    programs = (program_named(step.software) for step in xmp.history)
    yield from (_claim(program, "XMP editing history") for program in programs if program)


def _is_graph(text: str) -> bool:
    return text[:9].lower().startswith(("workflow:", "prompt:"))


def _exif_words(exif: Exif | None) -> Iterator[Finding]:
    if exif is None:
        return
    fields = exif.fields
    camera = " ".join(fields[name] for name in ("Make", "Model") if name in fields)
    if camera and not _is_graph(camera):
        words = f"EXIF names the camera {quoted(camera)}; {ANYONE}."
        yield Finding(words, code="camera_named")
    if "Software" in fields:
        words = f"EXIF names the software {quoted(fields['Software'])}."
        yield Finding(words, code="software_named")
    taken, changed = fields.get("DateTimeOriginal"), fields.get("DateTime")
    if taken:
        yield Finding(f"EXIF dates the picture {quoted(taken)}.", code="date_taken")
    if changed and changed != taken:
        yield Finding(f"EXIF dates the last change {quoted(changed)}.", code="date_changed")
    if exif.position is not None:
        yield Finding("EXIF holds a GPS position.", code="position")


def _xmp_words(xmp: Xmp) -> Iterator[Finding]:
    declared = xmp.properties.get("DigitalSourceType")
    if declared:
        words = source_type_words(source_type(declared))
        words = f"The file declares its digital source type as {words}; {ANYONE}."
        yield Finding(words, code="source_type_declared")
    for name in ("CreatorTool", "AISystemUsed", "Credit"):
        if name in xmp.properties:
            words = f"XMP property {name} is {quoted(xmp.properties[name])}."
            yield Finding(words, code="xmp_program_named")
    if xmp.history:
        yield Finding(_history_words(xmp), code="editing_history")


def _coded(code: str, statements: Iterable[str]) -> list[Finding]:
    return [Finding(statement, code=code) for statement in statements]


def _steps(xmps: list[Xmp]) -> Iterator[Edit]:
    """The editing steps in order, each after the one before it."""
    steps = [step for xmp in xmps for step in xmp.history][:MOST_STEPS]
    for number, step in enumerate(steps):
        lines = tuple(quoted(text, 40) for text in (step.software, step.when) if text)
        parents = (number - 1,) if number else ()
        yield Edit(quoted(step.action or "an action without a name", 40), lines, parents)


def _history_words(xmp: Xmp) -> str:
    actions = list(dict.fromkeys(step.action for step in xmp.history if step.action))
    programs = list(dict.fromkeys(step.software for step in xmp.history if step.software))
    steps = f"XMP lists {len(xmp.history)} editing steps"
    done = f" ({', '.join(quoted(action, 30) for action in actions[:6])})" if actions else ""
    by = f" by {', '.join(quoted(program, 60) for program in programs[:3])}" if programs else ""
    return f"{steps}{done}{by}; {ANYONE}."
