"""Real-ESRGAN's network, RRDBNet (Wang et al. 2018 and 2021), for weights recovered from ncnn."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from forensics.real_esrgan_recovery import BLOCKS, DENSE, GROWTH, WIDTH

FACTOR = 4
TILE_CELL = 6
"""Pixels of the small picture that a tile's cell spans: 54 px are seen around each tile."""
TILE_CELLS = 40
"""Cells of a tile. Joints were within two levels of 255 of one pass over the whole picture."""
SHARE = 0.2
"""What residual blocks add is made smaller by this."""


class DenseBlock(nn.ModuleList):
    """Five convolutions, each fed with all before it; (N, 64, H, W), same shape."""

    def __init__(self) -> None:
        outs = [GROWTH] * 4 + [WIDTH]
        super().__init__(_conv(WIDTH + place * GROWTH, out) for place, out in enumerate(outs))

    def forward(self, x: Tensor) -> Tensor:
        """Add what the last convolution makes of the input and of the four before it."""
        *growing, last = self
        features = [x]
        for conv in growing:
            features.append(_active(conv(torch.cat(features, 1))))
        added: Tensor = last(torch.cat(features, 1))
        return x + SHARE * added


class Block(nn.Sequential):
    """Three dense blocks in a row, and a way around them."""

    def __init__(self) -> None:
        super().__init__(*(DenseBlock() for _ in range(DENSE)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 64, H, W) to the same shape."""
        made = x
        for dense in self:
            made = dense(made)
        return x + SHARE * made


class RealEsrganNetwork(nn.Module):
    """Enlarges (N, 3, H, W) in [0, 1] to (N, 3, 4 H, 4 W), not clipped."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = _conv(3, WIDTH), _conv(WIDTH, 3)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.body, self.fine = _conv(WIDTH, WIDTH), _conv(WIDTH, WIDTH)
        self.enlarge_once, self.enlarge_twice = _conv(WIDTH, WIDTH), _conv(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge four times."""
        shallow = self.first(x)
        features = shallow + self.body(self.blocks(shallow))
        for conv in (self.enlarge_once, self.enlarge_twice):
            doubled = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = _active(conv(doubled))
        enlarged: Tensor = self.last(_active(self.fine(features)))
        return enlarged


def _conv(n_in: int, n_out: int) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, padding=1)


def _active(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)
