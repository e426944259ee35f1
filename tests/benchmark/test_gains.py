"""Laws of what variants of a detector gain."""

import numpy as np

from forensics.benchmark.gains import gain_header, gain_rows, gain_table
from forensics.training import Sample


def samples(count: int = 240) -> list[Sample]:
    made = []
    for place in range(count):
        fake, fold = place % 2, "AB"[place % 4 > 1]
        name = f"gan-{fold}" if fake else ""
        made.append(
            Sample(f"{place}.png", fake, name, name or f"camera-{fold}", fold, str(place), False)
        )
    return made


def test_the_base_gains_nothing_and_a_better_variant_gains_what_its_auc_is_higher() -> None:
    chosen = samples()
    labels = np.asarray([float(sample.fake) for sample in chosen])
    noise = np.random.default_rng(0).standard_normal(len(chosen))
    scores = {"base": labels + noise, "clear": labels + noise / 8, "blind": noise * 0}
    found = {row[0]: row for row in gain_rows(chosen, scores, "base")}
    assert found["base"][2] == "+0.000 [+0.000, +0.000]"
    assert found["clear"][1].startswith("1.00")
    assert found["blind"][1].startswith(".50")
    for name, mean in (("clear", 1.0), ("blind", 0.5)):
        value, low, high = (float(part.strip("[],")) for part in found[name][2].split())
        assert low <= value <= high
        assert abs(mean - value - float(found["base"][1].split()[0])) < 0.006
    assert {len(row) for row in found.values()} == {len(gain_header(chosen))}
    assert gain_header(chosen)[3:] == ["gan-A", "gan-B"]


def test_a_table_has_every_variant_under_every_condition_in_their_order() -> None:
    chosen = samples(40)
    rng = np.random.default_rng(1)
    asked = [(name, shown) for name in ("base", "other") for shown in ("clean", "degraded")]
    book = {one: {each.path: float(rng.random()) for each in chosen} for one in asked}
    lines = gain_table(chosen, book, "base").splitlines()
    shown = [tuple(cell.strip() for cell in line.split("|")[1:3]) for line in lines[2:] if line]
    assert shown == [
        ("clean", "base"),
        ("clean", "other"),
        ("degraded", "base"),
        ("degraded", "other"),
    ]
    ranked = {name: np.asarray(list(book[name, "clean"].values())) for name in ("base", "other")}
    for row, line in zip(gain_rows(chosen, ranked, "base"), lines[2:4], strict=True):
        assert [cell.strip() for cell in line.split("|")[2:-1]] == row
