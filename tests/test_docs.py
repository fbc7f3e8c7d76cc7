"""What the documents show is true: their Python runs, and the files they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKS = [
    pytest.param(block, id=f"{file.name}-{at}")
    for file in sorted((ROOT / "docs").glob("*.md"))
    for at, block in enumerate(re.findall(r"```python\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_python_of_the_documents_runs(block: str) -> None:
    exec(compile(block, "docs", "exec"), {})


DOCS = ("notation", "files", "memory", "sequences", "studio")
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{name}.md" for name in DOCS)]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_the_file_map_names_files_that_are_there() -> None:
    rows = re.findall(r"^\| (`.+?`(?: `.+?`)*) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(names) > 15
    places = (ROOT, ROOT / "src" / "lamina")
    assert [name for name in names if not any((place / name).exists() for place in places)] == []
