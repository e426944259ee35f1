"""What modulation, noise and resampling cost StyleGAN2 beside plain convolutions.

Run: python benchmarks/stylegan2.py [--device cuda] [--resolution 64] [--width 1024] [--batch 16]
     [--at-most 128] [--rounds 15]; config F is --width 32768 --at-most 512
Compares synthesis, forward and backward, with a stack of the same convolutions without styles,
noise, filters or sums of pictures. The two take turns, so that other work slows both alike.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from forensics.allocation import keep_freed_memory
from generators.stylegan2.networks import StyleGenerator
from generators.stylegan2.shape import Shape


def plain_stack(shape: Shape) -> nn.Module:
    """The convolutions of the synthesis network, and leaky ReLUs, and nothing else."""
    layers: list[nn.Module] = []
    before = 0
    for side in shape.sides:
        width = shape.channels(side)
        if before:
            layers += [
                nn.ConvTranspose2d(before, width, 3, stride=2, padding=1, output_padding=1),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        before = width
    return nn.Sequential(*layers, nn.Conv2d(before, 3, 1))


def main() -> None:
    """Print milliseconds of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--at-most", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    # As every command has it.
    keep_freed_memory()
    shape = Shape(args.resolution, args.width, args.at_most)
    styled = StyleGenerator(shape).to(args.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    plain = plain_stack(shape).to(args.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    first = shape.channels(shape.sides[0])
    start = torch.randn(args.batch, first, 4, 4, device=args.device)
    w = torch.randn(args.batch, shape.layers, shape.styles, device=args.device)
    rng = torch.Generator().manual_seed(0)
    runs: dict[str, Callable[[], Tensor]] = {
        "StyleGAN2": lambda: styled.synthesis(w, styled.synthesis.drawn_noise(args.batch, rng)),
        "plain": lambda: plain(start.contiguous(memory_format=torch.channels_last)),
    }
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(args.rounds + 2):
        for name, run in runs.items():
            taken[name].append(_seconds(run, args.device))
    medians = {name: 1000 * statistics.median(values[2:]) for name, values in taken.items()}
    for name, value in medians.items():
        print(f"{name}: {value:.1f} ms forward and backward")
    print(f"ratio {medians['StyleGAN2'] / medians['plain']:.2f}")


def _seconds(run: Callable[[], Tensor], device: str) -> float:
    start = time.perf_counter()
    run().square().mean().backward()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
