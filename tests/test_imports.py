"""The house rule: a room imports from the rooms below it, never from above or beside.

Imports under `if TYPE_CHECKING` are for readers and type checkers and do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import graphdam

HOUSE = Path(graphdam.__file__).parent

FLOORS: list[set[str]] = [
    {"__main__"},
    {"cli"},
    {"bench"},
    {"predicting"},
    {"pipeline", "serving"},
    {"run_record"},
    {"seed_run"},
    {"training"},
    {"baselines"},
    {"objectives"},
    {"nn"},
    {"compaction"},
    {"gates"},
    {"data"},
    {"evaluation"},
    {"report"},
    {"files", "blocks", "errors", "_version"},
]
"""From the roof down. Rooms on one floor do not import each other."""

ROOF = "__init__"
"""The package's front door, which may name what any room offers."""

UNKNOWING: dict[str, set[str]] = {
    "gates": {"torch_geometric", "torch_sparse", "pyg_lib", "graphdam.data", "graphdam.evaluation"},
    "compaction": {
        "torch_geometric",
        "torch_sparse",
        "pyg_lib",
        "graphdam.data",
        "graphdam.evaluation",
    },
    "report": {"torch", "torch_geometric"},
}
"""What a room must not know of, though it lies below or outside the house."""

ONLY: dict[str, set[str]] = {
    "gates": {"gates", "errors"},
    "compaction": {"compaction", "gates", "errors", "files", "_version"},
}
"""The only rooms that these may import."""


def imported(tree: ast.AST, package: str) -> Iterator[tuple[str, int]]:
    """Every module that is imported when the code runs, with its line; functions included."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and is_type_checking(node.test):
            for other in node.orelse:
                yield from imported(ast.Module([other], []), package)
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                source = ".".join([*above, source]) if source else ".".join(above)
            for alias in node.names:
                # `from graphdam import nn` imports the room nn
                yield f"{source}.{alias.name}" if source == "graphdam" else source, node.lineno
        else:
            yield from imported(node, package)


def is_type_checking(test: ast.expr) -> bool:
    if isinstance(test, ast.Attribute):
        return test.attr == "TYPE_CHECKING"
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def room_of(module: str) -> str:
    """`graphdam.nn.gcn` → `nn`; the package itself is the roof."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ROOF


def floor_of(room: str) -> int:
    for floor, rooms in enumerate(FLOORS):
        if room in rooms:
            return floor
    raise LookupError(room)


def violations(house: Path) -> list[str]:
    """Every import that the house rule forbids, as 'file:line: sentence'."""
    found = []
    for path in sorted(house.rglob("*.py")):
        relative = path.relative_to(house)
        names = ["graphdam", *relative.with_suffix("").parts]
        package = ".".join(names[:-1])
        room = names[1]
        for module, line in imported(ast.parse(path.read_text()), package):
            sentence = verdict(room, module)
            if sentence:
                found.append(f"{relative.as_posix()}:{line}: {sentence}")
    return found


def verdict(room: str, module: str) -> str | None:
    """Why `room` may not import `module`, or None."""
    unknowing = UNKNOWING.get(room, set())
    if any(module == name or module.startswith(f"{name}.") for name in unknowing):
        return f"{room} must not know {module}"
    if module.split(".")[0] != "graphdam" or room == ROOF:
        return None
    target = room_of(module)
    if target == room:
        return None
    try:
        floor = floor_of(room)
    except LookupError:
        return f"{room} is not in the plan of the house"
    if target == ROOF:
        return f"{room} must not import the whole package ({module})"
    try:
        below = floor_of(target)
    except LookupError:
        return f"{target} is not in the plan of the house ({module})"
    if below <= floor:
        return f"{room} must not import {module}, which lies above or beside it"
    if room in ONLY and target not in ONLY[room]:
        return f"{room} may only import {', '.join(sorted(ONLY[room]))}, not {module}"
    return None


def test_the_house_stands() -> None:
    assert violations(HOUSE) == []


