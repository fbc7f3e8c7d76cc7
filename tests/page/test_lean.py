"""What is sent of a module is what was written, without remarks and indentation."""

from __future__ import annotations

from lamina.page.lean import lean
from lamina.page.writer import STATIC


def test_lines_stay_where_they_are_and_code_stays_code():
    for path in STATIC.glob("*.js"):
        source = path.read_text(encoding="utf-8").splitlines()
        sent = lean("\n".join(source), ".js").splitlines()
        kept = ["" if line.lstrip().startswith("//") else line.lstrip() for line in source]
        assert sent == kept, path.name


def test_a_style_sheet_keeps_its_rules():
    text = (STATIC / "style.css").read_text(encoding="utf-8")
    sent = lean(text, ".css")
    assert "/*" not in sent
    assert sent.count("{") == text.count("{")
    assert sent.count("\n") == text.count("\n")
