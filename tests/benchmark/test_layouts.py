"""Laws of reading sets: every published layout is recognised, and labels are never guessed."""

import json
from pathlib import Path

import pytest

from forensics.benchmark.collection import Collection, is_clip
from forensics.benchmark.layouts import read_collection, recognised
from forensics.errors import InvalidManifest


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"not read here")
    return root


def labels(found: Collection) -> dict[str, tuple[bool, str, str]]:
    return {each.path: (each.fake, each.source, each.cluster) for each in found.samples}


def test_plain_folders(tmp_path: Path) -> None:
    tree(tmp_path, "real/a.jpg", "real/phones/b.png", "fake/gan/c.png", "fake/d.webp", "fake/x.txt")
    found = read_collection(tmp_path)
    assert found.layout == "folders"
    assert labels(found) == {
        "real/a.jpg": (False, "real", "real/a.jpg"),
        "real/phones/b.png": (False, "phones", "real/phones/b.png"),
        "fake/gan/c.png": (True, "gan", "fake/gan/c.png"),
        "fake/d.webp": (True, "fake", "fake/d.webp"),
    }


def test_faceforensics_clips(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "original_sequences/youtube/c23/videos/000.mp4",
        "original_sequences/youtube/c23/videos/003.mp4",
        "original_sequences/actors/c23/videos/01__exit.mp4",
        "manipulated_sequences/Deepfakes/c23/videos/000_003.mp4",
        "manipulated_sequences/Face2Face/c23/videos/003_000.mp4",
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit__ABC.mp4",
        "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4",
    )
    found = read_collection(tmp_path)
    assert found.layout == "FaceForensics++"
    assert len(found.samples) == 6
    assert {each.cluster for each in found.samples if "youtube" in each.path} == {"000_003"}
    assert labels(found)["manipulated_sequences/Face2Face/c23/videos/003_000.mp4"] == (
        True,
        "Face2Face/c23",
        "000_003",
    )
    assert found.partners["Deepfakes/c23"] == ("youtube/c23",)
    assert found.partners["DeepFakeDetection/c23"] == ("actors/c23",)
    assert all(is_clip(each) and each.kind in (0, 2) for each in found.samples)


def test_faceforensics_frames_of_the_official_test_split(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "original_sequences/youtube/c40/frames/953/0001.png",
        "original_sequences/youtube/c40/frames/111/0001.png",
        "manipulated_sequences/FaceSwap/c40/frames/953_974/0007.png",
        "manipulated_sequences/FaceSwap/c40/frames/111_094/0007.png",
    )
    (tmp_path / "test.json").write_text(json.dumps([["953", "974"]]))
    found = read_collection(tmp_path)
    assert {each.cluster for each in found.samples} == {"953_974"}
    assert sorted(each.fake for each in found.samples) == [False, True]


def test_celeb_df_takes_the_listed_clips_and_its_folders_word_for_the_label(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "Celeb-real/id0_0002.mp4",
        "Celeb-real/id9_0000.mp4",
        "YouTube-real/00170.mp4",
        "Celeb-synthesis/id0_id1_0002.mp4",
    )
    # In the official list 1 means real.
    listed = (
        "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0002.mp4\n1 Celeb-real/id0_0002.mp4"
    )
    (tmp_path / "List_of_testing_videos.txt").write_text(listed)
    found = read_collection(tmp_path)
    assert found.layout == "Celeb-DF"
    assert labels(found) == {
        "Celeb-real/id0_0002.mp4": (False, "Celeb-real", "id0_0002"),
        "YouTube-real/00170.mp4": (False, "YouTube-real", "YouTube 00170"),
        "Celeb-synthesis/id0_id1_0002.mp4": (True, "Celeb-synthesis", "id0_0002"),
    }


def test_dfdc_parts(tmp_path: Path) -> None:
    tree(tmp_path, "dfdc_train_part_0/a.mp4", "dfdc_train_part_0/b.mp4", "test/c.mp4", "test/d.mp4")
    facts = {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train"},
        "elsewhere.mp4": {"label": "FAKE"},
        "../test/c.mp4": {"label": "REAL"},
    }
    (tmp_path / "dfdc_train_part_0" / "metadata.json").write_text(json.dumps(facts))
    (tmp_path / "test" / "labels.csv").write_text("filename,label\nc.mp4,1\nd.mp4,0\n")
    found = read_collection(tmp_path)
    assert found.layout == "DFDC"
    assert {path: fake for path, (fake, _, _) in labels(found).items()} == {
        "dfdc_train_part_0/a.mp4": True,
        "dfdc_train_part_0/b.mp4": False,
        "test/c.mp4": True,
        "test/d.mp4": False,
    }
    assert labels(found)["dfdc_train_part_0/a.mp4"][2] == "b.mp4"


