"""Laws of the recipe on the command line."""

from dataclasses import dataclass, field

import pytest

from forensics.commands.options import with_fields
from forensics.errors import InvalidOption


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1


@dataclass(frozen=True)
class Recipe:
    crops: int = 3
    inner: Inner = field(default_factory=Inner)


def test_fields_keep_their_types() -> None:
    assert with_fields(Recipe(), ["crops=5", "inner.rate=2"]) == Recipe(5, Inner(2.0))


@pytest.mark.parametrize("wrong", ["crop=5", "inner.speed=1", "crops=many", "inner.rate="])
def test_what_does_not_fit_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(InvalidOption, match=wrong.partition("=")[0].rpartition(".")[2]):
        with_fields(Recipe(), [wrong])


@dataclass(frozen=True)
class Paired:
    images: int = 100
    batch: int = 32
    mirror: bool = True

    def __post_init__(self) -> None:
        if self.images < self.batch:
            raise ValueError(f"fewer than a batch: {self.images}")


def test_fields_that_need_one_another_come_in_any_order() -> None:
    assert with_fields(Paired(), ["images=8", "batch=4"]) == Paired(8, 4)


@pytest.mark.parametrize(("word", "truth"), [("false", False), ("True", True), ("0", False)])
def test_truths_are_read_as_words(word: str, truth: bool) -> None:
    assert with_fields(Paired(), [f"mirror={word}"]).mirror is truth


@pytest.mark.parametrize(
    ("assignment", "why"), [("images=3", "fewer than a batch: 3"), ("mirror=perhaps", "mirror")]
)
def test_what_a_recipe_refuses_is_said_with_its_reason(assignment: str, why: str) -> None:
    with pytest.raises(InvalidOption, match=why):
        with_fields(Paired(), [assignment])
