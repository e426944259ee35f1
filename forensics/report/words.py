"""Labels, reasons and limits in words: careful ones, the same on terminal, page and report."""

from forensics.schema import Label, MediaKind, Reason, Verdict

_FINE = 0.1

LABELS = {
    Label.SYNTHETIC: "Traces of a generated picture",
    Label.MANIPULATED: "Traces of manipulation",
    Label.NO_TRACES_FOUND: "No traces found",
    Label.INCONCLUSIVE: "Inconclusive",
}

MEANINGS = {
    Label.SYNTHETIC: "The pixels resemble those of pictures that were generated as a whole.",
    Label.MANIPULATED: "The pixels resemble those of photographs that were altered.",
    Label.NO_TRACES_FOUND: (
        "The detectors found none of the traces they know. This does not show that the picture "
        "is unaltered: a kind of forgery they do not know leaves nothing that they could find."
    ),
    Label.INCONCLUSIVE: "This material does not carry a verdict, for the reasons given.",
}

REASONS = {
    Reason.WEAK_EVIDENCE: "The score is neither high nor low enough for a verdict.",
    Reason.TOO_SMALL: "The picture or the face has too few pixels for the detectors.",
    Reason.TOO_COMPRESSED: "Compression has removed the fine detail that the detectors look at.",
    Reason.DETECTORS_DISAGREE: "Two detectors are each confident, and contradict each other.",
    Reason.OUT_OF_DISTRIBUTION: (
        "This picture resembles nothing that the detectors were calibrated on, in what it shows or "
        "in what they measure: how often they err on such pictures is not known."
    ),
    Reason.SIGNED_AS_GENERATED: (
        "A trusted signer states in a valid C2PA manifest that the picture was generated."
    ),
    Reason.DETECTOR_MISSING: (
        "A detector was not run because its weights are missing; "
        "the score is that of the others, calibrated without it."
    ),
    Reason.NOT_CALIBRATED: (
        "No calibration exists for this set of detectors: the score says nothing."
    ),
}

LIMITS = (
    "A score comes from pixels only. It is the estimated probability that the picture is "
    "generated or altered if one picture in two is; where such pictures are rarer, it is lower.",
    "Detectors know the generators and the edits of their training. Newer kinds may leave other "
    "traces or none, so finding no traces proves nothing.",
    "Recompression, resizing, screenshots and filters weaken traces and can imitate some.",
    "What a file says of itself (metadata, an unknown signer) is reported, and never decides: "
    "anyone can write it.",
    "Error rates were measured on the collections named beside them; on other material they "
    "differ. No verdict replaces asking where a picture comes from.",
)

FREQUENCY_MAPS = frozenset({"spectrum_peaks"})
"""Analyses whose map lies in the plane of frequencies, not in the plane of the picture."""


def label_words(label: Label) -> str:
    """A label as a heading."""
    return LABELS[label]


def meaning_words(label: Label) -> str:
    """What a label claims, and what it does not, in one or two sentences."""
    return MEANINGS[label]


def reason_words(reason: Reason) -> str:
    """A reason code as a sentence."""
    return REASONS[reason]


def score_words(score: float, interval: tuple[float, float]) -> str:
    """A score with its interval: "0.93 (0.81 to 0.97)"; rounding never reaches 0 or 1."""
    low, high = interval
    return f"{_probability(score)} ({_probability(low)} to {_probability(high)})"


def faces_words(verdict: Verdict) -> str:
    """How many faces were scored."""
    if not verdict.faces:
        return "No face was found; the picture was scored as a whole."
    if len(verdict.faces) == 1:
        return "One face was scored, beside the picture as a whole."
    return f"{len(verdict.faces)} faces were scored, beside the picture as a whole."


def media_words(verdict: Verdict) -> str:
    """Kind, format and size of what was examined."""
    kind = "clip" if verdict.media.kind is MediaKind.VIDEO else "picture"
    return f"{verdict.media.format} {kind}, {verdict.media.width} x {verdict.media.height} px"


def not_run_words(verdict: Verdict) -> str:
    """What was left out because a quick or partial examination was asked for; "" for nothing."""
    if not verdict.not_run:
        return ""
    names = ", ".join(name_words(name) for name in verdict.not_run)
    return f"Not the full examination. Left out, as asked: {names}."


def name_words(name: str) -> str:
    """A plugin's name, or a measurement's, as words."""
    return name.replace("_", " ")


def drawing_title(name: str) -> str:
    """What a drawing of a plugin is called: short, since it stands in a list."""
    return name_words(name).capitalize().replace("Jpeg", "JPEG")


def printable(text: str) -> str:
    """Text with every character escaped that could steer a terminal or turn the reading order.

    File names and metadata are written by strangers: line breaks, escape sequences, undecodable
    bytes and bidirectional marks come out as their codes.
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage: finer near its ends, which rounding never reaches."""
    return _bounded(100 * share, 100, 0.1, 1 if min(share, 1 - share) < _FINE else 0) + " %"


def _probability(value: float) -> str:
    return _bounded(value, 1, 0.01, 2)


def _bounded(value: float, top: float, step: float, digits: int) -> str:
    """A number between 0 and `top`; what would round to an end says under or over `step` of it."""
    if 0 < value < step:
        return f"under {step:g}"
    if top - step < value < top:
        return f"over {top - step:g}"
    return f"{value:.{digits}f}"
