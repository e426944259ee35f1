"""Fine-tune CLIP lightly on pairs, and compare it with frozen CLIP on generators left out.

    python benchmarks/clip_tuning.py --data MANIFEST.csv --folds FOLDS.csv --per-group 100
        --runs runs/bench [--what lora|norms] [--steps 160] [--fold A] [--device cpu|cuda]

Starts from the frozen detector without the fold, `RUNS/clip_pairs-FOLD`, and trains on what that
learned from: half of a batch are pairs (a real picture, a maker's twin), the rest single pictures,
as many fakes as reals. `lora` adds products of rank 8 beside all matrices of blocks 4 to 9 (Hu et
al. 2021), `norms` frees scales and shifts of their normalisations; the head learns along. Resumes.
With all folds trained it scores what was left out, one native crop a picture, clean and at half
size under JPEG 75, and prints a Markdown table.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from detectors.clip_pairs import ClipPairsRecipe
from forensics.benchmark.choice_runs import first_crop
from forensics.benchmark.clip_in_torch import ClipInTorch, nothing, pixels_of
from forensics.benchmark.datasets import PictureStore, capped, read_samples
from forensics.benchmark.fuel_mixes import CHOICE_FOLDS
from forensics.benchmark.out_of_fold import CONDITIONS, detector_of_run
from forensics.benchmark.tables import generator_auc, markdown, mean_auc, rows_of
from forensics.commands.common import add_data_arguments
from forensics.commands.picture_stores import picture_store
from forensics.commands.train import TWINS, ZOO
from forensics.linear_head import LinearHead
from forensics.network_training import running_average
from forensics.neural import CLIP_PATCH, CLIP_SIDE
from forensics.plugins import backbones, load
from forensics.schema import Image
from forensics.training import Checkpoint, Sample, TrainingData
from forensics.views import View
from forensics.weights import load_tensors

RANK, BLOCKS = 8, range(3, 9)
PARTS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
PAIRS, SINGLES = 6, 12
"""Of one step."""
RATE, HEAD_RATE, MEMORY, SAVE_EVERY = 3e-4, 3e-5, 0.97, 20
PAIR_WEIGHT = 1.0


class Tuned(nn.Module):
    """CLIP with what may be trained beside it, and the head of a frozen detector."""

    def __init__(self, head: LinearHead, what: str, device: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        tensors = load_tensors(backbones()["clip_vit_b16"])
        self.lora = nn.ParameterDict()
        self.norms = nn.ParameterDict()
        added = self._added if what == "lora" else nothing
        self._clip = ClipInTorch(tensors, device, torch.bfloat16, added)
        if what == "lora":
            for name, matrix in tensors.items():
                if _tuned(name) and name.endswith(tuple(f"{part}.weight" for part in PARTS)):
                    self._beside(name.removesuffix(".weight"), *matrix.shape)
        else:
            for name in [each for each in self._clip.plain if _tuned(each) and "norm" in each]:
                self.norms[name.replace(".", "/")] = nn.Parameter(self._clip.plain[name])
                self._clip.plain[name] = self.norms[name.replace(".", "/")]
        self.weight = nn.Parameter(torch.from_numpy(head.weight))
        self.bias = nn.Parameter(torch.from_numpy(head.bias))
        self.fake = torch.from_numpy(head.kinds > 0)
        self.to(device)

    def _beside(self, name: str, inputs: int, outputs: int) -> None:
        stem = name.replace(".", "/")
        self.lora[f"{stem}/in"] = nn.Parameter(torch.randn(RANK, inputs) / inputs**0.5)
        self.lora[f"{stem}/out"] = nn.Parameter(torch.zeros(outputs, RANK))

    def _added(self, name: str, rows: Tensor) -> Tensor | None:
        stem = name.replace(".", "/")
        if f"{stem}/in" not in self.lora:
            return None
        narrow = functional.linear(rows, self.lora[f"{stem}/in"].to(rows.dtype))
        return functional.linear(narrow, self.lora[f"{stem}/out"].to(rows.dtype)).float()

    def forward(self, crops: Sequence[Image]) -> Tensor:
        """Logits of P(fake) of crops of any sizes, (N,) float32."""
        found: dict[int, Tensor] = {}
        for shape in sorted({crop.shape for crop in crops}):
            places = [place for place, crop in enumerate(crops) if crop.shape == shape]
            reading = self._clip.reading(pixels_of([crops[place] for place in places]))
            classes = reading @ self.weight + self.bias
            logits = classes[:, self.fake].logsumexp(1) - classes[:, ~self.fake].logsumexp(1)
            found |= dict(zip(places, logits, strict=True))
        return torch.stack([found[place] for place in range(len(crops))])


def _tuned(name: str) -> bool:
    return any(name.startswith(f"encoder.layers.{block}.") for block in BLOCKS)


@dataclass(frozen=True, eq=False)
class Batches:
    """Draws the crops of a step: pairs first, real beside fake, then fakes, then reals."""

    data: TrainingData
    recipe: ClipPairsRecipe

    def draw(self, step: int) -> list[Image]:
        """2 * PAIRS + SINGLES crops, the same for the same step."""
        rng = np.random.default_rng([5, step])
        crops: list[Image] = []
        while len(crops) < 2 * PAIRS:
            maker = list(self.data.makers)[rng.integers(len(self.data.makers))]
            place = list(self.data.makers).index(maker)
            chosen = [s for s in self.data.samples if s.in_share(self.recipe.twins, place)]
            sample, number = self._any(chosen, rng), self._number(rng)
            pair = [self._crop(View(sample, number, twin)) for twin in ("", maker)]
            crops += pair if (pair[0] != pair[1]).any() else []
        for fake in (True, False):
            chosen = [sample for sample in self.data.samples if sample.fake == fake]
            singles = [self._any(chosen, rng) for _ in range(SINGLES // 2)]
            crops += [self._crop(View(sample, self._number(rng))) for sample in singles]
        return crops

    def _any(self, samples: list[Sample], rng: np.random.Generator) -> Sample:
        """One of a source drawn by the square root of its size."""
        names, counts = np.unique([sample.source for sample in samples], return_counts=True)
        shares = np.sqrt(counts) / np.sqrt(counts).sum()
        source = names[rng.choice(len(names), p=shares)]
        of_source = [sample for sample in samples if sample.source == source]
        return of_source[rng.integers(len(of_source))]

    def _number(self, rng: np.random.Generator) -> int:
        return int(rng.random() < self.recipe.strong)

    def _crop(self, view: View) -> Image:
        return view.crop(self.data, self.recipe.chain, CLIP_SIDE, CLIP_PATCH)


def loss_of(logits: Tensor) -> Tensor:
    """Cross-entropy of all, and softplus(real - fake) inside pairs."""
    labels = torch.tensor([0.0, 1.0] * PAIRS + [1.0] * (SINGLES // 2) + [0.0] * (SINGLES // 2))
    pairs = logits[: 2 * PAIRS].reshape(PAIRS, 2)
    apart = functional.softplus(pairs[:, 0] - pairs[:, 1]).mean()
    whole = functional.binary_cross_entropy_with_logits(logits, labels.to(logits.device))
    return whole + PAIR_WEIGHT * apart


def train(network: Tuned, batches: Batches, steps: int, path: Path) -> Iterator[float]:
    """Train to `steps`, going on from the checkpoint at `path`; leaves the running average."""
    groups = [
        {"params": [*network.lora.values(), *network.norms.values()], "lr": RATE},
        {"params": [network.weight, network.bias], "lr": HEAD_RATE},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
    average = running_average(network, MEMORY)
    checkpoint = Checkpoint(path)
    parts: dict[str, Any] = {"network": network, "average": average, "optimiser": optimiser}
    state = checkpoint.load() or {"step": 0}
    for name, part in parts.items() if state["step"] else ():
        part.load_state_dict(state[name])
    for step in range(state["step"], steps):
        for group, top in zip(optimiser.param_groups, (RATE, HEAD_RATE), strict=True):
            group["lr"] = top * min(1.0, (step + 1) / 10) * (1 - step / steps)
        loss = loss_of(network(batches.draw(step)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average.update_parameters(network)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            kept = {name: part.state_dict() for name, part in parts.items()}
            checkpoint.save({"step": step + 1, **kept})
        yield loss.item()
    network.load_state_dict(average.module.state_dict())


@torch.inference_mode()
def scored(network: Tuned, crops: Iterator[Image]) -> list[float]:
    """The logit of every crop."""
    return [float(network([crop])[0]) for crop in crops]


def shown(samples: Sequence[Sample], store: PictureStore, condition: str) -> Iterator[Image]:
    """The first native crop of every picture in a condition."""
    for sample in tqdm(samples, condition, disable=None):
        yield first_crop(sample, store.read, condition)


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_arguments(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, default=Path("runs/clip-tuning"))
    parser.add_argument("--what", choices=("lora", "norms"), default="lora")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--fold", choices=CHOICE_FOLDS, help="train and score this one only")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    samples = capped(read_samples(args.folds, args.data), args.per_group)
    store = picture_store(args.data, args.cache, samples)
    makers = {name: store.twin(load("generator", name)) for name in (TWINS, *ZOO)}
    book: dict[str, dict[str, float]] = {}
    for fold in [args.fold] if args.fold else CHOICE_FOLDS:
        kept = tuple(sample for sample in samples if sample.fold != fold)
        left_out = [sample for sample in samples if sample.fold == fold]
        data = TrainingData(kept, store.read, makers, args.out, args.cache)
        frozen: Any = detector_of_run("clip_pairs", args.runs / f"clip_pairs-{fold}")
        network = Tuned(frozen.head, args.what, args.device)
        path = args.out / f"{args.what}-{args.steps}-{fold}.pt"
        for title, prepare in _stages(network, data, args.steps, path):
            prepare()
            for condition in CONDITIONS:
                found = scored(network, shown(left_out, store, condition))
                key = f"{title}, {condition}"
                book.setdefault(key, {}).update(
                    zip([sample.path for sample in left_out], found, strict=True)
                )
    chosen = [s for s in samples if s.path in next(iter(book.values()))]
    print(table(chosen, book))


def _stages(
    network: Tuned, data: TrainingData, steps: int, path: Path
) -> list[tuple[str, Callable[[], None]]]:
    def tune() -> None:
        batches = Batches(data, ClipPairsRecipe())
        bar = tqdm(train(network, batches, steps, path), path.stem, steps, disable=None)
        for loss in bar:
            bar.set_postfix(loss=f"{loss:.3f}")

    return [("frozen", lambda: None), ("tuned", tune)]


def table(samples: Sequence[Sample], book: dict[str, dict[str, float]]) -> str:
    """AUC of every stage and condition against the reals of the same fold, in Markdown."""
    rows = rows_of(samples)
    body = []
    for title, scores in book.items():
        ranked = np.asarray([scores[sample.path] for sample in samples])
        each = [generator_auc(rows, ranked, name, own_fold=True) for name in rows.fakes]
        body.append([title, str(mean_auc(rows, ranked, own_fold=True)), *map(str, each)])
    return markdown(["", "mean", *rows.fakes], body)


if __name__ == "__main__":
    main()
