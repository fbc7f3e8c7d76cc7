"""The writer: a run's views and the page's modules in one file, report.html, that opens offline and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from lamina.files import write_whole
from lamina.page.lean import lean
from lamina.views.opened import Opened
from lamina.views.run import view
from lamina.views.within import within

STATIC = Path(__file__).parent / "static"
SHEETS = ("style.css", "studio.css", "network.css")
IMPORT = re.compile(r'^import (?P<names>\{[^}]*\}|\* as \w+) from "\./(?P<module>[\w.]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (?P<name>\w+))", re.MULTILINE)


def write(folder: str | Path) -> Path:
    """Write report.html into a run's folder and return its path.

    The file is written beside its name and renamed, so that a reader never sees half of it. Raises RunError where the
    run can't be read and OutputError where the file can't be written.
    """
    path = Path(folder) / "report.html"
    write_whole(path, page(values(folder)).encode())
    return path


def values(folder: str | Path) -> dict[str, Any]:
    """What the file holds: all views of a run, and as "inside" what its network computed for some of its examples."""
    return {**view(folder), "inside": within(Opened(Path(folder).name, Path(folder)))}


def page(held: dict[str, Any]) -> str:
    """The whole page with its values.

    A Content-Security-Policy allows the one script and the one style sheet by their hashes, pictures from data:
    addresses, and nothing else: markup that slipped through could neither run nor load anything.
    """
    script, style = inlined("report.js"), "".join(map(_read, SHEETS))
    policy = (
        f"default-src 'none'; img-src data:; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": html.escape(policy, quote=False),
        "title": html.escape(f"{held['name']} – Lamina"),
        "style": style,
        "values": embedded(held),
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda m: parts[m[1]], _read("report.html"))


def embedded(values: Any) -> str:
    """Values as JSON that can stand inside a script element, whatever text is in them.

    >>> embedded("</script>")
    '"\\\\u003c/script\\\\u003e"'
    """
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)  # ASCII only: U+2028 and lone surrogates too
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def inlined(entry: str) -> str:
    """The modules that ``entry`` needs as one script: browsers refuse to import modules from file:// addresses.

    Each module becomes a function that returns its exports, the imported first. Understood are ``import {a, b} from
    "./x.js";``, ``import * as x from "./x.js";`` and ``export function|const|class``, each at the start of a line.
    """
    order: list[str] = []
    _visit(entry, order, ())
    script = '"use strict";\nconst modules = {};\n' + "".join(_wrapped(name) for name in order)
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError(f"A module of {entry} holds text that would end its script element.")
    return script


def _visit(name: str, order: list[str], path: tuple[str, ...]) -> None:
    """Depth first: what a module imports comes before it."""
    if name in path:
        raise ValueError(f"Modules import each other in a circle: {' -> '.join((*path, name))}.")
    if name in order:
        return
    for match in IMPORT.finditer(_read(name)):
        _visit(match["module"], order, (*path, name))
    order.append(name)


def _wrapped(name: str) -> str:
    """A module as a function called once."""
    source = _read(name)
    exports = [match["name"] for match in EXPORT.finditer(source)]
    body = EXPORT.sub("", IMPORT.sub(_imported, source))
    if left := re.search(r"^\s*(import|export)\b.*", body, re.MULTILINE):
        raise ValueError(f"{name} has a line that can't be inlined: {left[0].strip()}")
    return f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {", ".join(exports)} }};\n}})();\n'


def _imported(match: re.Match[str]) -> str:
    names = match["names"].replace(" as ", ": ") if match["names"].startswith("{") else match["names"].split()[-1]
    return f'const {names} = modules["{match["module"]}"];\n'


@cache
def _read(name: str) -> str:
    return lean((STATIC / name).read_text(encoding="utf-8"), Path(name).suffix)


def _hash(text: str) -> str:
    """A text as a Content-Security-Policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
