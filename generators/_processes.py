"""Several processes that train one network, as torchrun starts them."""

import os

import torch
from torch import Tensor, distributed, nn

from forensics.errors import InvalidOption


def join_others(device: str) -> None:
    """Meet the processes that torchrun started; on GPUs each takes the one of its own number.

    Raises:
        InvalidOption: all of them would train on one GPU.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        return
    if not device.startswith("cuda"):
        distributed.init_process_group("gloo")
        return
    if device != "cuda":
        raise InvalidOption(f"several processes need device=cuda, a GPU each, not {device}")
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl")


def rank_and_world() -> tuple[int, int]:
    """This process among those that `join_others` met: its number, and how many they are."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def averaged(value: Tensor) -> Tensor:
    """Average a tensor over the processes that torchrun started, so that all go on alike."""
    world = rank_and_world()[1]
    if world == 1:
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / world


def share_gradients(network: nn.Module) -> None:
    """Average gradients over the processes that torchrun started; none, where there is one."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    if rank_and_world()[1] == 1:
        return
    flat = averaged(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
