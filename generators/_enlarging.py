"""What enlargers share: a picture is shrunk by a filter, and a network gives back what it lost."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from forensics.schema import Image
from forensics.traces.texture import with_texture_of

if TYPE_CHECKING:
    from torch import nn

FILTERS = (Pillow.Resampling.BOX, Pillow.Resampling.BICUBIC, Pillow.Resampling.LANCZOS)


def enlarged_again(
    network: "nn.Module",
    image: Image,
    rng: np.random.Generator,
    *,
    factor: int,
    cell: int = 1,
    largest: int = 80,
) -> Image:
    """Shrink a picture by a filter that `rng` draws, and enlarge it by a network, tile by tile.

    Args:
        network: enlarges (1, 3, H, W) in [0, 1] by `factor`.
        image: (H, W, 3) uint8 RGB.
        rng: draws the filter.
        factor: how much smaller the shrunk picture is, and how much the network enlarges.
        cell: pixels of the shrunk picture that a tile's cell spans; see `in_tiles`.
        largest: cells that a tile keeps at most, in each direction.

    Returns:
        (H, W, 3) uint8 RGB, with the parent's high-frequency energy.
    """
    import torch

    from generators._blocks import in_tiles

    height, width = image.shape[:2]
    whole = factor * cell
    padded = np.pad(image, ((0, -height % whole), (0, -width % whole), (0, 0)), mode="symmetric")
    size = (padded.shape[1] // factor, padded.shape[0] // factor)
    kernel = FILTERS[rng.integers(len(FILTERS))]
    small = torch.from_numpy(np.asarray(Pillow.fromarray(padded).resize(size, kernel)).copy())
    device = next(network.parameters()).device
    pixels = small.to(device).permute(2, 0, 1)[None].float().div_(255)
    with torch.inference_mode():
        made = in_tiles(network, pixels, cell_in=cell, cell_out=whole, largest=largest)
    picture = made[0].permute(1, 2, 0)[:height, :width].cpu().numpy()
    return with_texture_of(image, 255 * picture)
