"""The one door: each kind of source comes to its reader, and what is none is refused."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lamina.data import Reading, read, split, test_fraction
from lamina.data.image import preprocessing_of, read_labelled
from lamina.errors import DataError, LaminaError, OptionError, TargetError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 5, 5)).astype(np.uint8)
LABELS = np.array(["cat", "dog", "mouse"] * 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, label in enumerate(LABELS):
        (tmp_path / "set" / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS[i]).save(tmp_path / "set" / label / f"{i:02}.png")
    return tmp_path / "set"


def test_a_folder_a_zip_an_npz_and_a_pair_hold_the_same_examples(folder: Path) -> None:
    with zipfile.ZipFile(folder.parent / "set.zip", "w") as archive:
        for file in folder.rglob("*.png"):
            archive.write(file, file.relative_to(folder))
    np.savez(folder.parent / "set.npz", X=PIXELS, y=LABELS)
    sources: list[Any] = [folder, str(folder.parent / "set.zip"), folder.parent / "set.npz", (PIXELS, LABELS)]
    made = [read(source) for source in sources]
    for one in made:
        assert one.task.classes == ("cat", "dog", "mouse")
        assert sorted(one.hashes) == sorted(made[0].hashes)  # whatever the file, the same rows are held out
    assert len({frozenset(one.hashes[split(one).parts[0].test].tolist()) for one in made}) == 1


def test_tables_come_to_the_reader_of_tables(tmp_path: Path) -> None:
    rows = [f"{i},{i * i % 7},{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["u,v,label", *rows]))
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.write(tmp_path / "t.csv", "t.csv")
    for source in (tmp_path / "t.csv", str(tmp_path / "t.zip")):
        made = read(source, Reading(target="label"))
        assert (made.kind, len(made), made.task.classes) == ("table", 20, ("a", "b"))
    numbers = np.column_stack([np.arange(30.0), np.arange(30) % 5, np.arange(30) % 2])
    made = read(numbers, Reading(target="-1"))
    assert (made.kind, made.task.classes) == ("table", ("0", "1"))


def test_samples() -> None:
    assert read("sample:penguins").task.target == "species"
    assert read("sample:penguins", Reading(target="island")).task.target == "island"
    with pytest.raises(DataError, match="no sample 'sample:iris'"):
        read("sample:iris")


def test_a_test_file_beside_a_table(tmp_path: Path) -> None:
    rows = [f"{i},{i * i % 7},{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "train.csv").write_text("\n".join(["u,v,label", *rows]))
    (tmp_path / "test.csv").write_text("\n".join(["u,v,label", *rows[:4]]))
    made = read(tmp_path / "train.csv", Reading(target="label", test=str(tmp_path / "test.csv")))
    assert made.fixed_test is not None
    assert made.fixed_test.sum() == 4


def test_a_test_folder_beside_images(folder: Path) -> None:
    made = read(folder, Reading(test=str(folder)))
    assert made.fixed_test is not None
    assert (len(made), made.fixed_test.sum()) == (24, 12)
    with pytest.raises(DataError, match="There is no"):
        read(folder, Reading(test=str(folder / "none")))
    with pytest.raises(OptionError, match="--test"):
        read((PIXELS, LABELS), Reading(test="held.csv"))


def test_options_of_the_other_kind_are_refused() -> None:
    readings = [Reading(group="x1"), Reading(split_by_time="day"), Reading(drop=("a",)), Reading(types={"a": "number"})]
    for reading in readings:
        with pytest.raises(OptionError, match="holds images"):
            read((PIXELS, LABELS), reading)
    with pytest.raises(OptionError, match="--target"):
        read((PIXELS, LABELS), Reading(target="species"))
    assert read((PIXELS, LABELS), Reading(target="class")).task.target == "class"
    with pytest.raises(OptionError, match="--image-size"):
        read("sample:penguins", Reading(image_size=(8, 8)))


def test_a_folder_of_tables_names_them(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path, Reading(target="b"))
    assert str(tmp_path / "t.csv") in caught.value.mend


@pytest.mark.parametrize(("text", "share"), [("0.2", 0.2), ("test.csv", None), (None, None)])
def test_a_share_or_a_file(text: str | None, share: float | None) -> None:
    assert test_fraction(Reading(test=text)) == share


@pytest.mark.parametrize("text", ["0", "1.5", "-0.1", "nan", "20"])
def test_a_number_that_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        test_fraction(Reading(test=text))


def test_sources_that_are_none_are_refused(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[0]).save(tmp_path / "one.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.zip").write_bytes(b"PK\x05\x06 no")
    (tmp_path / "bad.npz").write_bytes(b"no")
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr("../evil.csv", "a,b\n1,2\n")
    places = [tmp_path / name for name in ("none.csv", "none", "one.png", "empty", "bad.zip", "bad.npz", "out.zip")]
    for source in (*places, np.zeros(3), np.zeros((3, 2, 2)), (PIXELS, LABELS[:3]), (3, 4)):
        with pytest.raises(LaminaError) as caught:
            read(source, Reading(target="a"))
        assert caught.value.exit_code == 2
        assert caught.value.mend
    assert not (tmp_path.parent / "evil.csv").exists()


def test_labelled_images_to_judge_a_model_on(folder: Path, tmp_path: Path) -> None:
    made = read(folder)
    np.savez(tmp_path / "set.npz", X=PIXELS, y=LABELS)
    preprocessing = preprocessing_of(made)
    sources: list[Any] = [folder, tmp_path / "set.npz", (PIXELS, LABELS)]
    for source in sources:
        inputs, targets, _ = read_labelled(source, preprocessing, task=made.task)
        for label in range(3):
            assert {p.tobytes() for p in inputs[targets == label]} == {
                p.tobytes() for p in PIXELS[made.task.classes[label] == LABELS]
            }
    with pytest.raises(TargetError, match="'wolf'"):
        read_labelled((PIXELS[:1], ["wolf"]), preprocessing, task=made.task)
    with pytest.raises(DataError, match="There is no"):
        read_labelled(folder / "none", preprocessing, task=made.task)


def test_importing_data_loads_nothing_heavy() -> None:
    program = (
        "import sys, lamina.data; print([m for m in ('jax', 'PIL', 'duckdb', 'sklearn', 'scipy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
