import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("forensics", "detectors", "generators")
SOURCES = sorted(
    path for name in (*PACKAGES, "tests", "benchmarks") for path in (ROOT / name).rglob("*.py")
)
SHIPPED = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in PACKAGES]
PAGE_MAY_IMPORT = {"streamlit", "forensics"}
PAGE_MAY_NOT_IMPORT = {"forensics.traces", "forensics.faces", "forensics.evidence"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return (node for node in ast.walk(tree(path)) if isinstance(node, kinds))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_file_has_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_function_has_at_most_60_lines(path: Path) -> None:
    lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions(path)}
    assert not {name: length for name, length in lengths.items() if length > 60}


def test_no_public_function_shares_the_name_of_a_module_beside_it() -> None:
    clashes = [
        f"{named(path)}: {node.name}"
        for path in SHIPPED
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if (path.parent / f"{node.name}.py").exists()
        or (path.parent / node.name / "__init__.py").exists()
    ]
    assert not clashes


def test_the_front_door_exports_no_submodule_name() -> None:
    import forensics

    modules = {path.stem for path in (ROOT / "forensics").iterdir()}
    assert not modules & set(forensics.__all__)


def test_the_page_holds_no_analysis_code() -> None:
    standard = __import__("sys").stdlib_module_names
    names = set(imported(ROOT / "app.py"))
    roots = {name.split(".")[0] for name in names}
    assert roots - standard <= PAGE_MAY_IMPORT
    assert not {name for name in names if ".".join(name.split(".")[:2]) in PAGE_MAY_NOT_IMPORT}


def test_plugin_packages_stay_empty_so_that_listing_imports_nothing() -> None:
    folders = [ROOT / "detectors", ROOT / "generators", ROOT / "forensics" / "evidence"]
    assert [(folder / "__init__.py").stat().st_size for folder in folders] == [0, 0, 0]


def test_every_module_stands_on_a_floor() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floors = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    listed = {name.strip("() ") for floor in floors for name in floor.replace("|", ":").split(":")}
    modules = {f"forensics.{path.stem}" for path in (ROOT / "forensics").glob("[!_]*.py")}
    packages = {
        f"forensics.{path.parent.name}" for path in (ROOT / "forensics").glob("*/__init__.py")
    }
    assert modules | packages <= listed


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_nothing_unpickles(path: Path) -> None:
    loaders = {"joblib", "dill", "cloudpickle", "shelve"}
    # NVIDIA's weights come in pickles. One reader knows the few names they need, and runs nothing.
    if named(path) != "generators/stylegan2/official.py":
        loaders.add("pickle")
    assert not {name.split(".")[0] for name in imported(path)} & loaders


def test_the_one_reader_of_pickles_restricts_what_they_may_name() -> None:
    source = tree(ROOT / "generators/stylegan2/official.py")
    used = {
        node.attr
        for node in ast.walk(source)
        if isinstance(node, ast.Attribute)
        if isinstance(node.value, ast.Name)
        if node.value.id == "pickle"
    }
    readers = [node for node in ast.walk(source) if isinstance(node, ast.ClassDef)]
    overridden = {
        method.name
        for node in readers
        for method in node.body
        if isinstance(method, ast.FunctionDef) and node.name == "_Reader"
    }
    assert used == {"Unpickler", "UnpicklingError"}
    assert {"find_class", "persistent_load"} <= overridden


def test_the_readme_states_the_licence_of_every_weights_file() -> None:
    from forensics.commands.common import every_card

    rows = (ROOT / "README.md").read_text(encoding="utf-8")
    carried = [card.name for card in every_card().values() if card.weights]
    assert not [name for name in carried if f"| `{name}` |" not in rows]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "make test" in steps
    assert "make test " in (ROOT / "README.md").read_text(encoding="utf-8")


def test_weights_that_ship_are_small() -> None:
    sizes = [path.stat().st_size for path in ROOT.glob("*/weights/*")]
    sizes += [path.stat().st_size for path in ROOT.glob("forensics/*/weights/*")]
    assert max(sizes) < 25e6
    assert sum(sizes) < 40e6
