"""Layouts of face forgery in clips: FaceForensics++, Celeb-DF v2, DFDC; clips or their frames."""

from dataclasses import replace
from pathlib import Path

from forensics.benchmark.collection import Partners, sample_of
from forensics.benchmark.listing import clip_name, files_below, json_of, text_of
from forensics.errors import InvalidManifest
from forensics.training import Sample

MANIPULATED = 2
ACTED = frozenset({"actors", "DeepFakeDetection"})
"""Parts of FaceForensics++ whose clips are named after scenes, not after pairs."""
_QUALITY_DEEP = 4
_DFDC_LABELS = {"FAKE": True, "REAL": False, "1": True, "0": False}


def faceforensics(root: Path) -> tuple[list[Sample], Partners]:
    """`original_sequences/SOURCE/QUALITY/...`, `manipulated_sequences/METHOD/QUALITY/...`.

    The fake 000_003 shows the target 000 with the face of 003; both, and 003_000, are one cluster.
    Qualities are kept apart. Where `test.json` lies in the folder or in `splits`, its clips are
    taken and no others.
    """
    tested = _test_pairs(root)
    samples: list[Sample] = []
    partners: Partners = {}
    for parts in files_below(root, "original_sequences", "manipulated_sequences"):
        if len(parts) < _QUALITY_DEEP or parts[2] == "masks":
            continue
        fake, source, quality = parts[0].startswith("manip"), parts[1], parts[2]
        clip = clip_name(parts[3:])
        first = clip.split("_")[0]
        if tested and source not in ACTED and first not in tested:
            continue
        pair = clip if source in ACTED else tested.get(first, _sorted_pair(clip))
        name = f"{source}/{quality}"
        path = "/".join(parts)
        samples.append(
            sample_of(path, fake=fake, generator=name, group=name, cluster=pair, kind=MANIPULATED)
        )
        if fake:
            partners[name] = (f"{'actors' if source in ACTED else 'youtube'}/{quality}",)
    return _joined(samples), partners


def celeb_df(root: Path) -> tuple[list[Sample], Partners]:
    """`Celeb-real`, `YouTube-real`, `Celeb-synthesis`.

    The fake id0_id1_0002 has the target id0_0002 and shares its cluster. Where
    `List_of_testing_videos.txt` lies in the folder, its clips are taken and no others; what counts
    as real is told by the folder, since the list marks real clips with 1.
    """
    tested = _listed(root / "List_of_testing_videos.txt")
    samples = []
    for parts in files_below(root, "Celeb-real", "YouTube-real", "Celeb-synthesis"):
        folder, clip = parts[0], clip_name(parts[1:])
        if tested and f"{folder}/{clip}" not in tested:
            continue
        fake, names = folder == "Celeb-synthesis", clip.split("_")
        target = f"{names[0]}_{names[-1]}" if fake else clip
        cluster = f"YouTube {clip}" if folder == "YouTube-real" else target
        samples.append(
            sample_of(
                "/".join(parts),
                fake=fake,
                generator="Celeb-synthesis",
                group=folder,
                cluster=cluster,
                kind=MANIPULATED,
            )
        )
    return samples, {}


def dfdc(root: Path) -> tuple[list[Sample], Partners]:
    """Folders of clips with a `metadata.json` or a `labels.csv` each; fakes name their original."""
    samples = []
    for place in sorted(root.rglob("metadata.json")):
        for name, facts in json_of(place, dict).items():
            known = facts if isinstance(facts, dict) else {}
            label = str(known.get("label", known.get("is_fake", "")))
            origin = str(known.get("original") or name)
            samples += _dfdc_sample(root, place, name, label, origin)
    for place in sorted(root.rglob("labels.csv")):
        for line in text_of(place).splitlines()[1:]:
            name, _, label = line.strip().partition(",")
            samples += _dfdc_sample(root, place, name, label, name)
    return samples, {}


def _dfdc_sample(root: Path, place: Path, name: str, label: str, origin: str) -> list[Sample]:
    """The clip as a list of one, or of none where only the list has it."""
    if Path(name).name != name or not (place.parent / name).is_file():
        return []
    if label.upper() not in _DFDC_LABELS:
        raise InvalidManifest(f"{place.name}: {name[:60]!r} has the label {label[:20]!r}")
    path = (place.parent / name).relative_to(root).as_posix()
    fake = _DFDC_LABELS[label.upper()]
    group = "DFDC" if fake else "DFDC originals"
    return [
        sample_of(path, fake=fake, generator="DFDC", group=group, cluster=origin, kind=MANIPULATED)
    ]


def _test_pairs(root: Path) -> dict[str, str]:
    """By clip of the official test split its pair; empty where the list is not there."""
    for place in (root / "test.json", root / "splits" / "test.json"):
        if place.is_file():
            pairs = [[str(name) for name in pair] for pair in json_of(place, list)]
            return {name: "_".join(sorted(pair)) for pair in pairs for name in pair}
    return {}


def _sorted_pair(clip: str) -> str:
    return "_".join(sorted(clip.split("_")))


def _joined(samples: list[Sample]) -> list[Sample]:
    """Originals in the cluster of the fakes that were made of them."""
    pairs = {
        name: each.cluster for each in samples if each.fake for name in each.cluster.split("_")
    }
    return [
        each if each.fake else replace(each, cluster=pairs.get(each.cluster, each.cluster))
        for each in samples
    ]


def _listed(path: Path) -> set[str]:
    """Folder and name, without suffix, of the clips in Celeb-DF's list."""
    lines = text_of(path).splitlines() if path.is_file() else []
    return {line.split(maxsplit=1)[1].strip().rpartition(".")[0] for line in lines if " " in line}
