"""Opens the pictures of a command's samples, their faces found once for all commands."""

from pathlib import Path

from tqdm import tqdm

from forensics.benchmark.datasets import PictureStore
from forensics.training import Sample


def picture_store(manifest: Path, cache: Path, samples: list[Sample]) -> PictureStore:
    """The store of a manifest's pictures; the faces of `samples` are found under a bar."""
    store = PictureStore(manifest.parent, cache)
    for _ in tqdm(store.find_boxes(samples), "faces", len(samples), disable=None):
        pass
    return store
