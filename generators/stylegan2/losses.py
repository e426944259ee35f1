"""What StyleGAN2 minimises and keeps smooth (Karras et al. 2020; R1: Mescheder et al. 2018)."""

import torch
from torch import Tensor
from torch.nn import functional

DECAY = 0.01
"""How fast the running mean of path lengths follows."""


def wrong_about(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's logistic loss on (N,) logits, a number."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def unconvincing(fake: Tensor) -> Tensor:
    """The generator's non-saturating loss on (N,) logits, a number."""
    return functional.softplus(-fake).mean()


def slope_penalty(pictures: Tensor, logits: Tensor) -> Tensor:
    """R1: the mean squared gradient of logits by real pictures, a number that has gradients.

    `pictures` (N, 3, R, R) must require gradients, and `logits` (N,) come from them. NVIDIA's code
    takes pictures before augmentation; here they are what the discriminator saw, since torch's
    grid sampling has no second derivative.
    """
    (slope,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    return slope.square().sum(dim=(1, 2, 3)).mean()


def path_lengths(pictures: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    """How far a random direction of pictures moves each style, (N,) with gradients.

    Args:
        pictures: (N, 3, R, R), made from `w`.
        w: (N, layers, styles), requires gradients.
        noise: (N, 3, R, R) from N(0, 1).
    """
    side = pictures.shape[-1]
    moved = (pictures * noise).sum() / side
    (slope,) = torch.autograd.grad(moved, w, create_graph=True)
    return slope.square().sum(dim=2).mean(dim=1).sqrt()


def length_penalty(lengths: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """How unequal path lengths are, and their new running mean; two numbers."""
    mean = mean.lerp(lengths.detach().mean(), DECAY)
    return (lengths - mean).square().mean(), mean
