"""Recognises other people's packages under our import names.

The package registry has distributions whose top-level packages are called `forensics`, `detectors`
and `generators` as well. Installed beside ours they shadow it or overwrite its files; what then
fails, fails far from the cause.
"""

from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import forensics
from forensics.errors import ForeignPackage

DISTRIBUTION = "deepfake-forensics"
PLUGIN_PACKAGES = ("detectors", "generators")


def check_own_packages() -> None:
    """Check that `forensics`, `detectors` and `generators` are ours, importing none of them.

    Raises:
        ForeignPackage: one of them is missing, lies elsewhere, or was overwritten.
    """
    home = Path(__file__).resolve().parent
    if "examine_each" not in getattr(forensics, "__all__", ()):
        raise ForeignPackage(_complaint("forensics", home))
    for name in PLUGIN_PACKAGES:
        _check(name, find_spec(name), home.parent)


def _check(name: str, spec: ModuleSpec | None, root: Path) -> None:
    """Compare where Python would import `name` from with the folder that holds `forensics`."""
    if spec is None:
        raise ForeignPackage(
            f"the package {name!r} is missing beside {root / 'forensics'}; reinstall {DISTRIBUTION}"
        )
    folder = Path(spec.origin).resolve().parent if spec.origin else _namespace_folder(spec)
    # Our __init__.py is empty; one with content was written over it by another distribution.
    if folder != root / name or not spec.origin or Path(spec.origin).stat().st_size > 0:
        raise ForeignPackage(_complaint(name, folder))


def _namespace_folder(spec: ModuleSpec) -> Path:
    return Path(next(iter(spec.submodule_search_locations or ["."]))).resolve()


def _complaint(name: str, folder: Path) -> str:
    from importlib.metadata import packages_distributions

    owners = sorted(set(packages_distributions().get(name, ())) - {DISTRIBUTION})
    culprit = f"the distribution {', '.join(owners)}" if owners else "no installed distribution"
    return (
        f"the package {name!r} in {folder} is not ours (it belongs to {culprit}); "
        f"uninstall it, or install {DISTRIBUTION} into an environment of its own, "
        f"and run from another folder if it lies in the current one"
    )
