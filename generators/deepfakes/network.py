"""The original deepfakes autoencoder: one encoder, a decoder for each of two people.

As the program of 2017 had it: strided 5 x 5 convolutions, a dense bottleneck, pixel shuffles.
"""

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from forensics.faces.landmarks_recovery import with_half_weights
from generators.deepfakes import SIDES

SLOPE = 0.1
"""Of the rectifiers, below zero."""
_DEEPEST = 4
"""Side in px of the map that the bottleneck reads."""
_WIDEST = 4
"""Channels of the deepest stages, in widths; more cost most of a step and half of the file."""


class Up(nn.Module):
    """A convolution that makes four channels of each, and sorts them into twice the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, 2 H, 2 W)."""
        return functional.pixel_shuffle(functional.leaky_relu(self.conv(values), SLOPE), 2)


class Encoder(nn.Module):
    """(N, 3, side, side) in [0, 1] -> (N, 4 width, 8, 8), by way of `code` numbers."""

    def __init__(self, side: int, width: int, code: int) -> None:
        super().__init__()
        # 64 px are halved four times, 128 px five times; the last stages keep their width.
        halvings = (side // _DEEPEST).bit_length() - 1
        channels = [3, *(width * min(2**stage, _WIDEST) for stage in range(halvings))]
        stages: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            stages += [nn.Conv2d(inputs, outputs, 5, 2, padding=2), nn.LeakyReLU(SLOPE)]
        self.stages = nn.Sequential(*stages)
        deep = channels[-1]
        self.narrow = nn.Linear(deep * _DEEPEST**2, code)
        self.wide = nn.Linear(code, deep * _DEEPEST**2)
        self.up = Up(deep, 4 * width)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, side, side) -> (N, 4 width, 8, 8)."""
        maps = self.stages(pictures)
        code = self.wide(self.narrow(maps.flatten(1)))
        made: Tensor = self.up(code.view_as(maps))
        return made


class Decoder(nn.Sequential):
    """(N, 4 width, 8, 8) -> (N, 3, side, side) in [0, 1]."""

    def __init__(self, side: int, width: int) -> None:
        doublings = (side // (2 * _DEEPEST)).bit_length() - 1
        channels = [4 * width, *(max(2 * width >> stage, 16) for stage in range(doublings))]
        ups = [Up(*pair) for pair in pairwise(channels)]
        super().__init__(*ups, nn.Conv2d(channels[-1], 3, 5, padding=2), nn.Sigmoid())


class Pair(nn.Module):
    """An encoder of anybody's face and the decoders of two people."""

    def __init__(self, side: int, width: int, code: int) -> None:
        """Build it for chips of `side` px, 64 or 128; see `DeepfakesRecipe` for the others."""
        super().__init__()
        if side not in SIDES:
            raise ValueError(f"side must be one of {SIDES}, got {side}")
        self.side = side
        self.encoder = Encoder(side, width, code)
        self.source, self.target = Decoder(side, width), Decoder(side, width)
        self.apply(_begin)

    def forward(self, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Rebuild chips of each person by that person's decoder: (N, 3, side, side) in [0, 1]."""
        code = self.encoder(torch.cat([sources, targets]))
        return self.source(code[: len(sources)]), self.target(code[len(sources) :])


def _begin(layer: nn.Module) -> None:
    """Draw weights that keep a signal's size (He et al. 2015).

    torch's own shrink it in each of a dozen layers, so that for thousands of steps the decoders
    paint a mean face whatever the chip shows.
    """
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


class Swap(nn.Module):
    """What a trained pair does: chips of the target's face to chips of the source's."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.encoder, self.decoder = pair.encoder, pair.source

    def forward(self, chips: Tensor) -> Tensor:
        """(N, side, side, 3) uint8 RGB -> the same."""
        made = self.decoder(self.encoder(chips.permute(0, 3, 1, 2).float() / 255))
        faces: Tensor = (made * 255).round().clamp(0, 255).to(torch.uint8)
        return faces.permute(0, 2, 3, 1)


def write_onnx(pair: Pair, path: Path) -> None:
    """Write the swap from the target to the source: "chips" -> "faces", both uint8 RGB.

    Weights lie in the file in half precision; onnxruntime widens them when it opens it.
    """
    import onnx

    example = torch.zeros(2, pair.side, pair.side, 3, dtype=torch.uint8)
    part = path.with_suffix(".part")
    torch.onnx.export(
        Swap(pair).eval(),
        (example,),
        part,
        input_names=["chips"],
        output_names=["faces"],
        dynamic_axes={"chips": {0: "count"}, "faces": {0: "count"}},
        dynamo=False,
    )
    model = onnx.load(part)
    with_half_weights(model.graph)
    part.write_bytes(model.SerializeToString(deterministic=True))
    part.replace(path)
