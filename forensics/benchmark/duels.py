"""Who is compared with whom: each source of fakes with the real pictures it is scored with.

All of the set, those of the same fold (which the same weights scored), or those of the fakes' own
pipeline ("matched"). Levels never mix: clips are scored with clips, pictures with pictures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.tables import Rows
from forensics.statistics import Names

AGAINST = ("all", "fold", "matched")


@dataclass(frozen=True, eq=False)
class Duel:
    """One source of fakes and its reals. `members` (n,) bool: the rows of both."""

    source: str
    against: str
    level: str
    members: NDArray[np.bool_]


def duels_of(
    rows: Rows, levels: Names, partners: Mapping[str, tuple[str, ...]], against: Sequence[str]
) -> list[Duel]:
    """Every source of fakes with its reals; those without reals of their level are left out."""
    found = []
    for level in sorted(set(levels.tolist())):
        here = levels == level
        for how in against:
            for source, members in _members(rows, partners, how):
                mine = members & here
                if len(set(rows.labels[mine].tolist())) > 1:
                    found.append(Duel(source, how, level, mine))
    return found


def _members(
    rows: Rows, partners: Mapping[str, tuple[str, ...]], how: str
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if how != "matched":
        for name in rows.fakes:
            yield name, rows.against(name, own_fold=how == "fold")
        return
    for group, reals in sorted(partners.items()):
        fakes = (rows.groups == group) & (rows.labels == 1)
        yield group, fakes | (np.isin(rows.groups, reals) & (rows.labels == 0))
