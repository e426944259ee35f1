"""A set whose fakes our own zoo makes: what each maker turns the same real pictures into.

A twin shares cluster and fold with its picture, so that whoever learned from one does not score
the other. It lies in the cache as `PictureStore.twin` keeps it, and is read as any file is.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from forensics.benchmark.collection import Collection, sample_of
from forensics.benchmark.datasets import PictureStore, twin_path
from forensics.benchmark.swap_twins import Donors, maker_of
from forensics.errors import InvalidOption
from forensics.generator import Manipulator, Swapper
from forensics.plugins import entries, load, plugin_class
from forensics.training import Sample

HELD_OUT = "decoders-held-out"
"""The four decoders that never train a detector; all other names are generators'."""


def zoo_samples(
    makers: Sequence[str], parents: Sequence[Sample], store: PictureStore
) -> Iterator[Sample | None]:
    """Twins of every parent by every maker, made where they are not kept yet.

    Args:
        makers: names of generators that change pictures, of swappers, or `HELD_OUT`.
        parents: real pictures, their faces found already.
        store: gives their pixels.

    Yields:
        One for each maker and parent: the twin, or None where the maker changed nothing.

    Raises:
        InvalidOption: a name is no generator that changes pictures by itself or with one face, or
            comes twice.
    """
    if len(set(makers)) < len(makers):
        raise InvalidOption("--zoo names a maker twice")
    if unfit := [name for name in makers if name != HELD_OUT and not _changes_pictures(name)]:
        raise InvalidOption(f"--zoo takes generators that change pictures, not {unfit[0]!r}")
    donors = Donors(parents, store.read)
    for name in makers:
        maker = _maker(name, donors)
        for parent in parents:
            twin = store.twin(maker(parent), name)(parent)
            changed = not np.array_equal(twin, store.read(parent))
            yield _sample(name, parent) if changed else None


def zoo_collection(
    found: Collection, parents: Sequence[Sample], twins: Sequence[Sample]
) -> Collection:
    """The set of these real pictures and their twins.

    Raises:
        InvalidOption: there is no twin.
    """
    if not twins:
        raise InvalidOption("--zoo: no maker changed any of the set's real check rows")
    samples = tuple(sorted((*parents, *twins), key=lambda sample: sample.path))
    return Collection(found.root, samples, {}, "real pictures, and what our zoo makes of them")


def _changes_pictures(name: str) -> bool:
    if name not in entries("generator"):
        return False
    maker = plugin_class("generator", name)
    return issubclass(maker, Manipulator) or (issubclass(maker, Swapper) and maker.needs_sources)


def _maker(name: str, donors: Donors) -> Callable[[Sample], Manipulator]:
    if name != HELD_OUT:
        return maker_of(name, donors)
    options = plugin_class("generator", "decoders").Options(held_out=True)
    held_out: Manipulator = load("generator", "decoders", options)
    return lambda _: held_out


def _sample(name: str, parent: Sample) -> Sample:
    return sample_of(
        twin_path(name, parent),
        fake=True,
        generator=name,
        cluster=parent.cluster,
        fold=parent.fold,
    )
