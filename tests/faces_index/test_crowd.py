import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forensics.benchmark.face_verification import Pair, verify
from forensics.errors import NotCalibrated, WeightsCorrupt, WeightsUnavailable
from forensics.faces import crowd as module
from forensics.faces.crowd import Crowd, crowd_key, load_crowd, made_crowd, save_crowd
from forensics.faces.embed import load_matcher
from forensics.faces.likeness import likeness_path, load_likeness, to_json
from forensics.faces.strangers import measure
from forensics.faces.vectors import unit_rows
from forensics.plugins import fingerprint
from forensics.schema import Floats, ModelCard
from forensics.weights import file_sha256

CARD = ModelCard("net", "backbone", "Net", "faces", "RGB", "none", Path())


def people(count: int, seed: int, spread: tuple[float, float] = (0.15, 0.6)) -> Floats:
    """Two pictures each of people of two looks, those of the first look much alike."""
    rng = np.random.default_rng(seed)
    looks = np.random.default_rng(9).standard_normal((2, 32))
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    kind = np.arange(count) % 2
    width = np.asarray(spread)[kind][:, None] / np.sqrt(32)
    centres = looks[kind] + width * rng.standard_normal((count, 32))
    rows = np.repeat(centres, 2, axis=0)
    rows = rows + 0.25 * np.repeat(width, 2, axis=0) * rng.standard_normal(rows.shape)
    return unit_rows(rows.astype(np.float32))


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    monkeypatch.setattr(module, "CENTRES", 8)
    return made_crowd(people(150, seed=1))


def test_faces_near_the_crowd_are_typical(crowd: Crowd) -> None:
    alike, apart = people(60, 2)[0::4], people(60, 2)[2::4]
    assert np.median(crowd.typical(alike)) > np.median(crowd.typical(apart))
    assert crowd.typical(crowd.centres[:1]) > crowd.typical(-crowd.centres[:1])


def test_two_usual_faces_keep_their_cosine(crowd: Crowd) -> None:
    usual = replace(crowd, usual=float(crowd.typical(crowd.centres[:1])[0]))
    cosine = np.ones((1, 1), np.float32)
    adjusted = usual.adjusted(cosine, crowd.centres[:1], crowd.centres[:1])
    assert adjusted == pytest.approx(cosine)


def test_it_does_not_matter_which_face_comes_first(crowd: Crowd) -> None:
    rows = people(10, 3)
    cosines = rows @ rows.T
    assert crowd.adjusted(cosines, rows, rows) == pytest.approx(
        crowd.adjusted(cosines, rows, rows).T, abs=1e-6
    )


def test_people_are_told_apart_better_where_some_looks_are_common(crowd: Crowd) -> None:
    rows = people(200, 4)
    names = [f"p{number // 2}_{number % 2:04}.jpg" for number in range(400)]
    pairs = [Pair(str(n % 4 // 2), names[n], names[n + 1], True) for n in range(0, 400, 2)]
    vectors: dict[str, Floats | None] = dict(zip(names, rows, strict=True))
    pairs += [Pair(str(n % 2), names[n], names[n + 2], False) for n in range(398)]
    plain, adjusted = verify(pairs, vectors), verify(pairs, vectors, crowd)
    assert adjusted.true_accepts[1e-3] > plain.true_accepts[1e-3] + 0.05


def test_an_average_of_a_few_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CENTRES", 2)
    rows = np.repeat(np.eye(2, 8, dtype=np.float32), [20, 4], axis=0)
    found = np.concatenate([made_crowd(rows, seed=seed).centres for seed in range(5)])
    assert not (found[:, 1] > 0.5).any()


def test_what_ships_is_nobodys_vector_and_belongs_to_the_matcher() -> None:
    card = load_matcher().card
    crowd = load_crowd(card)
    assert crowd is not None
    assert crowd.centres.shape[1] == 128
    assert np.linalg.norm(crowd.centres, axis=1) == pytest.approx(1, abs=1e-3)
    assert load_likeness(card).crowd is crowd
    with pytest.raises(NotCalibrated, match="other weights"):
        load_crowd(replace(card, score_version=99))


def written(crowd: Crowd, folder: Path, matcher: str) -> ModelCard:
    """A matcher's card in `folder` with a crowd beside."""
    path = folder / "net_crowd.safetensors"
    save_crowd(crowd, path, matcher)
    (folder / "net_crowd.toml").write_text(
        'kind = "backbone"\ntitle = "t"\nlooks_at = "l"\ninput = "i"\nlicence_code = "c"\n'
        f'[[weights]]\nfile = "{path.name}"\nsha256 = "{file_sha256(path)}"\n'
    )
    return replace(CARD, folder=folder)


def test_a_crowd_survives_being_written(crowd: Crowd, tmp_path: Path) -> None:
    again = load_crowd(written(crowd, tmp_path, fingerprint(CARD)))
    assert again is not None
    assert again.centres == pytest.approx(crowd.centres, abs=1e-3)
    assert again.usual == pytest.approx(crowd.usual)


def test_a_crowd_of_another_matcher_is_refused(crowd: Crowd, tmp_path: Path) -> None:
    with pytest.raises(NotCalibrated, match="faces crowd --matcher net"):
        load_crowd(written(crowd, tmp_path, "00" * 32))


def test_a_changed_or_missing_file_is_refused(crowd: Crowd, tmp_path: Path) -> None:
    card = written(crowd, tmp_path, fingerprint(CARD))
    path = tmp_path / "net_crowd.safetensors"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(WeightsCorrupt):
        load_crowd(card)
    path.unlink()
    with pytest.raises(WeightsUnavailable):
        load_crowd(card)


def test_a_matcher_without_a_crowd_has_none() -> None:
    assert load_crowd(replace(CARD, folder=Path("nowhere"))) is None
    assert crowd_key(replace(CARD, folder=Path("nowhere"))) == ""


def test_distributions_of_another_crowd_are_refused(crowd: Crowd, tmp_path: Path) -> None:
    card = written(crowd, tmp_path, fingerprint(CARD))
    rows = people(60, 5)
    names = [str(number // 2) for number in range(120)]
    likeness = measure(rows, names, matcher=fingerprint(card), measured_on="made", crowd=crowd)
    facts = {**to_json(likeness), "crowd": "other"}
    likeness_path(card).write_text(json.dumps(facts))
    with pytest.raises(NotCalibrated, match="other weights"):
        load_likeness(card)
    likeness_path(card).write_text(json.dumps({**facts, "crowd": crowd_key(card)}))
    assert load_likeness(card).crowd is load_crowd(card)
