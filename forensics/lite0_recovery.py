"""Brings EfficientNet-Lite0's ImageNet weights from a registry package into timm's names.

The package holds a PyTorch file of plain tensors in the order of the layers; timm's
`tf_efficientnet_lite0` has the same tensors in the same order under other names.
"""

from pathlib import Path

from forensics.errors import WeightsCorrupt


def recover(source: Path, folder: Path) -> list[Path]:
    """Write `efficientnet_lite0_imagenet.safetensors` into `folder`; return its path.

    Args:
        source: the package's `.pth`, its SHA-256 already verified; read as tensors only.
        folder: where to write; it must exist.

    Raises:
        WeightsCorrupt: the tensors do not fit the network one to one.
    """
    import timm
    import torch
    from safetensors.torch import save_file

    stored = torch.load(source, map_location="cpu", weights_only=True)
    wanted = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    shapes = [tuple(tensor.shape) for tensor in stored.values()]
    if shapes != [tuple(tensor.shape) for tensor in wanted.values()]:
        raise WeightsCorrupt(f"{source.name} does not hold the tensors of tf_efficientnet_lite0")
    renamed = dict(zip(wanted, stored.values(), strict=True))
    path = folder / "efficientnet_lite0_imagenet.safetensors"
    save_file({name: tensor.contiguous().clone() for name, tensor in renamed.items()}, path)
    return [path]
