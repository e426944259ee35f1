"""Faces from nothing: StyleGAN2, our own implementation, trained on 64 px faces.

Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN; adaptive augmentation
after Karras et al. 2020, Training Generative Adversarial Networks with Limited Data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.generator import Importer, Interpolator, Mixer, Projection, Projector
from forensics.schema import Floats, Image, Step
from forensics.training import PictureData
from generators._sampling import PictureGenerator, SamplingOptions, codes
from generators.stylegan2.recipe import StyleRecipe

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST = 2.0


@dataclass(frozen=True)
class Stylegan2Options(SamplingOptions):
    """`truncation`: psi; 1 shows all the generator can do, less is closer to the mean face."""

    truncation: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.truncation <= MOST:
            raise ValueError(f"truncation must be 0 to {MOST:g}, got {self.truncation}")


class Stylegan2(PictureGenerator, Interpolator, Mixer, Projector, Importer):
    """Draws pictures by seed; mixes and interpolates their styles."""

    Options = Stylegan2Options
    Recipe = StyleRecipe

    def build(self, recipe: StyleRecipe) -> "nn.Module":
        """Mapping and synthesis."""
        from generators.stylegan2.networks import StyleGenerator

        return StyleGenerator(recipe.shape)

    def code_size(self, recipe: StyleRecipe) -> int:
        """Codes are as wide as styles."""
        return recipe.styles

    def pictures(self, network: "nn.Module", codes: "Tensor") -> "Tensor":
        """Map codes (N, styles) to pictures (N, 3, R, R); noise is each layer's own."""
        made: Tensor = network(codes, self.options.truncation)
        return made

    def mix(self, rows: int, columns: int, seed: int) -> list[list[Image]]:
        """Give each row's picture the fine styles of each column's.

        The first half of the layers (pose, shape) follows the row, the rest (colours, texture)
        the column.

        Returns:
            rows + 1 lists of columns + 1 pictures: the sources stand in the first row and column,
            the mean picture in the corner.
        """
        import torch

        drawn = codes(seed, range(rows + columns), self.code_size(self.recipe))
        with torch.no_grad():
            w = self._styles(drawn)
            across = torch.cat([self._mean, w[:columns]])
            down = torch.cat([self._mean, w[columns:]])
            grid = [self._mixed(row, across) for row in down]
            grid[0] = self._shown(across)
            for line, picture in zip(grid[1:], self._shown(down[1:]), strict=True):
                line[0] = picture
        return grid

    def walk(self, keys: int, frames: int, seed: int) -> Iterator[Image]:
        """Go from key picture to key picture and back to the first, `frames` pictures a stretch.

        Styles move along a closed cubic spline through those of `keys` seeds.
        """
        import torch
        from scipy.interpolate import CubicSpline

        with torch.no_grad():
            w = self._styles(codes(seed, range(keys), self.code_size(self.recipe))).cpu().numpy()
        path = CubicSpline(np.arange(keys + 1), np.concatenate([w, w[:1]]), bc_type="periodic")
        for time in np.arange(keys * frames) / frames:
            with torch.no_grad():
                style = torch.from_numpy(path(time)[None].astype(np.float32))
                yield self._shown(style.to(self.options.device))[0]

    def project(self, images: Sequence[Image], steps: int, seed: int) -> Iterator[Projection]:
        """Search styles for each picture; the distance is `forensics.perceptual`'s."""
        from generators._picture_training import as_tensor
        from generators.stylegan2.projection import nearest_styles

        network: Any = self.network
        wanted = as_tensor(self._of_our_size(images)).to(self.options.device)
        for step, distances, w in nearest_styles(network, wanted, steps, seed):
            pictures = tuple(self._shown(w)) if step == steps else ()
            yield Projection(step, steps, distances.cpu().numpy(), pictures)

    def _of_our_size(self, images: Sequence[Image]) -> Image:
        side = self.recipe.resolution
        for image in images:
            if image.shape != (side, side, 3):
                height, width = image.shape[:2]
                raise ValueError(f"pictures must be {side} x {side} px, got {width} x {height}")
        return np.stack(images)

    @property
    def _mean(self) -> "Tensor":
        mapping: Any = self.network.mapping
        mean: Tensor = mapping.mean[None]
        return mean

    def _styles(self, rows: Floats) -> "Tensor":
        import torch

        mapping: Any = self.network.mapping
        w = mapping(torch.from_numpy(rows).to(self.options.device))
        truncated: Tensor = mapping.truncated(w, self.options.truncation)
        return truncated

    def _shown(self, w: "Tensor") -> list[Image]:
        from generators._picture_training import as_images

        network: Any = self.network
        return as_images(network.synthesis(network.spread(w)))

    def _mixed(self, coarse: "Tensor", fine: "Tensor") -> list[Image]:
        import torch

        from generators._picture_training import as_images

        network: Any = self.network
        half = network.shape.layers // 2
        spread = network.spread(fine)
        kept = network.spread(coarse[None]).expand(len(fine), -1, -1)
        w = torch.cat([kept[:, :half], spread[:, half:]], dim=1)
        return as_images(network.synthesis(w))

    def train(self, data: PictureData, recipe: StyleRecipe, seed: int) -> Iterator[Step]:
        """Train from unlabelled pictures; a stopped run goes on where it was."""
        from generators._picture_training import trained
        from generators.stylegan2.training import StyleTask

        yield from trained(StyleTask(recipe, seed), data, recipe, seed, self.card.name)

    def convert(self, source: Path, out: Path) -> None:
        """Read a pickle of NVIDIA's StyleGAN2-ADA or StyleGAN3 repository; its code never runs."""
        from generators._picture_training import save_whole
        from generators.stylegan2.official import read_tensors
        from generators.stylegan2.renaming import renamed

        recipe, tensors = renamed(read_tensors(source))
        save_whole(out, tensors, recipe)
