"""Laws of measuring single analyses: copies, cameras, changed faces, and maps against ignorance."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from forensics.benchmark import camera_check, copy_check, map_duels
from forensics.benchmark.alterations import from_the_zoo
from forensics.benchmark.face_alterations import (
    BLOCK,
    coarse_mask,
    face_makers,
    flags_of,
    marked_parts,
    portraits,
)
from forensics.benchmark.localisation import CENTRE, CONDITIONS, MEAN, Score
from forensics.commands.demo import portrait
from forensics.faces.portrait import only_portrait
from forensics.media import load_image
from forensics.schema import Image
from forensics.traces.copies import find_copies
from forensics.training import Sample


def scene(seed: int = 0, side: int = 480) -> Image:
    """Texture of many sizes."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.normal(0, 22, (n, n, 3)), (side, side)) for n in (6, 20, 60, 120)]
    return np.clip(128 + sum(np.asarray(x) for x in layers), 0, 255).astype(np.uint8)


def sample(path: str) -> Sample:
    return Sample(path, 0, "", "a", "A", path, check=False)


class Store:
    """Gives one picture whatever is asked for."""

    def __init__(self, image: Image) -> None:
        self.image = image

    def original(self, sample: Sample) -> Image:
        return self.image


def test_a_forged_copy_is_named_and_another_transform_is_not() -> None:
    made = copy_check.forged(scene(), np.random.default_rng(1))
    assert made is not None
    found = find_copies(made.image)
    assert any(copy_check.names_it(one, made.transform, made.source) for one in found)
    elsewhere = made.transform + np.asarray([[0, 0, 9], [0, 0, 0]])
    assert not any(copy_check.names_it(one, elsewhere, made.source) for one in found)


def test_a_smooth_picture_is_not_forged() -> None:
    flat = np.full((400, 400, 3), 90, np.uint8)
    assert copy_check.forged(flat, np.random.default_rng(1)) is None


def test_copies_are_counted_by_half_and_source() -> None:
    rows = [
        copy_check.Trial("a", 0, forged=True, found=True),
        copy_check.Trial("a", 1, forged=True, found=False),
        copy_check.Trial("b", 1, forged=False, found=False),
    ]
    page = copy_check.section(rows, rows[:1])
    assert "| a | 1 of 2 | none |" in page
    assert "| all, second half | 0 of 1: 0.0% [0.0%, 97.5%] | 0 of 1" in page
    assert copy_check.figures(rows)["copies_found_count"] == 1


def test_small_pictures_are_looked_at_but_not_forged() -> None:
    small, rows = Store(scene(side=200)), [sample("a")]
    assert list(copy_check.trials(rows, small, forge=True)) == [None]  # type: ignore[arg-type]
    [looked] = copy_check.trials(rows, small, forge=False)  # type: ignore[arg-type]
    assert looked is not None
    assert not looked.found


def test_a_simulated_sensor_is_found_and_strangers_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera_check, "SIDE", 160)
    monkeypatch.setattr(camera_check, "STRENGTHS", (0.03,))
    monkeypatch.setattr(camera_check, "QUALITIES", (95,))
    monkeypatch.setattr(camera_check, "ENROLLED", 8)
    scenes = [scene(seed, 160) // 2 + 60 for seed in range(10)]
    strangers = iter([scene(seed, 160) for seed in range(20, 23)])
    found = list(camera_check.simulated(scenes, strangers, np.random.default_rng(0)))
    assert camera_check.figures(found) == {"other_pictures_count": 3, "false_alarms_count": 0}
    assert "| strength 3.0%, JPEG 95 | 2 of 2 " in camera_check.section(found)


def test_the_threshold_is_the_one_that_the_analysis_reports_at() -> None:
    from forensics.evidence.prnu import THRESHOLD

    assert camera_check.THRESHOLD == THRESHOLD


def duel(areas: dict[str, float]) -> Iterator[Score]:
    for name, area in areas.items():
        for number in range(6):
            yield Score("s", str(number), CONDITIONS[0], name, area, 0.0, given=name != "mute")


def test_a_map_must_beat_the_better_of_both_ignorant_ones() -> None:
    rows = list(duel({"good": 0.8, "fair": 0.65, "mute": 0.5, MEAN: 0.6, CENTRE: 0.7}))
    page = map_duels.section(rows)
    assert "| `good` | **+.10 [+.10, +.10]** |" in page
    assert "| `fair` | -.05 [-.05, -.05] |" in page
    assert "Above both ignorant maps: `good` on s. Nowhere above them: `fair`." in page
    assert "mute" not in page


def test_flags_are_read_off_names() -> None:
    assert flags_of("images/hard_12_1101.jpg") == (True, True, False, True)
    assert not any(map(flags_of, ("images/0001.jpg", "hard_1_111.jpg", "easy_2_2011.jpg")))


def test_a_coarse_mask_holds_the_flagged_parts_alone() -> None:
    shown = only_portrait(load_image(portrait()), "it")
    eyes, mouth = (
        coarse_mask(shown, [flag == "1" for flag in flags]) for flags in ("1100", "0001")
    )
    centres = [shown.landmarks[part].mean(axis=0).astype(int) for part in (range(36, 42), [66])]
    assert [bool(eyes[y, x]) for x, y in centres] == [True, False]
    assert [bool(mouth[y, x]) for x, y in centres] == [False, True]
    assert not (eyes & mouth).any()


def test_pictures_of_which_one_eye_is_flagged_have_no_mask(tmp_path: Path) -> None:
    Pillow.fromarray(load_image(portrait())).save(tmp_path / "hard_1_1000.jpg")
    Pillow.fromarray(load_image(portrait())).save(tmp_path / "hard_1_0011.jpg")
    rows = [
        {"path": name, "generator": "photoshop", "mask": "", "group": "g"}
        for name in ("hard_1_1000.jpg", "hard_1_0011.jpg")
    ]
    assert [row["path"] for row, _ in marked_parts(tmp_path, rows)] == ["hard_1_0011.jpg"]


def test_face_makers_change_what_their_masks_say() -> None:
    image = load_image(portrait())
    store = Store(image)
    shown = list(portraits([sample("a"), sample("b")], store, 2))  # type: ignore[arg-type]
    assert len(shown) == 2
    (_, target), (_, donor) = shown
    makers = dict(face_makers(["landmark_swap", "self_blended", "inpainting"]))
    assert set(makers) == {"a face by landmark_swap", "a face by self_blended"}
    altered = makers["a face by self_blended"](target, donor, 3)
    apart = np.abs(altered.image.astype(int) - target.image).max(axis=2)
    assert altered.mask.any()
    assert not apart[~altered.mask].any()


def test_cuts_around_faces_begin_on_a_jpeg_block() -> None:
    image = load_image(portrait())
    [(_, shown)] = portraits([sample("a")], Store(image), 1, side=400)  # type: ignore[arg-type]
    height, width = shown.image.shape[:2]
    windows = [
        (top, left)
        for top in range(0, image.shape[0] - height + 1, BLOCK)
        for left in range(0, image.shape[1] - width + 1, BLOCK)
        if np.array_equal(image[top, left : left + width], shown.image[0])
    ]
    assert windows


def test_makers_of_faces_are_not_given_regions() -> None:
    assert not list(from_the_zoo(["self_blended", "landmark_swap"]))
