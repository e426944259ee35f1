"""Every error that a user can meet. Each message says what was wrong and what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ForensicsError(Exception):
    """Base of all errors that are meant to be read by a user."""


class UnreadableMedia(ForensicsError):
    """The bytes cannot be decoded as the picture they claim to be."""


class UnsupportedMedia(ForensicsError):
    """The file is healthy, but of a kind that this version does not examine."""


class MediaTooLarge(ForensicsError):
    """The file or its picture exceeds the limits that protect this machine."""


class UnknownPlugin(ForensicsError):
    """No detector, generator or analysis has this name."""


class BrokenPlugin(ForensicsError):
    """A plugin was found, but its card or its class does not keep the contract."""


class ForeignPackage(ForensicsError):
    """Another distribution answers to one of our import names."""


class WeightsUnavailable(ForensicsError):
    """A weights file is missing; the message gives the command that fetches or trains it."""


class WeightsCorrupt(ForensicsError):
    """A weights file does not have the SHA-256 that its card promises."""


class CalibrationStale(ForensicsError):
    """A fusion was fitted with other weights than those at hand."""


class NotCalibrated(ForensicsError):
    """No fusion was ever fitted for this set of detectors."""


class InvalidManifest(ForensicsError):
    """A manifest or folds file lacks a column, or a row contradicts it."""


class InvalidOption(ForensicsError):
    """An option or a field of a recipe does not exist, or its value does not fit."""


class NoFace(ForensicsError):
    """A picture in which a face was expected shows none, or too small or too many."""


class GalleryUnusable(ForensicsError):
    """A gallery of faces is missing, damaged, of another matcher or version, or cannot be written.

    Nothing that was acknowledged before is lost.
    """


class OutputFailed(ForensicsError):
    """A file could not be written: the disk is full, or the folder may not be written."""


class ConsentMissing(ForensicsError):
    """Somebody's face would be put where it never was, and nobody said that they may."""


class CameraUnusable(ForensicsError):
    """A camera was never enrolled, its fingerprint is damaged, or too few pictures fit."""


@contextmanager
def blaming(name: str, path: Path) -> Iterator[None]:
    """Turn whatever a plugin raises into an error that names the plugin and the file.

    Plugins come from anywhere, so nothing narrower than `Exception` would do; nothing is hidden.
    """
    try:
        yield
    except ForensicsError:
        raise
    except Exception as error:
        raise BrokenPlugin(f"{name} failed on {path}: {type(error).__name__}: {error}") from error
