"""Laws of the transform that is read without the rest of scipy."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.fft import rfft2

from forensics.traces import fourier


@pytest.mark.parametrize("shape", [(224, 224), (112, 112), (512, 512), (97, 131), (1, 1), (64, 3)])
def test_the_transform_is_scipys_to_the_bit(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(0, 9, shape).astype(np.float32)
    for each in (values, values[::-1, ::-1], np.asfortranarray(values)):
        found = fourier.spectrum_of(each)
        assert found.dtype == np.complex64
        assert np.array_equal(found, rfft2(each))


def test_scipy_itself_serves_where_its_module_lies_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fourier, "MODULE", "nowhere")
    whole = fourier._transform.__wrapped__()  # type: ignore[attr-defined]
    assert whole is rfft2


def test_the_rest_of_scipy_stays_out_and_may_come_later() -> None:
    lines = (
        "import sys, numpy as np",
        "from forensics.traces.fourier import spectrum_of",
        "values = np.ones((8, 8), np.float32)",
        "mine = spectrum_of(values)",
        "assert 'scipy' not in sys.modules",
        "from scipy.fft import rfft2",
        "assert (rfft2(values) == mine).all()",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
