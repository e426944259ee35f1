"""Opens the pictures of a command's samples, their faces found once for all commands."""

import argparse

from tqdm import tqdm

from forensics.benchmark.datasets import PictureStore
from forensics.training import Sample


def picture_store(args: argparse.Namespace, samples: list[Sample]) -> PictureStore:
    """The store of `args.data` and `args.cache`; the faces of `samples` are found under a bar."""
    store = PictureStore(args.data.parent, args.cache)
    for _ in tqdm(store.find_boxes(samples), "faces", len(samples), disable=None):
        pass
    return store
