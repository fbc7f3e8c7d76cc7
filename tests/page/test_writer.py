"""The writer: one file, whole or not at all, that holds every module, loads nothing and runs nothing from the data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lamina.errors import OutputError, RunError
from lamina.page import writer
from lamina.page.writer import embedded, inlined, page, write
from lamina.views.record import read
from lamina.views.run import view, view_record


class Page(HTMLParser):
    """The elements and the raw content of scripts and styles, as a browser would cut them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = dict(attrs).get("type") or tag if tag in ("script", "style", "title") else ""

    def handle_data(self, data):
        if self._open:
            self.raw[self._open] = self.raw.get(self._open, "") + data

    def handle_endtag(self, tag):
        self._open = ""


@pytest.mark.parametrize("kind", ["penguins", "pictures", "prices", "diverged", "hostile"])
def test_the_page_holds_its_values_and_nothing_else(made_run, kind):
    folder = made_run(kind)
    parsed = Page(write(folder).read_text(encoding="utf-8"))
    held = json.loads(parsed.raw["application/json"])
    assert held.pop("inside") == {"absent": "The run has no model yet: it is shipped when the run is finished."}
    assert held == view(folder)
    tags = [tag for tag, _ in parsed.tags]
    assert tags.count("script") == 2
    assert "img" not in tags
    assert "link" not in tags
    assert "iframe" not in tags


def test_the_policy_names_the_script_and_the_style_by_their_hashes(made_run):
    parsed = Page(write(made_run("hostile")).read_text(encoding="utf-8"))
    policy = next(
        a["content"] or ""
        for tag, a in parsed.tags
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    for name in ("module", "style"):
        digest = base64.b64encode(hashlib.sha256(parsed.raw[name].encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_loads_nothing(made_run):
    parsed = Page(write(made_run("penguins")).read_text(encoding="utf-8"))
    addresses = re.findall(r"https?://[^\"'\s)]+", parsed.raw["module"] + parsed.raw["style"])
    assert set(addresses) == {"http://www.w3.org/2000/svg"}, "the name space of SVG is a name, not a load"
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|WebSocket|importScripts|innerHTML|outerHTML|insertAdjacentHTML|eval)\b",
        parsed.raw["module"],
    )
    assert "@import" not in parsed.raw["style"]
    assert "url(" not in parsed.raw["style"]
    assert all(not attributes.keys() & {"src", "href", "srcset"} for _, attributes in parsed.tags)


@pytest.mark.parametrize(
    "text", ["</script>", "<!--<script>", "&lt;", "\u2028\u2029", "\udcff", "a\x00b", "{{script}}"]
)
def test_any_text_survives_being_embedded(text):
    inside = embedded({"text": text})
    assert json.loads(inside) == {"text": text}
    assert not set("<>&\u2028\u2029") & set(inside)
    assert inside.isascii()


def test_every_module_is_inlined_once_and_after_what_it_imports():
    script = inlined("report.js")
    order = re.findall(r'^modules\["([\w.]+)"\] = ', script, re.MULTILINE)
    assert len(order) == len(set(order))
    for name in order:
        body = script.partition(f'modules["{name}"] = ')[2].partition("\n})();\n")[0]
        for needed in re.findall(r'= modules\["([\w.]+)"\];', body):
            assert order.index(needed) < order.index(name)
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """A folder of modules of one's own."""
    monkeypatch.setattr(writer, "STATIC", tmp_path)
    for cached in (writer.inlined, writer._read):
        cached.cache_clear()

    def make(**files: str):
        for name, text in files.items():
            (tmp_path / f"{name}.js").write_text(text)

    yield make
    for cached in (writer.inlined, writer._read):
        cached.cache_clear()


def test_the_inliner_by_hand(modules):
    modules(
        a='import { two as zwei } from "./b.js";\nimport * as b from "./b.js";\nexport const one = zwei + b.two;\n',
        b="export function two() {}\n",
    )
    assert inlined("a.js") == (
        '"use strict";\nconst modules = {};\n'
        'modules["b.js"] = (() => {\nfunction two() {}\n\nreturn { two };\n})();\n'
        'modules["a.js"] = (() => {\nconst { two: zwei } = modules["b.js"];\nconst b = modules["b.js"];\n'
        "const one = zwei + b.two;\n\n"
        "return { one };\n})();\n"
    )


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('import { b } from "./b.js";\nexport const a = 1;\n', "in a circle"),
        ("export default 1;\n", "can't be inlined"),
        ('import "https://example.org/x.js";\n', "can't be inlined"),
        ('export const a = "</script>";\n', "end its script element"),
    ],
)
def test_what_the_inliner_does_not_understand_it_refuses(modules, source, complaint):
    modules(a=source, b='import { a } from "./a.js";\nexport const b = 1;\n')
    with pytest.raises(ValueError, match=complaint):
        inlined("a.js")


def test_writing_again_replaces_the_page_and_leaves_nothing_else(made_run):
    folder = made_run("diverged")
    before = {p.name for p in folder.iterdir()}
    (folder / "report.html").write_text("old")
    assert write(folder) == folder / "report.html"
    assert {p.name for p in folder.iterdir()} == before | {"report.html"}
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_a_page_that_cannot_be_written_is_an_output_error(made_run):
    folder = made_run("diverged")
    (folder / "report.html").mkdir()
    with pytest.raises(OutputError, match="can't be written"):
        write(folder)
    assert not list(folder.glob(".*.new"))


def test_no_run_no_page(tmp_path: Path):
    with pytest.raises(RunError):
        write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_large_run_makes_a_page_under_a_megabyte_and_a_half(made_run):
    made = read(made_run("penguins"))
    history = tuple({**made.history[e % 120], "epoch": e + 1} for e in range(500))
    members = [{**m, "epochs": 500} for m in made.run["members"]]
    columns = made.run["schema"]["columns"] * 30
    record = type(made)(
        {**made.run, "members": members, "schema": {**made.run["schema"], "columns": columns}}, history, made.answers
    )
    assert len(page(view_record(record)).encode()) < 1_500_000


def test_the_page_itself_is_small():
    assert len(page({"name": "nothing"})) < 310_000
