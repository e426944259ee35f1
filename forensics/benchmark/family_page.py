"""The page `attribution.md`: what is said of held-out, left-out and check pictures."""

from collections.abc import Iterator, Sequence

import numpy as np

import forensics
from forensics.benchmark.family_fit import ACCEPTED, COMPONENTS, NEAR, PARTS
from forensics.benchmark.family_measures import Calls, LeftOut, share
from forensics.benchmark.tables import Figure, markdown
from forensics.families import FAMILIES, FamilySpace

FEWEST = 10
"""Groups with fewer pictures get no row of their own."""
STRANGERS = (
    '"Unknown" is the right answer: the fit had seen nothing of the family. The rule is the one'
    " that ships."
)
SIBLINGS = (
    "The fit knew the family by its other generators. Where a left-out one is rarely given to its"
    " own family, the family is known by the generators that were seen, not by their kind."
)


def page(space: FamilySpace, held: Calls, left: Sequence[LeftOut], checked: Sequence[Calls]) -> str:
    """All sections.

    Args:
        space: what ships.
        held: every row learned from, judged by fits without its part.
        left: families and generators that a fit had not seen.
        checked: the check rows, one condition each, judged by `space`.
    """
    strangers = [each for each in left if not each.own_family_known]
    siblings = [each for each in left if each.own_family_known]
    return "\n".join(
        [
            opening(space, held),
            *(known(held.of(condition), condition) for condition in ("clean", "strong")),
            *(reliability(held.of(condition), condition) for condition in ("clean", "strong")),
            left_out("## Families left out", strangers, STRANGERS),
            left_out("## Generators left out of a family that stays", siblings, SIBLINGS),
            photographs(held.of("clean")),
            on_check_rows(checked),
        ]
    )


def opening(space: FamilySpace, held: Calls) -> str:
    """What was measured, and how to read it."""
    fakes, reals = len(held.fakes), len(held.photographs)
    return (
        f"# Attribution: which family of generators\n\nVersion {forensics.__version__}; written by"
        f" `forensics attribution`. {fakes} views of fakes, {reals} of photographs; every one is"
        f" judged by a fit without its part (of {PARTS}, by clusters of near-duplicates), in"
        f" {COMPONENTS} principal directions of all of them, found without labels. A family"
        f" is named where it is believed at {space.threshold:.2f} or more, photographs being one"
        f" of the things it may be, and lies as near a generator as {NEAR:.0%} of held-out rows"
        f" do; by this rule {ACCEPTED:.0%} of held-out fakes get a"
        f" name, families counting alike. Squared distances are divided by"
        f" {space.temperature:g}, at which held-out pictures, photographs among them, surprise"
        " least. *Clean*: as collected, framing and last compression equalised. *Strong*: also"
        " resized, blurred, compressed by chance. *Degraded*: half the size, JPEG 75. Brackets:"
        " 95 % intervals by Clopper and Pearson.\n\n"
        "What a name says: the traces are most like those of the family, *if the picture is a"
        " fake at all*. Whether it is, the detectors say. Composites made by hand have no family:"
        " no generator made them, and they count with the photographs that they consist of.\n"
    )


def known(calls: Calls, condition: str) -> str:
    """One row a family: how many got a name, and how often a name was right."""
    fakes, body = calls.fakes, []
    for number, family in enumerate(FAMILIES, 1):
        mine = fakes.where(fakes.truth == number)
        got = fakes.where(fakes.names == number)
        body.append(
            [
                family.title,
                len(mine),
                _cell(share(len(mine.given_name), len(mine))),
                _cell(share(mine.right, len(mine))),
                len(got),
                _cell(share(got.right, len(got))),
            ]
        )
    total = [
        "all fakes",
        len(fakes),
        _cell(share(len(fakes.given_name), len(fakes))),
        _cell(share(fakes.right, len(fakes))),
        len(fakes.given_name),
        _cell(share(fakes.right, len(fakes.given_name))),
    ]
    header = ["family", "pictures", "named", "named rightly", "got this name", "of these right"]
    return (
        f"## Known generators, held-out pictures, {condition}\n\n{markdown(header, [*body, total])}"
    )


