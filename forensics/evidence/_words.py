"""Words that findings share: quoting what a file says, and IPTC's digital source types."""

# IPTC NewsCodes, "Digital Source Type", cv.iptc.org/newscodes/digitalsourcetype; own wording.
SOURCE_TYPES = {
    "trainedAlgorithmicMedia": "made by a trained model",
    "compositeWithTrainedAlgorithmicMedia": "composed with parts made by a trained model",
    "compositeSynthetic": "composed with computer-made parts",
    "algorithmicMedia": "made by an algorithm without training data",
    "algorithmicallyEnhanced": "enhanced by an algorithm",
    "dataDrivenMedia": "drawn from data",
    "virtualRecording": "recorded from a virtual scene",
    "digitalCapture": "taken by a digital camera",
    "computationalCapture": "computed from several shots of a camera",
    "compositeCapture": "composed of camera shots",
    "composite": "composed of several parts",
    "digitalCreation": "drawn by a human with software",
    "digitalArt": "drawn by a human with software",
    "humanEdits": "edited by a human",
    "minorHumanEdits": "edited slightly by a human",
    "screenCapture": "a screenshot",
    "negativeFilm": "digitised from a negative",
    "positiveFilm": "digitised from a slide",
    "print": "digitised from a print",
}
GENERATED_TYPES = frozenset(
    {
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "compositeSynthetic",
        "algorithmicMedia",
    }
)


def quoted(text: str, at_most: int = 80) -> str:
    """Quote what a file says: printable characters on one line, cut at `at_most`."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * at_most]).split())
    return f'"{line[:at_most]}{"..." if len(line) > at_most else ""}"'


def source_type(address: str) -> str:
    """The last part of a digital source type's address: its code."""
    return address.strip().rstrip("/").rpartition("/")[2]


def source_type_words(code: str) -> str:
    """A digital source type as 'code' and what it means, for the middle of a sentence."""
    meaning = SOURCE_TYPES.get(code)
    return f"{quoted(code)} ({meaning})" if meaning else quoted(code)
