"""How typical a face is: strangers with typical faces look alike far more often than others.

A crowd is a few hundred averages of look-alikes (nobody's own vector). How typical a face is, is
its cosine to the nearest of them. From the cosine of two faces a part of how typical both are is
taken away; what is left says more about whether they are one person. Speaker verification has long
normalised its scores so, by a cohort of strangers (Auckenthaler et al. 2000, Matejka et al. 2017).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from forensics.errors import NotCalibrated
from forensics.faces.vectors import clusters, unit_rows
from forensics.plugins import fingerprint, read_card
from forensics.schema import Floats, ModelCard
from forensics.weights import file_named, verified_path

CENTRES, NEAREST, WEIGHT = 256, 2, 0.75
"""Chosen on 3,399 pictures of 693 people of LFW who are in neither fold of the pairs, half of them
left out: the nearest 1 to 5 of 128 to 512 centres, weighted by .5 to 1, differ little."""
FEWEST = 5
"""An average of fewer pictures would be somebody's likeness."""


@dataclass(frozen=True, eq=False)
class Crowd:
    """Averages of look-alikes.

    `centres`: (C, D) float32 of length 1; `usual`: how typical a usual face is, added back so that
    the adjusted cosine of two usual faces is their cosine.
    """

    centres: Floats
    usual: float

    def typical(self, vectors: Floats) -> Floats:
        """How typical each of (N, D) unit vectors is: (N,) mean cosine to its nearest centres."""
        cosines = vectors @ self.centres.T
        return np.asarray(np.sort(cosines, axis=1)[:, -NEAREST:].mean(axis=1), np.float32)

    def adjusted(self, cosines: Floats, first: Floats, second: Floats) -> Floats:
        """Take from (N, M) cosines what (N, D) and (M, D) vectors share with everybody."""
        both = self.typical(first)[:, None] + self.typical(second)
        return np.asarray(cosines - WEIGHT * (both / 2 - self.usual), np.float32)


def made_crowd(vectors: Floats, *, seed: int = 0) -> Crowd:
    """Average the look-alikes among (N, D) unit vectors of many people."""
    groups = clusters(vectors, CENTRES, seed)
    members = [vectors[groups == group] for group in range(CENTRES)]
    centres = unit_rows(np.stack([rows.mean(axis=0) for rows in members if len(rows) >= FEWEST]))
    crowd = Crowd(centres.astype(np.float16).astype(np.float32), 0.0)
    return Crowd(crowd.centres, float(np.median(crowd.typical(vectors))))


def save_crowd(crowd: Crowd, path: Path, matcher: str) -> None:
    """Write a crowd, 2 bytes a number, and the fingerprint of the matcher that it belongs to."""
    tensors: dict[str, NDArray[Any]] = {
        "centres": crowd.centres.astype(np.float16),
        "usual": np.asarray([crowd.usual], np.float32),
        "matcher": np.frombuffer(bytes.fromhex(matcher), np.uint8),
    }
    save_file(tensors, path)


def crowd_card(card: ModelCard) -> ModelCard | None:
    """The card of a matcher's crowd, NAME_crowd.toml beside its own; None where it has none."""
    path = card.folder / f"{card.name}_crowd.toml"
    return read_card(path) if path.is_file() else None


def load_crowd(card: ModelCard) -> Crowd | None:
    """The crowd of a matcher; None where it has none.

    Raises:
        NotCalibrated: it was made with other weights of the matcher.
        WeightsUnavailable, WeightsCorrupt: its file.
    """
    found = crowd_card(card)
    if found is None:
        return None
    path = verified_path(found, file_named(found, ".safetensors"))
    return _read(path, card.name, fingerprint(card))


@cache
def _read(path: Path, name: str, matcher: str) -> Crowd:
    tensors = load_file(path)
    if tensors["matcher"].tobytes().hex() != matcher:
        raise NotCalibrated(
            f"{path.name} was made with other weights of {name}; "
            f"make it again with: forensics faces crowd --matcher {name}"
        )
    return Crowd(unit_rows(tensors["centres"].astype(np.float32)), float(tensors["usual"][0]))


def crowd_key(card: ModelCard) -> str:
    """What tells one crowd of a matcher from another; empty where it has none."""
    found = crowd_card(card)
    return "" if found is None else fingerprint(found)
