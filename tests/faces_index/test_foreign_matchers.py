from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from forensics.errors import BrokenPlugin, GalleryUnusable
from forensics.faces import embed
from forensics.faces.embed import load_matcher, matcher_key, matcher_names, matcher_of

CODE = """
import numpy as np
from forensics.faces.embed import Matcher

class Mine(Matcher):
    def embed(self, image, faces):
        return np.eye(4, dtype=np.float32)[: len(faces)]

class NoMatcher:
    def __init__(self, card):
        pass
"""
CARD = (
    'kind = "backbone"\ntitle = "Mine"\nlooks_at = "faces"\ninput = "RGB"\n'
    'licence_code = "mine"\nscore_version = 1\n'
)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another distribution offers two matchers, one of which is none."""
    (tmp_path / "others_matchers.py").write_text(CODE)
    for name in ("mine", "wrong"):
        (tmp_path / f"{name}.toml").write_text(CARD)
    points = [
        EntryPoint("mine", "others_matchers:Mine", embed.ENTRY_POINTS),
        EntryPoint("wrong", "others_matchers:NoMatcher", embed.ENTRY_POINTS),
    ]
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(embed, "entry_points", lambda group: points)
    load_matcher.cache_clear()
    yield
    load_matcher.cache_clear()


def test_a_matcher_of_another_distribution_is_found_by_name() -> None:
    assert "mine" in matcher_names()
    matcher = load_matcher("mine")
    assert matcher.card.title == "Mine"
    assert matcher.embed(np.zeros((1, 1, 3), np.uint8), []).shape == (0, 4)


def test_a_class_that_is_no_matcher_is_refused() -> None:
    with pytest.raises(BrokenPlugin, match="derived from Matcher"):
        load_matcher("wrong")


def test_a_gallery_finds_its_matcher_again() -> None:
    assert matcher_of(matcher_key(load_matcher("mine"))) is load_matcher("mine")


def test_a_gallery_of_another_version_of_a_matcher_is_refused() -> None:
    with pytest.raises(GalleryUnusable, match="holds vectors of the matcher mine 00, not of mine"):
        matcher_of("mine 00")


def test_a_gallery_of_a_matcher_that_is_not_installed_is_refused() -> None:
    with pytest.raises(GalleryUnusable, match="no matcher is called 'gone'"):
        matcher_of("gone 00")
