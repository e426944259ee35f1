"""What a quick examination gives up, in figures left out by fold."""

from collections.abc import Sequence

from forensics.benchmark.evaluation import Logits
from forensics.benchmark.out_of_fold import CONDITIONS
from forensics.benchmark.results_page import Board, build_board
from forensics.benchmark.tables import markdown, mean_auc, mean_auc_gap, summary
from forensics.plugins import entries

AGAINST = {True: "of the same fold", False: "all"}


def quick_section(full: Board, logits: Logits, quick: Sequence[str], small: Sequence[str]) -> str:
    """The section of the results page about `--fast`.

    Args:
        full: the default detectors, judged.
        logits: of the detectors named below on the pictures of `full`.
        quick: the detectors of `--fast`.
        small: small detectors that would be as fast, for comparison.
    """
    boards = {
        "default": full,
        "`--fast`": build_board(full.samples, logits, list(quick)),
        "small detectors": build_board(full.samples, logits, list(small)),
    }
    names = ", ".join(f"`{name}`" for name in quick)
    looks = "; ".join(entries("detector")[name].card.looks_at for name in quick)
    others = " and ".join(f"`{name}`" for name in small)
    return (
        f"## What `--fast` gives up\n\n`forensics examine --fast` asks {names} alone ({looks}). "
        f"Mean AUC over generators on the same {len(full.samples)} pictures, judged by each set's "
        "own fusion of the other folds; the loss is that of `--fast` against the default set, both "
        f"resampled together. Beside it {others}, which cost about as much. These pictures have at "
        "most 256 px, where `clip_pairs` too looks once; what its four looks at larger pictures "
        "add was not measured.\n\n"
        + markdown(["", "real pictures", *boards, "loss"], _auc_lines(boards))
        + "\nWhat is answered, as above:\n\n"
        + markdown(["", "", *boards], _answer_lines(boards))
    )


def _auc_lines(boards: dict[str, Board]) -> list[list[object]]:
    rows = next(iter(boards.values())).rows
    lines: list[list[object]] = []
    for condition in CONDITIONS:
        for own_fold, words in AGAINST.items():
            columns = [board.judged[condition].scores for board in boards.values()]
            figures = [mean_auc(rows, column, own_fold=own_fold) for column in columns]
            loss = mean_auc_gap(rows, columns[0], columns[1], own_fold=own_fold)
            lines.append([condition, words, *figures, loss])
    return lines


def _answer_lines(boards: dict[str, Board]) -> list[list[object]]:
    lines: list[list[object]] = []
    for condition in CONDITIONS:
        told = [summary(board.rows, board.judged[condition]) for board in boards.values()]
        lines += [[condition, name, *(f"{each[name]:.3f}" for each in told)] for name in told[0]]
    return lines
