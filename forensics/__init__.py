"""Deepfake detection and GAN forensics: examine media, and say how sure we are."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "examine", "examine_each"]


def __getattr__(name: str) -> Any:
    """Import `examine` and `examine_each` on first use, so that `import forensics` stays light."""
    if name in {"examine", "examine_each"}:
        from forensics import examination

        return getattr(examination, name)
    raise AttributeError(f"module 'forensics' has no attribute {name!r}")