def test_every_room_is_in_the_plan() -> None:
    rooms = {path.stem for path in HOUSE.iterdir() if path.suffix == ".py" or path.is_dir()}
    rooms = {room for room in rooms if not room.startswith("__pycache__")}
    assert rooms - {ROOF} <= set().union(*FLOORS) | {"py"}


CLEAN = {
    "__init__.py": "from graphdam.nn import GCN\nfrom graphdam.cli.main import main\n",
    "errors.py": "import torch\n",
    "gates/dam.py": "from graphdam.errors import E\nfrom graphdam.gates.gate import Gate\n",
    "compaction/plan.py": "from graphdam.gates import Gate\n",
    "nn/gcn.py": "from graphdam.compaction import compact_model\nimport torch_geometric\n",
    "nn/lazy.py": "def f():\n    from graphdam import gates\n",
    "nn/typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import graphdam.cli\n",
    "nn/relative.py": "from . import gcn\nfrom .gcn import GCN\nfrom ..gates import dam\n",
    "report/table.py": "import numpy\nfrom graphdam.files import write_atomically\n",
    "cli/main.py": "from graphdam.pipeline import run\nimport graphdam.nn.gcn\n",
}


def build(house: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = house / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return house


def test_a_clean_house_passes(tmp_path: Path) -> None:
    assert violations(build(tmp_path, CLEAN)) == []


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        (
            "gates/bad.py",
            "from graphdam.compaction import plan",
            "gates must not import graphdam.compaction, which lies above or beside it",
        ),
        ("gates/bad.py", "import torch_geometric.nn", "gates must not know torch_geometric.nn"),
        ("gates/bad.py", "import graphdam.data.csr", "gates must not know graphdam.data.csr"),
        (
            "gates/bad.py",
            "from graphdam.files import write_atomically",
            "gates may only import errors, gates, not graphdam.files",
        ),
        (
            "compaction/bad.py",
            "from torch_geometric.nn import GCNConv",
            "compaction must not know torch_geometric.nn",
        ),
        ("compaction/bad.py", "from ..nn import gcn", "compaction must not import graphdam.nn, "),
        (
            "compaction/bad.py",
            "from graphdam.report import table",
            "compaction may only import _version, compaction, errors, files, gates, not graphdam.",
        ),
        (
            "training/bad.py",
            "import graphdam.serving",
            "training must not import graphdam.serving, which lies above or beside it",
        ),
        (
            "baselines/bad.py",
            "import graphdam.training.loop",
            "baselines must not import graphdam.training.loop, which lies above or beside it",
        ),
        (
            "nn/bad.py",
            "def late():\n    if 1:\n        from graphdam.objectives import links",
            "nn must not import graphdam.objectives, which lies above or beside it",
        ),
        (
            "nn/bad.py",
            "try:\n    import graphdam.training\nexcept ImportError:\n    pass",
            "nn must not import graphdam.training, which lies above or beside it",
        ),
        (
            "nn/bad.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\n"
            "else:\n    import graphdam.cli",
            "nn must not import graphdam.cli, which lies above or beside it",
        ),
        ("nn/bad.py", "import graphdam", "nn must not import the whole package (graphdam)"),
        ("nn/bad.py", "from graphdam import cli", "nn must not import graphdam.cli, which lies"),
        ("nn/bad.py", "import graphdam.attic", "attic is not in the plan of the house"),
        ("attic.py", "import graphdam.nn", "attic is not in the plan of the house"),
        ("report/bad.py", "import torch", "report must not know torch"),
        ("report/bad.py", "from torch import nn", "report must not know torch"),
        ("report/bad.py", "import graphdam.evaluation", "report must not import graphdam.eval"),
        ("errors.py", "import graphdam.files", "errors must not import graphdam.files, which"),
        ("pipeline.py", "import graphdam.cli", "pipeline must not import graphdam.cli, which"),
    ],
)
def test_a_planted_violation_is_found(file: str, text: str, sentence: str, tmp_path: Path) -> None:
    found = violations(build(tmp_path, {**CLEAN, file: text}))
    assert len(found) == 1
    path, line, message = found[0].split(":", 2)
    assert (path, line) == (file, str(text[: text.rindex("import")].count("\n") + 1))
    assert message.strip().startswith(sentence)
