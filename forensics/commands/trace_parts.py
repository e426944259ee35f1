"""The parts of `forensics trace-rates` that measure one analysis each."""

import argparse


def jpeg(args: argparse.Namespace) -> None:
    """Pictures compressed twice: what is said of both qualities."""
    from tqdm import tqdm

    from forensics.benchmark.datasets import PictureStore, read_samples
    from forensics.benchmark.jpeg_check import pairs, section, trials, without_history
    from forensics.benchmark.trace_pictures import in_turn, real_pictures

    store = PictureStore(args.data.parent, args.cache)
    by_source = real_pictures(read_samples(args.folds, args.data), args.per_group)
    images = []
    for sample in in_turn(by_source, 100 * args.made_of):
        small = without_history(store.original(sample))
        images += [] if small is None else [small]
        if len(images) == args.made_of:
            break
    total = len(images) * (len(pairs()) + len({second for _, second in pairs()}))
    found = list(tqdm(trials(images), "compressing", total, disable=None))
    (args.runs / "jpeg.md").write_text(section(found), encoding="utf-8")


def copies(args: argparse.Namespace) -> None:
    """Copies made in pictures, and untouched pictures: what is flagged."""
    from tqdm import tqdm

    from forensics.benchmark.card_file import update_card
    from forensics.benchmark.copy_check import CROPS, DEVELOPED, Trial, figures, section, trials
    from forensics.benchmark.datasets import PictureStore, read_samples
    from forensics.benchmark.trace_pictures import real_pictures
    from forensics.plugins import cards

    store = PictureStore(args.data.parent, args.cache)
    samples = read_samples(args.folds, args.data)
    found: dict[str, list[Trial]] = {"images": [], CROPS: []}
    for folder, skipped in (("images", 0), (CROPS, DEVELOPED)):
        for forge, per_source in ((True, args.made_of), (False, args.per_group)):
            by_source = real_pictures(samples, per_source, folder=folder, skipped=skipped)
            chosen = [one for rows in by_source.values() for one in rows]
            each = tqdm(trials(chosen, store, forge=forge), folder, len(chosen), disable=None)
            found[folder] += [one for one in each if one is not None]
    # What criteria were chosen with is no result: the card holds the others' figures.
    card = cards("analysis")["copy_move"].folder / "copy_move.toml"
    update_card(card, figures=figures(found[CROPS]))
    page = section(found["images"], found[CROPS])
    (args.runs / "copies.md").write_text(page, encoding="utf-8")


def copy_weights(args: argparse.Namespace) -> None:
    """Print what tells copies from look-alikes, fitted on the crops kept for that."""
    from tqdm import tqdm

    from forensics.benchmark.copy_check import CROPS, DEVELOPED
    from forensics.benchmark.copy_fit import proposals, report
    from forensics.benchmark.datasets import PictureStore, read_samples
    from forensics.benchmark.trace_pictures import real_pictures

    store = PictureStore(args.data.parent, args.cache)
    by_source = real_pictures(read_samples(args.folds, args.data), DEVELOPED, folder=CROPS)
    chosen = [one for rows in by_source.values() for one in rows]
    each = tqdm(proposals(chosen, store), "proposing", len(chosen), disable=None)
    print(report([one for rows in each for one in rows]))


def cameras(args: argparse.Namespace) -> None:
    """Simulated sensors and a studio's portraits: false alarms and hits."""
    import numpy as np
    from tqdm import tqdm

    from forensics.benchmark import camera_check
    from forensics.benchmark.card_file import update_card
    from forensics.benchmark.datasets import PictureStore, read_samples
    from forensics.benchmark.trace_pictures import in_turn, real_pictures
    from forensics.plugins import cards

    store = PictureStore(args.data.parent, args.cache)
    by_source = real_pictures(read_samples(args.folds, args.data), args.per_group)
    scenes, others = camera_check.divided(in_turn(by_source, 10**6), store)
    strangers = (store.original(sample) for sample in others)
    looked = camera_check.simulated(scenes, strangers, np.random.default_rng(0))
    found = list(tqdm(looked, "comparing", disable=None))
    found += camera_check.studio([store.original(one) for one in by_source[camera_check.STUDIO]])
    update_card(cards("analysis")["prnu"].folder / "prnu.toml", figures=camera_check.figures(found))
    (args.runs / "cameras.md").write_text(camera_check.section(found), encoding="utf-8")
