"""Start weights of the small networks, drawn instead of pulled."""

import pytest
import timm
import torch

from forensics import network_training


@pytest.fixture
def start_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    state = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    tensors = {name: each.numpy() for name, each in state.items()}
    monkeypatch.setattr(network_training, "load_tensors", lambda card: tensors)
