"""Layouts of generated pictures: plain folders, ForenSynths, UniversalFakeDetect, GenImage."""

from pathlib import Path

from forensics.benchmark.collection import Partners, sample_of
from forensics.benchmark.listing import files_below
from forensics.training import Sample

_SIDES = {"0_real": False, "1_fake": True}
_SHARED_REALS = {"guided": "imagenet/real"}
_GENIMAGE_SIDES = {"nature": False, "ai": True}


def folders(root: Path) -> tuple[list[Sample], Partners]:
    """`real/`, with a folder a source or without, and `fake/GENERATOR/`."""
    samples = []
    for parts in files_below(root, "real", "fake"):
        name = parts[1] if len(parts) > 2 else parts[0]  # noqa: PLR2004
        fake = parts[0] == "fake"
        samples.append(sample_of("/".join(parts), fake=fake, generator=name, group=name))
    return samples, {}


def forensynths(root: Path) -> tuple[list[Sample], Partners]:
    """`GENERATOR/[CLASS/]0_real` and `1_fake`; each generator has its own real pictures."""
    samples: list[Sample] = []
    partners: Partners = {}
    for parts in files_below(root):
        side = next((part for part in parts[1:-1] if part in _SIDES), None)
        if side is None:
            continue
        name, fake = parts[0], _SIDES[side]
        group = name if fake else f"{name}/real"
        samples.append(sample_of("/".join(parts), fake=fake, generator=name, group=group))
        partners[name] = (f"{name}/real",)
    return samples, partners


def universal_fake_detect(root: Path) -> tuple[list[Sample], Partners]:
    """`diffusion_datasets`: as ForenSynths, but generators without real pictures share some.

    As in the authors' list: guided diffusion those of ImageNet, all others those of LAION.
    """
    samples, partners = forensynths(root)
    reals = {sample.group for sample in samples if not sample.fake}
    shared: Partners = {
        name: own if own[0] in reals else (_SHARED_REALS.get(name, "laion/real"),)
        for name, own in partners.items()
    }
    return samples, shared


def genimage(root: Path) -> tuple[list[Sample], Partners]:
    """`GENERATOR/.../val/ai` and `nature`; `train` only where a generator has no `val`."""
    found = [parts for parts in files_below(root) if len(parts) > 2]  # noqa: PLR2004
    validated = {parts[0] for parts in found if "val" in parts}
    samples: list[Sample] = []
    partners: Partners = {}
    for parts in found:
        if parts[-2] not in _GENIMAGE_SIDES or (parts[0] in validated and "val" not in parts):
            continue
        name, fake = parts[0], _GENIMAGE_SIDES[parts[-2]]
        group = name if fake else f"{name}/nature"
        samples.append(sample_of("/".join(parts), fake=fake, generator=name, group=group))
        partners[name] = (f"{name}/nature",)
    return samples, partners
