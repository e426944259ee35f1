"""Brings the tensors of NVIDIA's StyleGAN2 generator under our names."""

import re
from collections.abc import Mapping

from torch import Tensor

from forensics.errors import WeightsCorrupt
from generators.stylegan2.networks import StyleGenerator
from generators.stylegan2.recipe import StyleRecipe

_BLOCK = re.compile(r"synthesis\.b(\d+)\.(.+)")
_PARTS = {
    "conv0": "first",
    "conv1": "second",
    "torgb": "to_picture",
    "skip": "residual",
}
_MODULATED = {"affine.weight", "affine.bias", "weight"}
_LEAVES = {"noise_const": "noise", "noise_strength": "strength"}


def renamed(tensors: Mapping[str, Tensor]) -> tuple[StyleRecipe, dict[str, Tensor]]:
    """Return the recipe that the shapes imply, and all tensors under our names.

    Raises:
        WeightsCorrupt: another architecture, one that takes classes, or a tensor missing or left.
    """
    recipe = recipe_of(tensors)
    ours = {_name(key): value for key, value in tensors.items() if "resample_filter" not in key}
    wanted = StyleGenerator(recipe.shape).state_dict()
    shapes = {key: tuple(value.shape) for key, value in ours.items()}
    for key, value in wanted.items():
        if shapes.pop(key, None) != tuple(value.shape):
            raise WeightsCorrupt(f"the generator has no tensor that fits {key}: not StyleGAN2")
    if shapes:
        raise WeightsCorrupt(f"the generator has a tensor StyleGAN2 has not: {next(iter(shapes))}")
    return recipe, ours


def recipe_of(tensors: Mapping[str, Tensor]) -> StyleRecipe:
    """Read the networks' shape off their tensors.

    Raises:
        WeightsCorrupt: it is not StyleGAN2's, or the generator takes classes.
    """
    widths = {
        int(match[1]): len(value)
        for key, value in tensors.items()
        if (match := _BLOCK.fullmatch(key)) and match[2] == "conv1.weight"
    }
    depth = sum(re.fullmatch(r"mapping\.fc\d+\.weight", key) is not None for key in tensors)
    if "mapping.embed.weight" in tensors:
        raise WeightsCorrupt("this generator takes classes; only those without can be converted")
    first = tensors.get("mapping.fc0.weight")
    if not widths or first is None or len(set(first.shape)) > 1:
        raise WeightsCorrupt("this is no generator of StyleGAN2 (StyleGAN3's is another network)")
    most = max(widths.values())
    capped = [side * width for side, width in widths.items() if width < most]
    try:
        return StyleRecipe(
            resolution=max(widths),
            width=capped[0] if capped else most * max(widths),
            at_most=most,
            styles=first.shape[0],
            mapping=depth,
            generator="resnet" if any(".skip." in key for key in tensors) else "skip",
        )
    except ValueError as error:
        raise WeightsCorrupt(f"this is no generator of StyleGAN2: {error}") from error


def _name(key: str) -> str:
    if key == "mapping.w_avg":
        return "mapping.mean"
    if key.startswith("mapping.fc"):
        return key.replace("mapping.fc", "mapping.layers.")
    match = _BLOCK.fullmatch(key)
    if match is None:
        return key
    side, rest = int(match[1]), match[2]
    if rest == "const":
        return "synthesis.constant"
    part, _, leaf = rest.partition(".")
    inner = f"conv.{leaf}" if leaf in _MODULATED and part != "skip" else _LEAVES.get(leaf, leaf)
    return f"synthesis.blocks.{side.bit_length() - 3}.{_PARTS.get(part, part)}.{inner}"
