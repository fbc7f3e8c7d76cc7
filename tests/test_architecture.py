"""The shape of the code: imports point one way, names say something, functions stay short, only the terminal prints."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "lamina"
FILES = sorted(SOURCE.rglob("*.py"))

# From the top: what stands in a line may import what stands in lines below it, and itself. What stands together in a
# line does not import each other.
LEVELS = (
    ("__init__",),  # only for types; at run time by name (tests/test_package.py)
    ("cli",),
    ("explanation",),
    ("doctor", "options", "predictions", "terminal"),
    ("studio",),
    ("estimators",),
    ("answer",),
    ("work",),
    ("choices", "provenance"),
    ("page",),
    ("views",),
    ("judgement", "inside"),
    ("model",),
    ("training",),
    ("settings",),
    ("network", "losses", "optimizers", "metrics", "data"),
    ("allowance", "files"),
    ("kernels", "samples"),
    ("errors",),
)
LEVEL_OF = {noun: level for level, nouns in enumerate(LEVELS) for noun in nouns}
CATCH_ALL = {"util", "utils", "core", "common", "helper", "helpers", "base", "misc", "manager", "lib", "shared"}
LONGEST = 60
MAY_PRINT = {"cli.py", "terminal.py"}
MAY_TAKE_ANY_NAME = {("native.py", "call")}  # the names are those of the C++ handler that it calls


def _noun(path: Path) -> str:
    inside = path.relative_to(SOURCE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _for_types_only(tree: ast.Module) -> set[ast.AST]:
    """What stands under ``if TYPE_CHECKING``: it names types and imports nothing when the program runs."""
    guards = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    return {inner for guard in guards for statement in guard.body for inner in ast.walk(statement)}


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    """The nouns of Lamina that a file imports when it runs, at its top or inside a function, with the line."""
    tree = _tree(path)
    types_only = _for_types_only(tree)
    for node in ast.walk(tree):
        if node in types_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "lamina":
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lamina."):
            yield str(node.module).split(".")[1], node.lineno
        elif isinstance(node, ast.Import):
            yield from (
                (name.name.split(".")[1], node.lineno) for name in node.names if name.name.startswith("lamina.")
            )


def test_every_noun_has_its_level() -> None:
    nouns = {_noun(path) for path in FILES}
    assert nouns <= set(LEVEL_OF), f"say in LEVELS where {sorted(nouns - set(LEVEL_OF))} stands"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    here = _noun(path)
    wrong = [
        f"{path.relative_to(SOURCE)}:{line} imports {noun}"
        for noun, line in _imports(path)
        if noun != here and LEVEL_OF[noun] <= LEVEL_OF[here]
    ]
    assert not wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_private_name_stays_in_its_file(path: Path) -> None:
    taken = [
        f"{node.module}.{name.name}"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lamina")
        for name in node.names
        if name.name.startswith("_")
    ]
    assert not taken


def test_data_does_without_jax() -> None:
    """Reading a table must not wait for JAX."""
    tops = [
        f"{path.name} imports {name}"
        for path in FILES
        if _noun(path) in ("data", "errors", "settings", "options", "terminal", "cli", "predictions")
        for node in ast.walk(_tree(path))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name.split(".")[0] in ("jax", "jaxlib", "optax")
    ]
    assert not tops


def test_no_file_is_a_catch_all() -> None:
    assert not [path for path in SOURCE.rglob("*") if path.stem.lower().strip("_") in CATCH_ALL]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_functions_are_short(path: Path) -> None:
    """Counted from the first line of the body: the verbs of the command line must list their options."""
    long = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.name} has {length} lines"
        for node in ast.walk(_tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := (node.end_lineno or 0) - node.body[0].lineno + 1) > LONGEST
    ]
    assert not long


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_functions_take_few_arguments(path: Path) -> None:
    """At most 7, and no public ``**kwargs``. The verbs of the command line take their options as arguments."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"
        for node in ast.walk(_tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not _is_verb(node)
        and not _is_constructor(node)
        and (_count(node.args) > 7 or _takes_any_name(node, path))
    ]
    assert not wrong


def _count(arguments: ast.arguments) -> int:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([argument for argument in named if argument.arg not in ("self", "cls")])


def _takes_any_name(node: ast.FunctionDef | ast.AsyncFunctionDef, path: Path) -> bool:
    private = node.name.startswith("_") or (path.name, node.name) in MAY_TAKE_ANY_NAME
    return node.args.kwarg is not None and not private


def _is_verb(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("app.command" in ast.unparse(decorator) for decorator in node.decorator_list)


def _is_constructor(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """scikit-learn's contract wants every parameter of an estimator in its ``__init__``."""
    return node.name == "__init__"


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name not in MAY_PRINT], ids=lambda path: str(path.relative_to(SOURCE))
)
def test_only_the_terminal_prints(path: Path) -> None:
    prints = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write")
    ]
    assert not prints


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_says_what_its_noun_is(path: Path) -> None:
    """Empty ``__init__.py`` aside, a file begins with what it is about."""
    tree = _tree(path)
    assert not tree.body or ast.get_docstring(tree)


def test_a_model_file_is_never_unpickled() -> None:
    """No file imports pickle or its like, and NumPy is never told to."""
    texts = {path: path.read_text(encoding="utf-8") for path in FILES}
    assert not [path.name for path, text in texts.items() if "import pickle" in text or "allow_pickle=True" in text]
    assert not [path.name for path in FILES for node in ast.walk(_tree(path)) if _calls(node, ("eval", "exec"))]


def _calls(node: ast.AST, names: tuple[str, ...]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