def reliability(calls: Calls, condition: str) -> str:
    """How often beliefs of several sizes are right."""
    fakes = calls.fakes
    top = fakes.beliefs[:, 1:].argmax(axis=1) + 1
    belief = fakes.beliefs[:, 1:].max(axis=1)
    body = []
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.01)):
        inside = (belief >= low) & (belief < high)
        hits = int((top == fakes.truth)[inside].sum())
        if inside.sum() >= FEWEST:
            body.append(
                [
                    f"{low:g} to {min(high, 1):g}",
                    int(inside.sum()),
                    f"{belief[inside].mean():.2f}",
                    _cell(share(hits, int(inside.sum()))),
                ]
            )
    header = ["belief in the likeliest family", "fakes", "mean belief", "right"]
    return f"## Are beliefs as often right as they say, {condition}?\n\n{markdown(header, body)}"


def left_out(title: str, left: Sequence[LeftOut], words: str) -> str:
    """What is said of pictures whose maker the fit had not seen."""
    body = [list(_left_out(each)) for each in left if len(each.calls.of("clean"))]
    header = [
        "left out",
        "clean",
        "unknown",
        "own family",
        "another family",
        "most often",
        "strong",
    ]
    return f"{title}\n\n{words}\n\n{markdown([*header, 'strong, unknown'], body)}"


def _left_out(each: LeftOut) -> Iterator[object]:
    clean, strong = each.calls.of("clean"), each.calls.of("strong")
    wrong = len(clean.given_name) - clean.right
    yield from (each.title, len(clean))
    yield _cell(share(len(clean) - len(clean.given_name), len(clean)))
    yield _cell(share(clean.right, len(clean))) if each.own_family_known else ""
    yield _cell(share(wrong, len(clean)))
    yield most_often(clean)
    yield len(strong)
    yield _cell(share(len(strong) - len(strong.given_name), len(strong)))


def photographs(calls: Calls) -> str:
    """One row a source of photographs: how often a family is named although there is none."""
    reals = calls.photographs
    body = []
    for group in sorted(set(reals.rows.groups.tolist())):
        mine = reals.where(reals.rows.groups == group)
        if len(mine) >= FEWEST:
            figure = _cell(share(len(mine.given_name), len(mine)))
            body.append([group, len(mine), figure, most_often(mine)])
    body.append(["all", len(reals), _cell(share(len(reals.given_name), len(reals))), ""])
    header = ["photographs of", "pictures", "a family is named", "most often"]
    return (
        "## Photographs and composites, held-out, clean\n\n"
        "A name is given on the assumption that the picture is a fake of a generator; here the"
        " assumption is wrong. Where photographs that share a collection with a family's fakes get"
        " its name much more often than others, the name rests in part on the collection, not on"
        f" the maker.\n\n{markdown(header, body)}"
    )


def on_check_rows(checked: Sequence[Calls]) -> str:
    """The pictures that nothing was fitted to, by what ships."""
    body = []
    for calls in checked:
        fakes, reals = calls.fakes, calls.photographs
        body.append(
            [
                str(calls.rows.conditions[0]),
                len(fakes),
                _cell(share(len(fakes.given_name), len(fakes))),
                _cell(share(fakes.right, len(fakes.given_name))),
                len(reals),
                _cell(share(len(reals.given_name), len(reals))),
            ]
        )
    header = ["check rows", "fakes", "named", "of these right", "photographs", "named"]
    return (
        "## Check rows, by the weights that ship\n\nNew pictures of known generators; no row had"
        f" part in any fit or threshold.\n\n{markdown(header, body)}"
    )


def most_often(calls: Calls) -> str:
    """The family that is named most often, and how often; empty where none is."""
    counts = np.bincount(calls.names, minlength=len(FAMILIES) + 1)[1:]
    if not counts.any():
        return ""
    return f"{FAMILIES[int(counts.argmax())].title} ({counts.max()})"


def _cell(figure: Figure | None) -> str:
    return "" if figure is None else str(figure)
