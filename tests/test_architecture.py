"""The listing is the architecture: imports run one way, files stay small, the command line starts light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("analysis", "cluster", "jobs")
MAY_IMPORT = {"analysis": {"analysis"}, "cluster": {"cluster"}, "jobs": {"analysis", "cluster", "jobs"}}
FORBIDDEN = {"analysis": {"ray", "zarr", "matplotlib", "xarray"}, "cluster": {"torchvision", "matplotlib"}}
VAGUE = {"utils", "helpers", "common", "base", "manager", "misc"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path, top_level: bool = False) -> Iterator[str]:
    """Full names of the modules that a file imports; only those that run on import where `top_level`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _running(tree) if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _running(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run on import: not those of functions, nor those for type checkers alone."""
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    ours = {
        (str(path.relative_to(ROOT)), name.partition(".")[0]) for path in sources(package) for name in imported(path)
    }
    wrong = {(path, name) for path, name in ours if name in PACKAGES and name not in MAY_IMPORT[package]}
    wrong |= {(path, name) for path, name in ours if name in FORBIDDEN.get(package, set())}
    assert not wrong


def test_no_import_cycles() -> None:
    graph: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in sources(package):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            graph[module] = {name for name in imported(path, top_level=True) if name.partition(".")[0] in PACKAGES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"import cycle: {' -> '.join((*trail, module))}"
        if module in done:
            return
        for needed in graph.get(module, ()):
            visit(needed, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())
    assert len(done) >= len(graph)


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_files_and_functions_stay_small(package: str) -> None:
    for path in sources(package):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 300, f"{path} has {text.count(chr(10))} lines; it probably holds two ideas"
        assert path.stem not in VAGUE, f"{path}: name it after what it does"
        assert path.stem not in sys.stdlib_module_names, f"{path} is named like a module of the standard library"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 40, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_every_file_says_what_it_is() -> None:
    for package in PACKAGES:
        for path in sources(package):
            text = path.read_text(encoding="utf-8")
            assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{path} has no first lines"


def test_the_command_line_starts_light() -> None:
    code = "import sys, jobs.__main__; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"torch", "ray", "numpy", "pydantic", "zarr", "xarray", "matplotlib", "scipy", "rich"}
    assert not heavy & set(loaded)
