"""Laws of the book: nothing is lost, nothing is computed twice, a kill costs one line at most."""

from pathlib import Path

import pytest

from forensics.benchmark.book import Book


def test_what_was_added_is_there_when_the_book_is_opened_again(tmp_path: Path) -> None:
    Book(tmp_path / "b").add(("a", "1"), {"values": [[1.5, 2]], "seconds": 0.1})
    assert Book(tmp_path / "b").get(("a", "1")) == {"values": [[1.5, 2]], "seconds": 0.1}
    assert Book(tmp_path / "b").get(("a", "2")) is None


@pytest.mark.parametrize("torn", ['[["b"], 2', '[["b"]', "\x00\x00", "7", "[[[]], 1]"])
def test_a_torn_last_line_costs_itself_and_no_other(tmp_path: Path, torn: str) -> None:
    Book(tmp_path / "b").add(("a",), 1)
    with (tmp_path / "b").open("a") as file:
        file.write(torn)
    again = Book(tmp_path / "b")
    assert (again.get(("a",)), again.get(("b",))) == (1, None)
    again.add(("c",), 3)
    assert Book(tmp_path / "b").get(("c",)) == 3
