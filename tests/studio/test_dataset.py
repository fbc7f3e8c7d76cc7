"""A data file before there is a run: its schema as a report shows it, and the command that trains."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from lamina.studio.dataset import dataset


def test_a_table_without_a_clear_target_asks_for_one(tmp_path: Path) -> None:
    path = tmp_path / "two words.csv"
    path.write_text("a,b\n" + "\n".join(f"{i},{'xy'[i % 2]}" for i in range(20)) + "\n")
    shown = dataset(str(path))
    assert shlex.split(shown["command"]) == ["lamina", "train", str(path), "--target", "b"]
    assert shown["commands"][0] == shown["command"]
    assert shown["task"] is None
    assert [column["name"] for column in shown["schema"]["columns"]] == ["a", "b"]
    assert shown["schema"]["columns"][0]["histogram"] or shown["schema"]["columns"][0]["range"]
    json.dumps(shown, allow_nan=False)


def test_a_kind_with_its_labels_needs_no_target() -> None:
    shown = dataset("sample:digits")
    assert shown["command"] == "lamina train sample:digits"
    assert (shown["kind"], shown["rows"], len(shown["classes"])) == ("image", 1797, 10)


def test_no_data_is_said() -> None:
    assert "absent" in dataset(None)
