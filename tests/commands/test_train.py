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
