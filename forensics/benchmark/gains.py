"""Variants of one detector on the same pictures: mean AUC, and what each gains beside one."""

from collections.abc import Mapping, Sequence

import numpy as np

from forensics.benchmark.intervals import draw_rows
from forensics.benchmark.significance import paired_bootstrap
from forensics.benchmark.tables import generator_auc, markdown, mean_auc, rows_of
from forensics.statistics import Reals
from forensics.training import Sample


def gain_header(samples: Sequence[Sample]) -> list[str]:
    """The columns of `gain_rows`."""
    return ["variant", "mean", "gained", *rows_of(samples).fakes]


def gain_rows(samples: Sequence[Sample], scores: Mapping[str, Reals], base: str) -> list[list[str]]:
    """A row a variant: its mean AUC, the gain beside `base`, and its AUC by generator.

    Everything against the real pictures of the same fold; gains are paired over the same
    resampled clusters.

    Args:
        samples: N pictures.
        scores: (N,) by variant.
        base: the variant that the others are compared with.
    """
    rows = rows_of(samples)
    members = [rows.against(name, own_fold=True) for name in rows.fakes]
    drawn = draw_rows(rows.clusters, rows.generators, seed=0)
    body = []
    for name, found in scores.items():
        gap = paired_bootstrap(rows.labels, scores[base], found, members, [drawn])
        each = [str(generator_auc(rows, found, one, own_fold=True)) for one in rows.fakes]
        gained = f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
        body.append([name, str(mean_auc(rows, found, own_fold=True)), gained, *each])
    return body


def gain_table(
    samples: Sequence[Sample], book: Mapping[tuple[str, str], Mapping[str, float]], base: str
) -> str:
    """The table of several variants under several conditions, in Markdown.

    Args:
        samples: N pictures.
        book: by variant and condition, the logit of each picture by its path.
        base: the variant that the others are compared with.
    """
    body = []
    for condition in dict.fromkeys(condition for _, condition in book):
        ranked = {
            name: np.asarray([scores[sample.path] for sample in samples])
            for (name, shown), scores in book.items()
            if shown == condition
        }
        body += [[condition, *row] for row in gain_rows(samples, ranked, base)]
    return markdown(["", *gain_header(samples)], body)
