"""The page's modules: those without a DOM under node's test runner, all of them by what they may not do and weigh."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lamina.page.lean import lean
from lamina.page.writer import STATIC

NODE = shutil.which("node")
TESTS = Path(__file__).parent / "static"
MODULES = sorted(STATIC.glob("*.js"))
IMPORTED = re.compile(r'^(?:import|export)[^;]*? from "([^"]+)"|import\("([^"]+)"\)', re.MULTILINE)
OF_THE_FILE = ("report.html", "report.js")
FORBIDDEN = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser")


@pytest.mark.skipif(NODE is None, reason="no node to run the modules' own tests with")
def test_the_modules_own_tests_pass():
    files = map(str, sorted(TESTS.glob("*.test.mjs")))
    done = subprocess.run([str(NODE), "--test", *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.skipif(NODE is None, reason="no node to read the modules with")
def test_every_module_can_be_read():
    script = (
        "const { readFileSync } = require('fs'), { SourceTextModule } = require('vm');"
        "for (const path of process.argv.slice(1)) "
        "new SourceTextModule(readFileSync(path, 'utf8'), { identifier: path });"
    )
    command = [str(NODE), "--experimental-vm-modules", "--no-warnings", "-e", script, "--", *map(str, MODULES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_never_makes_markup_and_imports_what_is_there(module):
    text = module.read_text(encoding="utf-8")
    assert not [word for word in FORBIDDEN if word in text]
    for found in IMPORTED.finditer(text):
        name = found[1] or found[2]
        assert name.startswith("."), f"{module.name} imports {name}, which is not of this page"
        assert (module.parent / name).resolve().is_file(), f"{module.name} imports {name}, which isn't there"


def test_no_module_is_dead():
    def reached(name: str, found: set[str]) -> set[str]:
        if name not in found:
            found.add(name)
            for match in IMPORTED.finditer((STATIC / name).read_text(encoding="utf-8")):
                reached(Path(match[1] or match[2]).name, found)
        return found

    views = {path.name for path in STATIC.glob("view_*.js")}  # by name, when they are first shown
    used = set[str]()
    for entry in ("report.js", "studio.js", "recorder_tap.js", *views):
        reached(entry, used)
    assert used == {path.name for path in MODULES}


def test_nothing_but_the_studio_itself_is_loaded():
    for path in [*MODULES, *STATIC.glob("*.css"), *STATIC.glob("*.html")]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\((?!\"?data:)", text), path.name


def test_the_whole_page_weighs_at_most_500_kb():
    """As it is sent; what the report alone has isn't."""
    files = [path for path in STATIC.iterdir() if path.name not in OF_THE_FILE]
    sent = [lean(path.read_text(encoding="utf-8"), path.suffix) for path in files]
    assert sum(len(text.encode()) for text in sent) <= 500_000


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_text_runs_over_lines_which_lose_their_indentation_on_the_way(module):
    assert not [line for line in module.read_text(encoding="utf-8").splitlines() if line.count("`") % 2]
