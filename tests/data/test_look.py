"""What is seen in a file before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lamina.data.examples import Reading
from lamina.data.look import look
from lamina.errors import DataError, TargetError


def test_a_table_with_its_target() -> None:
    seen = look("sample:penguins", Reading(target="species"))
    assert (seen["kind"], seen["rows"], seen["task"], seen["target"]) == ("table", 344, "classification", "species")
    assert seen["classes"] == {"Adelie": 152, "Chinstrap": 68, "Gentoo": 124}
    assert [column["name"] for column in seen["columns"]][:2] == ["species", "island"]


def test_without_a_clear_target_it_is_a_table_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b,c\n" + "\n".join(f"{i},{i * i % 17},{i * 3 % 7 + 0.5}" for i in range(20)) + "\n")
    seen = look(str(path))
    assert seen["task"] is None
    assert [column["name"] for column in seen["columns"]] == ["a", "b", "c"]
    assert seen["target"] == "No target is named, and none is called like one."
    assert "--target" in seen["mend"]


def test_a_target_that_was_named_and_is_not_there_is_refused() -> None:
    with pytest.raises(TargetError):
        look("sample:penguins", Reading(target="colour"))


def test_images_have_classes(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros((6, 4, 4), np.uint8), y=np.array(["a", "b"] * 3))
    seen = look(str(path))
    assert (seen["kind"], seen["classes"]) == ("image", {"a": 3, "b": 3})


def test_what_is_no_file_is_refused() -> None:
    with pytest.raises(DataError):
        look("nowhere.csv")