def test_forensynths_gives_each_generator_its_own_reals(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "progan/airplane/0_real/1.png",
        "progan/airplane/1_fake/1.png",
        "biggan/0_real/1.png",
        "biggan/1_fake/1.png",
    )
    found = read_collection(tmp_path)
    assert found.layout == "ForenSynths"
    assert found.partners == {"progan": ("progan/real",), "biggan": ("biggan/real",)}
    assert {each.generator for each in found.samples if each.fake} == {"progan", "biggan"}


def test_universal_fake_detect_shares_its_reals(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "imagenet/0_real/1.jpg",
        "laion/0_real/1.jpg",
        "guided/1_fake/1.png",
        "ldm_200/1_fake/1.png",
        "dalle/1_fake/1.png",
    )
    found = read_collection(tmp_path)
    assert found.layout == "UniversalFakeDetect"
    assert found.partners == {
        "guided": ("imagenet/real",),
        "ldm_200": ("laion/real",),
        "dalle": ("laion/real",),
    }


def test_genimage_takes_the_validation_part(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "ADM/imagenet_ai_0508_adm/train/ai/1.PNG",
        "ADM/imagenet_ai_0508_adm/val/ai/2.PNG",
        "ADM/imagenet_ai_0508_adm/val/nature/3.JPEG",
        "Midjourney/train/ai/4.png",
        "Midjourney/train/nature/5.JPEG",
    )
    found = read_collection(tmp_path)
    assert found.layout == "GenImage"
    assert [each.path[-6:] for each in found.samples] == ["/2.PNG", "3.JPEG", "/4.png", "5.JPEG"]
    assert found.partners["ADM"] == ("ADM/nature",)


def test_a_manifest_says_what_it_knows(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        "path,label,generator,group,cluster,partners\n"
        "a.jpg,real,,phones,,\n"
        "b.png,fake,gan,gan-256,a,phones\n"
        "c.png,1,,,,\n"
    )
    found = read_collection(tmp_path / "m.csv")
    assert labels(found) == {
        "a.jpg": (False, "phones", "a.jpg"),
        "b.png": (True, "gan", "a"),
        "c.png": (True, "fake", "c.png"),
    }
    assert found.partners == {"gan-256": ("phones",)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path\na.jpg\n", "label"),
        ("path,label\na.jpg,genuine\n", "line 2"),
        ("path,label\n/etc/passwd,real\n", "relative"),
        ("path,label\n../../x,real\n", "relative"),
        ("path,label\na,real\na,fake\n", "twice"),
        ("path,label\na,real\n", "real files only"),
        ("path,label\n", "nothing"),
        ("\xff\xfe", "label"),
    ],
)
def test_a_bad_manifest_says_why(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidManifest, match=said):
        read_collection(tmp_path / "m.csv")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"path,label\n\xff\xfe,real")
    with pytest.raises(InvalidManifest, match="UTF-8"):
        read_collection(tmp_path / "m.csv")


def test_a_folder_of_no_layout_says_which_there_are(tmp_path: Path) -> None:
    tree(tmp_path, "pictures/a.jpg")
    with pytest.raises(InvalidManifest, match="real/ and fake/GENERATOR/"):
        recognised(tmp_path)


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"a.mp4": {"label": "maybe"}}'])
def test_a_damaged_list_is_an_error_and_no_guess(tmp_path: Path, text: str) -> None:
    tree(tmp_path, "a.mp4")
    (tmp_path / "metadata.json").write_text(text)
    with pytest.raises(InvalidManifest, match=r"metadata\.json"):
        read_collection(tmp_path)


def test_one_class_alone_is_no_benchmark(tmp_path: Path) -> None:
    tree(tmp_path, "real/a.jpg", "fake/notes.txt")
    with pytest.raises(InvalidManifest, match="real files only"):
        read_collection(tmp_path)
