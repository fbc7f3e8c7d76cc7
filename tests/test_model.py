"""Model files: exact, and safe against whatever a stranger sends."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lamina import model as models
from lamina.data.examples import Reading
from lamina.data.labelled import table_examples
from lamina.data.preprocess import TablePreprocessing
from lamina.errors import ModelFileError, SchemaError
from lamina.model import Model, NetworkPart, load
from lamina.network import Dense, Sequential, build, complete, leaves
from lamina.training.vector import Layout


@pytest.fixture(scope="module")
def model() -> Model:
    """Two networks with weights as drawn, behind preprocessings fitted on different rows of the penguins."""
    examples = table_examples("sample:penguins", Reading(target="species"))
    parts = []
    for seed, rows in enumerate((np.arange(0, 300), np.arange(100, 340))):
        fitted = TablePreprocessing.fit(examples.schema, examples.inputs, rows)  # type: ignore[arg-type]
        width = (fitted.numbers + len(fitted.cardinalities),)
        network = complete(
            Sequential([Dense(5)]), width, 3, kind="table", columns=(fitted.numbers, fitted.cardinalities)
        )
        built = build(network, width, seed)
        vector = np.asarray(Layout.of(built).pack(leaves(built, "parameter")))
        parts.append(NetworkPart(network, width, "cross entropy", fitted, vector, {}))
    return Model(examples.task, "table", tuple(parts), {"run": "made up", "header": None})


@pytest.fixture
def file(model: Model, tmp_path: Path) -> Path:
    return model.save(tmp_path / "model.lamina")


def test_a_model_comes_back_to_the_bit(model: Model, file: Path) -> None:
    back = load(file)
    before, after = model.predict("sample:penguins"), back.predict("sample:penguins")
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    np.testing.assert_array_equal(before.labels, after.labels)
    assert back.task == model.task
    assert back.about["run"] == "made up"


def test_equal_models_are_equal_files(model: Model, file: Path, tmp_path: Path) -> None:
    assert model.save(tmp_path / "again.lamina").read_bytes() == file.read_bytes()


def test_the_answer_is_the_mean_of_the_networks(model: Model) -> None:
    both = model.predict("sample:penguins").probabilities
    each = [
        Model(model.task, "table", (part,), model.about).predict("sample:penguins").probabilities
        for part in model.parts
    ]
    np.testing.assert_allclose(both, (each[0] + each[1]) / 2, rtol=1e-6)
    np.testing.assert_allclose(both.sum(axis=1), 1, rtol=1e-5)


def test_it_holds_json_and_safetensors_and_nothing_else(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == ["model.json", "weights.safetensors"]
        facts = json.loads(archive.read("model.json"))
    assert facts["task"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]


@pytest.mark.parametrize("tenth", range(10))
def test_truncated_at_every_tenth_it_is_refused(file: Path, tenth: int) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(ModelFileError, match="truncated"):
        load(file)


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.9, 0.9999])
def test_altered_anywhere_it_is_refused(file: Path, where: float) -> None:
    content = bytearray(file.read_bytes())
    content[int(where * len(content))] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(ModelFileError):
        load(file)


def sealed(entries: dict[str, bytes]) -> bytes:
    """A zip with a digest that fits: what somebody who knows the format could send."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        archive.comment = models.DIGEST + b"0" * 64
    content = buffer.getvalue()[:-64]
    return content + hashlib.sha256(content).hexdigest().encode()


def test_a_path_out_of_its_folder_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "m.lamina").write_bytes(sealed({"../evil.txt": b"x", "model.json": b"{}", "weights.safetensors": b""}))
    with pytest.raises(ModelFileError, match="evil"):
        load(inside / "m.lamina")
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["m.lamina"]


def entries(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f["networks"][0]["network"].update(kind="os.system"),
        lambda f: f["networks"][0].update(shape=[3]),
        lambda f: f.update(members=[]),
        lambda f: f["members"][0].update(network=9),
        lambda f: f.pop("task"),
        lambda f: f["preprocessings"].clear(),
        lambda f: f.update(networks="x"),
    ],
)
def test_contents_that_do_not_fit_are_refused(file: Path, change: Any) -> None:
    held = entries(file)
    facts = json.loads(held["model.json"])
    change(facts)
    file.write_bytes(sealed({**held, "model.json": json.dumps(facts).encode()}))
    with pytest.raises(ModelFileError):
        load(file)


@pytest.mark.parametrize("facts", [b"[1, 2]", b"\x80\x04pickle", b"{", b'{"format": 1, "members": [' + b"[" * 100_000])
def test_nonsense_for_json_is_refused(file: Path, facts: bytes) -> None:
    file.write_bytes(sealed({**entries(file), "model.json": facts}))
    with pytest.raises(ModelFileError):
        load(file)


def test_a_pickle_in_its_place_is_never_opened(tmp_path: Path) -> None:
    import os
    import pickle

    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "exploded"),)

    (tmp_path / "m.lamina").write_bytes(
        sealed({"model.json": b'{"format": 1}', "weights.safetensors": pickle.dumps(Bomb())})
    )
    with pytest.raises(ModelFileError):
        load(tmp_path / "m.lamina")
    assert not (tmp_path / "exploded").exists()


def test_another_format_version_is_refused(file: Path) -> None:
    held = entries(file)
    facts = json.loads(held["model.json"]) | {"format": 2}
    file.write_bytes(sealed({**held, "model.json": json.dumps(facts).encode()}))
    with pytest.raises(ModelFileError, match="format version 2"):
        load(file)


def test_the_first_preprocessing_with_something_to_say_is_heard(model: Model) -> None:
    """Each fold saw other words: what the first knows may be new to the second."""
    part = model.parts[0]
    silent: Any = SimpleNamespace(transform=part.preprocessing.transform, notes=lambda table: ())
    two = replace(model, parts=(replace(part, preprocessing=silent), part))
    row = {"island": "Atlantis", "bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181.0}
    row |= {"body_mass_g": 3750.0, "sex": "male", "year": 2007}
    table, *_ = model.read({name: [value] for name, value in row.items()})
    answers, notes = two.outputs(table)
    assert {note.kind for note in notes} == {"unseen-categories"}
    np.testing.assert_array_equal(answers, replace(model, parts=(part,)).outputs(table)[0])


def test_predicting_says_what_is_missing_and_what_is_ignored(model: Model, tmp_path: Path) -> None:
    header, first = (
        "island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year",
        "Torgersen,39.1,18.7,181,3750,male,2007",
    )
    (tmp_path / "new.csv").write_text(f"{header},extra\n{first},1\nAtlantis,,18,190,NA,female,2008,2\n")
    answers = model.predict(str(tmp_path / "new.csv"))
    assert answers.names.tolist() == ["line 2", "line 3"]
    assert {note.kind for note in answers.notes} >= {"extra-columns", "unseen-categories"}
    (tmp_path / "short.csv").write_text("island,bill_length_mm\nTorgersen,39.1\nBiscoe,40\n")
    with pytest.raises(SchemaError, match="bill_depth_mm"):
        model.predict(str(tmp_path / "short.csv"))
    (tmp_path / "words.csv").write_text(f"{header}\n{first.replace('181', 'long')}\n{first}\n")
    with pytest.raises(SchemaError, match=r"flipper_length_mm(.|\n)*long"):
        model.predict(str(tmp_path / "words.csv"))
