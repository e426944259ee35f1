import pytest

from forensics.report import words
from forensics.schema import Label, Reason, Verdict


@pytest.mark.parametrize("label", Label)
def test_every_label_has_words_that_call_nothing_authentic(label: Label) -> None:
    text = (words.label_words(label) + words.meaning_words(label)).lower()
    assert text
    assert not any(word in text for word in ("authentic", "genuine", "fake", "real"))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_a_sentence(reason: Reason) -> None:
    assert words.reason_words(reason).endswith(".")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("größe.jpg", "größe.jpg"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),  # clears a terminal
        ("a\u202egpj.exe", "a\\u202egpj.exe"),  # turns the reading order
        ("a\nb", "a\\nb"),
        ("a\udcffb", "a\\udcffb"),  # a byte of a file name that is no UTF-8
    ],
)
def test_printable_text_steers_nothing(text: str, shown: str) -> None:
    assert words.printable(text) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.0, "0.0 %"),
        (0.0004, "under 0.1 %"),
        (0.0123, "1.2 %"),
        (0.456, "46 %"),
        (0.9994, "over 99.9 %"),
        (1.0, "100.0 %"),
    ],
)
def test_a_percentage_is_never_rounded_to_certainty(share: float, shown: str) -> None:
    assert words.percent(share) == shown


def test_a_score_is_never_rounded_to_certainty() -> None:
    assert words.score_words(0.997, (0.001, 0.9999)) == "over 0.99 (under 0.01 to over 0.99)"


def test_a_picture_without_a_face_says_so(verdict: Verdict) -> None:
    faceless = Verdict(**{**vars(verdict), "faces": ()})
    assert "No face was found" in words.faces_words(faceless)
