"""A second matcher: InceptionResnetV1 on VGGFace2 (Schroff et al. 2015; weights by Sandberg).

Runs in torch, so only whoever asks for it pays for that import. Its weights are fetched on request.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from forensics.faces.align import face_crop
from forensics.faces.cascade import resized
from forensics.faces.embed import Matcher
from forensics.faces.vectors import unit_rows
from forensics.schema import Face, Floats, Image
from forensics.weights import file_named, verified_path

SIDE = 160
"""Side in px of the crops that the network was trained on."""
MARGIN = 0.1


class FacenetVggface2(Matcher):
    """facenet-pytorch's network on upright crops of the detector's boxes."""

    def embed(self, image: Image, faces: Sequence[Face]) -> Floats:
        """As `Matcher.embed`; D is 512."""
        import torch

        if not faces:
            return np.zeros((0, 512), np.float32)
        network = _network(verified_path(self.card, file_named(self.card, ".pt")))
        crops = [resized(face_crop(image, face, margin=MARGIN), SIDE, SIDE) for face in faces]
        # facenet-pytorch's fixed_image_standardization.
        values = (np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 128
        with torch.no_grad():
            rows = [network(torch.from_numpy(value[None])) for value in values]
        return unit_rows(torch.cat(rows).numpy())


@cache
def _network(path: Path) -> Any:
    import torch
    from facenet_pytorch import InceptionResnetV1

    # The only form in which these weights exist is torch's own; weights_only lets nothing but
    # tensors out of it, and the file's SHA-256 has been checked before.
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    network = InceptionResnetV1(pretrained=None, classify=False).eval()
    network.load_state_dict(
        {name: value for name, value in tensors.items() if not name.startswith("logits.")}
    )
    return network
