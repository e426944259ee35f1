"""How often a family is named, and how often rightly: held out, left out, and on the check rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.benchmark.family_fit import calibrated, fit_space, held_out, parts_of
from forensics.benchmark.family_rows import Rows
from forensics.benchmark.tables import Figure
from forensics.families import FAMILIES, Doubles, FamilySpace, beliefs_at, named
from forensics.statistics import clopper_pearson


@dataclass(frozen=True, eq=False)
class Calls:
    """What was said of n rows.

    Attributes:
        rows: the rows.
        beliefs: (n, 1 + families).
        names: (n,) numbers of the families named, 0 where none is.
    """

    rows: Rows
    beliefs: Doubles
    names: NDArray[np.intp]

    def where(self, chosen: NDArray[np.bool_]) -> "Calls":
        """Some of the rows."""
        return Calls(self.rows.where(chosen), self.beliefs[chosen], self.names[chosen])

    @property
    def truth(self) -> NDArray[np.intp]:
        """(n,) the families, 0 for photographs."""
        return self.rows.families

    def of(self, condition: str) -> "Calls":
        """The rows under one condition."""
        return self.where(self.rows.conditions == condition)

    @property
    def fakes(self) -> "Calls":
        """All rows that a generator made or changed."""
        return self.where(self.truth > 0)

    @property
    def photographs(self) -> "Calls":
        """All photographs, and what people composed of them."""
        return self.where(self.truth == 0)

    @property
    def given_name(self) -> "Calls":
        """The rows whose family is named."""
        return self.where(self.names > 0)

    @property
    def right(self) -> int:
        """How many names are right."""
        return int(((self.names == self.truth) & (self.names > 0)).sum())

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Rows of a family, or of one generator, that the fit had not seen, and what was said."""

    title: str
    own_family_known: bool
    calls: Calls


def share(hits: int, count: int) -> Figure | None:
    """A share with its Clopper-Pearson interval; None among none."""
    return Figure(hits / count, *clopper_pearson(hits, count)) if count else None


def learn(rows: Rows) -> tuple[FamilySpace, Calls]:
    """Fit the space to all rows and its rule to held-out ones.

    Returns:
        The space, and what it says of every row when the row's part is left out.
    """
    distances, families = held_out(rows, parts_of(rows))
    space = calibrated(fit_space(rows), distances, families, rows.families)
    beliefs = beliefs_at(distances, families, space.temperature)
    near = distances.min(axis=1) <= space.reach
    return space, Calls(rows, beliefs, named(beliefs, near, space.threshold))


def said(space: FamilySpace, rows: Rows) -> Calls:
    """What a space says of rows."""
    return Calls(rows, space.beliefs(rows.features), space.names(rows.features))


def left_out_families(rows: Rows, space: FamilySpace) -> Iterator[LeftOut]:
    """Each family in turn, by a fit without it and with the rule of `space`."""
    for family in FAMILIES:
        yield _left_out(rows, space, family.title, family.generators, own=False)


def left_out_generators(rows: Rows, space: FamilySpace) -> Iterator[LeftOut]:
    """Each generator whose family has others, by a fit without it and the rule of `space`."""
    present = set(rows.sources.tolist())
    for family in FAMILIES:
        members = [name for name in family.generators if name in present]
        for name in members if len(members) > 1 else ():
            yield _left_out(rows, space, name, (name,), own=True)


def _left_out(
    rows: Rows, space: FamilySpace, title: str, generators: Sequence[str], *, own: bool
) -> LeftOut:
    out = np.isin(rows.sources, generators)
    fitted = fit_space(rows.where(~out))
    rule = fitted.ruled(space.temperature, space.threshold, space.reach)
    return LeftOut(title, own, said(rule, rows.where(out)))


def figures(held: Calls, left: Sequence[LeftOut]) -> dict[str, object]:
    """What the finding says of itself, from clean rows: counts as [hits, pictures]."""
    clean = held.of("clean")
    fakes, photographs = clean.fakes, clean.photographs
    outsiders = [each.calls.of("clean") for each in left if not each.own_family_known]
    strangers = sum(map(len, outsiders))
    return {
        "members_named": [len(fakes.given_name), len(fakes)],
        "strangers_named": [sum(len(each.given_name) for each in outsiders), strangers],
        "photographs_named": [len(photographs.given_name), len(photographs)],
        "right": {family.name: _right(fakes, number) for number, family in enumerate(FAMILIES, 1)},
        "strangers": {
            family.name: [sum(int((each.names == number).sum()) for each in outsiders), strangers]
            for number, family in enumerate(FAMILIES, 1)
        },
    }


def _right(fakes: Calls, number: int) -> list[int]:
    mine = fakes.where(fakes.names == number)
    return [mine.right, len(mine)]
