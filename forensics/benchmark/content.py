"""The content-only baseline: would "what is shown" alone tell fakes from real pictures?

Two readings: whether there is a face, and a linear head on pictures shrunk so far (to 64 px, then
enlarged) that no trace survives, trained under the same folds on the features of CLIP.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from tqdm import tqdm

from forensics.benchmark.datasets import PictureStore
from forensics.clip_graph import build_content_graph
from forensics.faces.detect import find_faces
from forensics.feature_store import FeatureStore
from forensics.linear_head import HeadRecipe, HeadRows, fit_head
from forensics.neural import CLIP_MEAN, CLIP_STD, normalised
from forensics.plugins import backbones
from forensics.schema import Floats, Image
from forensics.statistics import Reals
from forensics.training import Sample, source_weights
from forensics.weights import load_tensors

THUMBNAIL = 64
SHOWN = 160
"""Side that a thumbnail is enlarged to, in px."""


def content_scores(
    samples: Sequence[Sample], store: PictureStore, folder: Path
) -> dict[str, Reals]:
    """Scores of all samples by the two readings, the head's left out by fold."""
    features = FeatureStore(folder / "content", width=769)
    for sample in tqdm(samples, "content", disable=None):
        if _key(sample) not in features:
            features.append([_key(sample)], _reading(store.read(sample))[None])
    rows = features.rows([_key(sample) for sample in samples])
    return {"has a face": rows[:, 0].astype(float), "content of a thumbnail": _head(rows, samples)}


def _key(sample: Sample) -> str:
    return sample.path.replace(" ", "_")


def _reading(image: Image) -> Floats:
    small = Pillow.fromarray(image).resize((THUMBNAIL, THUMBNAIL), Pillow.Resampling.BOX)
    shown = np.asarray(small.resize((SHOWN, SHOWN), Pillow.Resampling.BILINEAR))
    face = float(bool(find_faces(image, turns=False)))
    return np.concatenate([[face], content_token(shown)]).astype(np.float32)


def content_token(crop: Image) -> Floats:
    """The class token of CLIP's block 11, (768,) float32, of a (160, 160, 3) uint8 RGB crop."""
    network = _content_network()
    token = network.run(None, {"crops": normalised(crop, CLIP_MEAN, CLIP_STD)})[0]
    return np.asarray(token, np.float32).reshape(-1)


@cache
def _content_network() -> Any:
    import onnxruntime

    weights = load_tensors(backbones()["clip_vit_b16"])
    graph = build_content_graph(weights).SerializeToString()
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def _head(rows: Floats, samples: Sequence[Sample]) -> Reals:
    folds = np.asarray([sample.fold for sample in samples])
    scores = np.empty(len(samples))
    for fold in np.unique(folds):
        learn = np.flatnonzero(folds != fold)
        chosen = [samples[index] for index in learn.tolist()]
        head = fit_head(
            HeadRows(
                features=rows[learn, 1:],
                kinds=np.asarray([sample.kind for sample in chosen]),
                weights=source_weights(chosen),
                pairs=np.empty((0, 2), np.intp),
            ),
            HeadRecipe(),
        )
        logits = head.class_logits(rows[folds == fold, 1:])
        scores[folds == fold] = np.logaddexp(logits[:, 1], logits[:, 2]) - logits[:, 0]
    return scores
