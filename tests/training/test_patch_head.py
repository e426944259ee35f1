"""The head of a map learns which patches were changed, whatever their content."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from forensics.detector import MARKED_UNALTERED
from forensics.patch_head import UNKNOWN, PatchHead, fit_patch_head, labels_of

WIDTH = 12


def test_patches_are_labelled_by_how_much_they_differ_from_their_parents() -> None:
    parent = np.full((32, 48, 3), 100, np.uint8)
    crop = parent.copy()
    crop[:16, :16] += 10
    crop[16:, 32:] += 1
    assert labels_of(crop, parent, 16).tolist() == [[1, 0, 0], [0, 0, UNKNOWN]]
    assert not labels_of(parent, parent, 16).any()


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Patches whose first number tells changed ones, beneath content that is far louder."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (count, 16)).astype(np.uint8)
    patches = rng.normal(size=(count, 16, WIDTH)).astype(np.float32)
    patches[..., 1:] += 20 * rng.normal(size=(count, 1, WIDTH - 1)).astype(np.float32)
    patches[..., 0] += 3 * labels
    return patches, labels


def test_head_tells_changed_patches_of_pictures_never_seen() -> None:
    head = fit_patch_head(*drawn(80, 0), np.full(80, 1 / 80), 1.0)
    patches, labels = drawn(30, 1)
    ranked = head.logits(patches)
    assert roc_auc_score(labels.ravel(), ranked.ravel()) > 0.95
    assert ranked.dtype == np.float32


def test_unknown_patches_teach_nothing() -> None:
    patches, labels = drawn(40, 0)
    known = fit_patch_head(patches[:, :8], labels[:, :8], np.full(40, 1 / 40), 1.0)
    labels[:, 8:] = UNKNOWN
    both = fit_patch_head(patches, labels, np.full(40, 1 / 40), 1.0)
    np.testing.assert_allclose(both.weight, known.weight, atol=1e-4)


def test_head_needs_both_kinds_of_patches() -> None:
    patches, labels = drawn(4, 0)
    with pytest.raises(ValueError, match="changed"):
        fit_patch_head(patches, np.zeros_like(labels), np.full(4, 0.25), 1.0)


def test_head_comes_back_from_its_tensors() -> None:
    head = PatchHead(np.arange(5, dtype=np.float32), -0.5)
    again = PatchHead.read(head.tensors)
    assert again.bias == head.bias
    assert np.array_equal(again.weight, head.weight)


def test_one_half_is_what_few_unchanged_patches_reach() -> None:
    patches, labels = drawn(200, 0)
    head = fit_patch_head(patches, labels, np.full(200, 1 / 200), 1.0)
    marked = head.logits(patches[labels == 0]) > 0
    assert marked.mean() == pytest.approx(MARKED_UNALTERED, abs=0.003)
    assert (head.logits(patches[labels == 1]) > 0).mean() > 0.5
