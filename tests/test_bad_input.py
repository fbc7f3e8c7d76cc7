"""Bad input through the command line: each item of the list is refused with a way out, or handled and said.

Refused: exit code 2 (1 where the output is at fault), one message with what was given, what was expected and how to
mend it, no traceback, nothing left behind; where the mend is a command or an option, it is followed to the letter.
Handled: training succeeds, and the run, its report and, where it matters, its verdict say what was done.
"""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
import shlex
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lamina import cli
from lamina.errors import ModelFileError
from lamina.model import load
from lamina.network.notation import parse, write
from lamina.page.writer import embedded

DEFAULTS = {"--epochs": "1", "--learning-rate": "0.01", "--weight-decay": "0.01", "--network": "dense 4"}
QUICK = tuple(word for option in DEFAULTS.items() for word in option)
NAMES = ("length", "width", "colour", "kind")
KIND = ("kinds.csv", "--target", "kind")


# -- what the tests are made of ---------------------------------------------------------------------------------------


def rows(count: int = 60, seed: int = 0) -> list[list[str]]:
    """Two numbers and a word that tell a class: "small" in even rows, "large" in odd ones."""
    random = np.random.default_rng(seed)
    made = []
    for row in range(count):
        kind = row % 2
        colour = ("red", "green")[int(random.random() < 0.2 + 0.6 * kind)]
        made.append([f"{random.normal(3 * kind):.3f}", f"{random.normal(-kind):.3f}", colour, ("small", "large")[kind]])
    return made


def table(
    path: str | Path,
    cells: Sequence[Sequence[str]] | None = None,
    names: Sequence[str] | None = NAMES,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerows([*([names] if names else []), *(rows() if cells is None else cells)])
    Path(path).write_bytes(text.getvalue().encode(encoding))
    return Path(path)


def changed(at: int, value: str | Callable[[str], str], count: int = 60) -> list[list[str]]:
    """The rows with another value in one column."""
    new = value if callable(value) else lambda _: value
    return [[new(cell) if i == at else cell for i, cell in enumerate(row)] for row in rows(count)]


def pictures(folder: str | Path, *, classes: Sequence[str] = ("cats", "dogs"), count: int = 8, side: int = 6) -> Path:
    """Dark images in the first class folder, bright ones in the others."""
    random = np.random.default_rng(1)
    for at, name in enumerate(classes):
        (Path(folder) / name).mkdir(parents=True)
        for i in range(count):
            levels = np.clip(random.normal(80 + 90 * min(at, 1), 30, (side, side)), 0, 255).astype(np.uint8)
            Image.fromarray(levels).save(Path(folder) / name / f"{i}.png")
    return Path(folder)


@dataclass(frozen=True)
class Said:
    """How a command ended: its exit code, its JSON object, and all that it printed."""

    code: int
    json: dict[str, Any]
    text: str


@pytest.fixture
def lamina(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs a verb with ``--json``."""

    def run(*words: Any) -> Said:
        capsys.readouterr()
        code = cli.run_command([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code, json.loads(out.splitlines()[-1]), out + err)

    return run


@pytest.fixture
def train(lamina: Callable[..., Said]) -> Callable[..., Said]:
    """Trains for a moment."""

    def run(*words: Any) -> Said:
        rest = [word for option in DEFAULTS.items() if option[0] not in words for word in option]
        return lamina("train", *words, *rest)

    return run


@pytest.fixture
def refused(lamina: Callable[..., Said], tmp_path: Path) -> Callable[..., Said]:
    """Runs what must be refused, and checks all that holds for every refusal."""

    def run(*words: Any, code: int = 2) -> Said:
        before = contents(tmp_path)
        said = lamina(*words)
        assert said.code == code, said.text
        assert set(said.json) == {"error", "expected", "mend"}
        assert all(said.json.values()), said.json
        assert said.text.count("error ") == 1
        assert contents(tmp_path) == before
        return said

    return run


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every folder and file below a folder, and what is in it."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def commands(mend: str) -> list[list[str]]:
    """The words behind "lamina" of the commands that a mend gives, each on a line of its own."""
    lines = [line.strip() for line in mend.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("lamina ")]


@dataclass(frozen=True)
class Trained:
    """What a training left: run.json and the report, in which each note must be."""

    run: dict[str, Any]
    report: str

    def note(self, kind: str) -> str:
        """The note of a kind, which the report shows, and the verdict too if it matters."""
        (note,) = (note for note in self.run["notes"] if note["kind"] == kind)
        assert embedded(note["text"])[1:-1] in self.report
        assert note["matters"] == (note["text"] in self.run["verdict"]["notes"])
        return note["text"]

    def column(self, name: str) -> dict[str, Any]:
        return next(column for column in self.run["schema"]["columns"] if column["name"] == name)


@pytest.fixture
def handled(train: Callable[..., Said]) -> Callable[..., Trained]:
    """Trains on what must be handled, and gives what it left."""

    def run(*words: Any) -> Trained:
        said = train(*words)
        assert said.code == 0, said.text
        assert 0 <= said.json["score"] <= 1
        folder = Path(said.json["report"]).parent
        return Trained(json.loads((folder / "run.json").read_text()), (folder / "report.html").read_text())

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one judged run, "kinds", of one network."""
    folder = tmp_path_factory.mktemp("made")
    data = table(folder / "kinds.csv")
    words = ["train", data, "--target", "kind", "--test", "0.2", "--run", "kinds", "--runs", folder / "runs", *QUICK]
    assert cli.run_command([str(word) for word in words]) == 0
    return folder / "runs"


# -- refused: tables --------------------------------------------------------------------------------------------------


def test_no_such_file(refused: Callable[..., Said], train: Callable[..., Said]) -> None:
    table("kinds.csv")
    said = refused("train", "knds.csv", "--target", "kind")
    assert "knds.csv" in said.json["error"]
    assert said.json["mend"] == "There is kinds.csv."
    assert train("kinds.csv", "--target", "kind").code == 0


@pytest.mark.parametrize("content", ["", "\n \n\n"])
def test_empty_file(content: str, refused: Callable[..., Said]) -> None:
    Path("a.csv").write_text(content)
    assert "a.csv is empty" in refused("train", "a.csv", "--target", "kind").json["error"]


@pytest.mark.parametrize("content", ["a,b,c\n", "a,b,c"])
def test_header_only(content: str, refused: Callable[..., Said]) -> None:
    Path("a.csv").write_text(content)
    assert "no rows" in refused("train", "a.csv", "--target", "c").json["error"]


def test_one_column(refused: Callable[..., Said]) -> None:
    Path("a.csv").write_text("kind\nx\ny\nx\ny\n")
    assert 'one column, "kind"' in refused("train", "a.csv", "--target", "kind").json["error"]


def test_no_target_named(refused: Callable[..., Said], lamina: Callable[..., Said], train: Callable[..., Said]) -> None:
    """Every command that is offered works, also beside columns that can't be targets."""
    cells = [[*row, f"{at % 7 == 0}", "same", "rare" if at == 5 else "often"] for at, row in enumerate(rows())]
    table("a table.csv", cells, [*NAMES, "is it?", "constant", "lonely"])
    offered = commands(refused("train", "a table.csv").json["mend"])
    assert {words[-1] for words in offered} == {"length", "width", "colour", "kind", "is it?"}
    for _, *words in offered:
        assert lamina("check", *words).json["target"] == words[-1]
    table("kinds.csv")
    first, *_ = commands(refused("train", "kinds.csv").json["mend"])
    assert train(*first[1:]).code == 0


@pytest.mark.parametrize(("named", "meant"), [("knid", "kind"), ("KOLOUR", "colour"), ("9", None), ("zzz", None)])
def test_target_not_there(
    named: str, meant: str | None, refused: Callable[..., Said], train: Callable[..., Said]
) -> None:
    table("kinds.csv")
    said = refused("train", "kinds.csv", "--target", named)
    assert named in said.json["error"]
    options = [shlex.split(option) for option in said.json["mend"].split("   or   ")]
    assert meant is None or options[0] == ["--target", meant]
    assert train("kinds.csv", *options[0]).code == 0


def test_target_constant(refused: Callable[..., Said]) -> None:
    table("a.csv", changed(3, "small"))
    assert "constant: every row has small" in refused("train", "a.csv", "--target", "kind").json["error"]


def test_a_class_with_one_row(refused: Callable[..., Said], train: Callable[..., Said]) -> None:
    table("a.csv", [*rows(), ["1", "2", "red", "huge"]])
    said = refused("train", "a.csv", "--target", "kind")
    assert "huge" in said.json["error"]
    assert "line 62" in said.json["error"]
    subprocess.run(said.json["mend"], shell=True, check=True)
    assert train("without.csv", "--target", "kind").code == 0


def test_target_all_missing(refused: Callable[..., Said]) -> None:
    table("a.csv", changed(3, "?"))
    assert "missing" in refused("train", "a.csv", "--target", "kind").json["error"]


def test_every_feature_constant(refused: Callable[..., Said]) -> None:
    table("a.csv", [["1", "2", "red", row[3]] for row in rows()])
    error = refused("train", "a.csv", "--target", "kind").json["error"]
    assert all(part in error for part in ("length: all its values are 1", "colour: all its values are red"))


def test_every_feature_left_out(refused: Callable[..., Said], lamina: Callable[..., Said]) -> None:
    table("a.csv", [[f"n{at}", row[3]] for at, row in enumerate(rows())], ["name", "kind"])
    said = refused("train", "a.csv", "--target", "kind")
    assert lamina("check", "a.csv", "--target", "kind", *shlex.split(said.json["mend"])).code == 0


def test_words_for_numbers_at_prediction(made: Path, refused: Callable[..., Said], lamina: Callable[..., Said]) -> None:
    cells = rows(5)
    cells[2][0] = "tall"
    table("new.csv", cells)
    words = ("predict", made / "kinds", "new.csv", "-o", "out.csv")
    error = refused(*words).json["error"]
    assert all(part in error for part in ('"length"', '"tall"', "line 4"))
    cells[2][0] = ""  # as the mend says
    table("new.csv", cells)
    assert lamina(*words).json["rows"] == 5


def test_a_missing_column_at_prediction(made: Path, refused: Callable[..., Said], lamina: Callable[..., Said]) -> None:
    table("new.csv", [[row[0], row[2]] for row in rows(5)], ["length", "colour"])
    words = ("predict", made / "kinds", "new.csv", "-o", "out.csv")
    assert '"width"' in refused(*words).json["error"]
    table("new.csv", [[row[0], row[2], ""] for row in rows(5)], ["length", "colour", "width"])
    assert lamina(*words).json["rows"] == 5


# -- refused: images and zips -----------------------------------------------------------------------------------------


def test_an_empty_class_folder(refused: Callable[..., Said], train: Callable[..., Said]) -> None:
    (pictures("pets") / "birds").mkdir()
    assert "'birds'" in refused("train", "pets").json["error"]
    Path("pets/birds").rmdir()  # as the mend says
    assert train("pets").code == 0


@pytest.mark.parametrize("members", [["../evil.csv", "a.csv"], ["cats/../../evil.png", "cats/1.png", "dogs/1.png"]])
def test_a_zip_with_members_outside(members: list[str], refused: Callable[..., Said]) -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        for name in members:
            archive.writestr(name, "a,b\n1,2\n")
    assert "evil" in refused("train", "a.zip", "--target", "a").json["error"]


def zeros(count: int) -> tuple[bytes, int]:
    """A raw deflate stream of so many times a mebibyte of zeros, at a thousandth of it, and its length unpacked."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return block * count + b"\x03\x00", count << 20


def bomb(name: str, path: str, mebibytes: int = 2000) -> None:
    """A zip of one member that unpacks to two gigabytes, and says so."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        packed, size = zeros(mebibytes)
        archive.writestr(name, packed)
        info = archive.infolist()[0]
        info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, size


@pytest.mark.parametrize("member", ["a.csv", "cats/1.png"])
def test_a_zip_bomb(member: str, refused: Callable[..., Said]) -> None:
    bomb(member, "a.zip")
    assert "2,097,152,000 bytes" in refused("train", "a.zip", "--target", "a").json["error"]


def test_a_gzip_bomb(refused: Callable[..., Said]) -> None:
    Path("a.csv.gz").write_bytes(gzip.compress(b"a,b\n" + bytes(1 << 20)) * 200)
    assert "more than" in refused("train", "a.csv.gz", "--target", "a").json["error"]


def test_an_image_of_a_billion_pixels(refused: Callable[..., Said], train: Callable[..., Said]) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pictures("pets")
    head = struct.pack(">IIBBBBB", 32_000, 32_000, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    Path("pets/cats/huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    error = refused("train", "pets").json["error"]
    assert "cats/huge.png has 1,024,000,000 pixels" in error
    Path("pets/cats/huge.png").unlink()  # as the mend says
    assert train("pets").code == 0


# -- refused: models and runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenth", range(10))
def test_a_model_cut_at_a_tenth(tenth: int, made: Path, refused: Callable[..., Said]) -> None:
    content = (made / "kinds" / "model.lamina").read_bytes()
    Path("m.lamina").write_bytes(content[: len(content) * tenth // 10])
    table("new.csv")
    assert "truncated" in refused("predict", "m.lamina", "new.csv", "-o", "out.csv").json["error"]
    assert "truncated" in refused("evaluate", "m.lamina", "new.csv").json["error"]


def test_a_model_cut_at_every_tenth_byte(made: Path) -> None:
    shutil.copy(made / "kinds" / "model.lamina", "m.lamina")
    for length in range(Path("m.lamina").stat().st_size - 1, -1, -10):
        os.truncate("m.lamina", length)
        with pytest.raises(ModelFileError, match="truncated"):
            load("m.lamina")


def test_a_model_altered_anywhere(made: Path, refused: Callable[..., Said]) -> None:
    content = (made / "kinds" / "model.lamina").read_bytes()
    table("new.csv")
    for at in range(0, len(content), len(content) // 9):
        Path("m.lamina").write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert "m.lamina" in refused("predict", "m.lamina", "new.csv", "-o", "out.csv").json["error"]


def test_a_run_name_that_exists(refused: Callable[..., Said], train: Callable[..., Said]) -> None:
    table("kinds.csv")
    assert train(*KIND, "--run", "mine").code == 0
    said = refused("train", *KIND, "--run", "mine")
    assert "mine" in said.json["error"]
    assert train(*KIND, *shlex.split(said.json["mend"])).json["run"] == "mine-2"


@pytest.mark.parametrize("verb", [("show", "old"), ("train", "--resume", "old")])
def test_a_run_of_another_format_version(verb: tuple[str, ...], made: Path, refused: Callable[..., Said]) -> None:
    shutil.copytree(made / "kinds", "runs/old")
    facts = json.loads(Path("runs/old/run.json").read_text())
    Path("runs/old/run.json").write_text(json.dumps({**facts, "format": 2}))
    said = refused(*verb)
    assert "format version 2" in said.json["error"]
    assert "ersion 1" in said.json["expected"]


# -- refused: numbers and networks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "part"),
    [
        ("--learning-rate", "-0.01", "learning rate is -0.01"),
        ("--learning-rate", "nan", "learning rate is nan"),
        ("--epochs", "0", "epochs is 0"),
        ("--positive", "smal", '"smal"'),
        ("--metric", "acuracy", '"acuracy"'),
    ],
)
def test_a_value_out_of_range(
    option: str, value: str, part: str, refused: Callable[..., Said], train: Callable[..., Said]
) -> None:
    table("kinds.csv")
    said = refused("train", *KIND, option, value)
    assert part in said.json["error"]
    mended = shlex.split(said.json["mend"])
    assert mended[0] == option
    assert train(*KIND, *mended).code == 0


@pytest.mark.parametrize(
    ("option", "value", "mend"),
    [
        ("--optimizer", "adammw", "--optimizer adamw"),
        ("--schedule", "cosin", "--schedule cosine"),
        ("--loss", "fokal", "--loss focal"),
        ("--test", "1.5", "--test 0.2"),
        ("--validation", "0", "--validation 0.2"),
        ("--drop", "widht", "Did you mean width or kind?"),
    ],
)
def test_a_word_that_is_not_known(option: str, value: str, mend: str, refused: Callable[..., Said]) -> None:
    table("kinds.csv")
    said = refused("train", *KIND, option, value)
    assert value in said.json["error"]
    assert said.json["mend"] == mend


@pytest.mark.parametrize(
    ("notation", "parts", "mended"),
    [
        ("dens 4", ["dens", "character 1"], "dense 4"),
        ("dense 4, drpout 0.5", ["drpout", "character 10"], "dense 4, dropout 0.5"),
        ("dense 4 rleu", ["rleu", "character 9"], "dense 4 relu"),
        ("dense 4 dropout 0.5", ["comma", "character 9"], "dense 4, dropout 0.5"),
        ("dense", ["no size", "character 1"], "dense 128"),
        ("dense 4, dense", ["no size", "character 10"], "dense 4"),
        ("", ["empty"], "dense 128"),
    ],
)
def test_a_notation_with_a_typo_or_a_bare_output(
    notation: str, parts: list[str], mended: str, refused: Callable[..., Said], train: Callable[..., Said]
) -> None:
    table("kinds.csv")
    said = refused("train", *KIND, "--network", notation)
    assert all(part in said.json["error"] for part in parts)
    assert said.json["mend"] == f'Write "{mended}".'
    assert write(parse(mended)) == mended.removesuffix(" relu")
    if mended == "dense 4":
        assert train(*KIND, "--network", mended, "--test", "0.2").code == 0


@pytest.mark.parametrize(
    ("notation", "parts"),
    [
        ("pool, pool, pool, pool", ["layer 3 (pool)", "2x2 does not fit into 1x1"]),
        ("conv 8 9x9 padding valid", ["layer 1 (conv)", "9x9 does not fit into 6x6"]),
        ("dense 4, conv 8", ["layer 2 (conv)", "4 features"]),
        ("concatenate(conv 2 | pool)", ["layer 1 (concatenate)", "[6, 6, 2]", "[3, 3, 1]"]),
        ("dense 1000000, dense 1000000", ["parameters", "dense.weight"]),
    ],
)
def test_a_network_whose_shapes_cannot_fit(notation: str, parts: list[str], refused: Callable[..., Said]) -> None:
    pictures("pets")
    error = refused("train", "pets", "--network", notation).json["error"]
    assert all(part in error for part in parts), error


@pytest.mark.slow
def test_members_that_all_diverge_are_told_what_to_try(train: Callable[..., Said]) -> None:
    table("kinds.csv")
    said = train(*KIND, "--learning-rate", "1e30", "--run", "wild", "--test", "0.3")
    assert said.code == 1
    assert "NaN" in said.json["error"]
    assert json.loads(Path("runs/wild/run.json").read_text())["state"] == "failed"
    assert train(*KIND, *shlex.split(said.json["mend"]), "--test", "0.3").code == 0


# -- refused: where nothing can be written ----------------------------------------------------------------------------


@pytest.mark.parametrize("runs", ["file", "file/below"])
def test_an_unwritable_folder(runs: str, refused: Callable[..., Said], train: Callable[..., Said]) -> None:
    table("kinds.csv")
    Path("file").touch()
    said = refused("train", *KIND, *QUICK, "--runs", runs, code=1)
    assert "can't be written" in said.json["error"]
    assert "--runs FOLDER" in said.json["mend"]
    assert train(*KIND, "--runs", "other").code == 0


@pytest.mark.parametrize("output", ["file/out.csv", "nowhere/out.csv", "folder.csv"])
def test_an_unwritable_output(output: str, made: Path, refused: Callable[..., Said]) -> None:
    table("new.csv")
    Path("file").touch()
    Path("folder.csv").mkdir()
    error = refused("predict", made / "kinds", "new.csv", "-o", output, code=1).json["error"]
    assert f"{output} can't be written" in error


@dataclass
class Disk:
    """A disk that is full once so many files have been synced to it."""

    room: float

    def fsync(self, _: int) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_at_the_start_leaves_no_run(monkeypatch: pytest.MonkeyPatch, refused: Callable[..., Said]) -> None:
    table("kinds.csv")
    Path("runs").mkdir()
    monkeypatch.setattr("os.fsync", Disk(0).fsync)
    assert "No space left" in refused("train", *KIND, *QUICK, code=1).json["error"]


@pytest.mark.slow
@pytest.mark.parametrize("room", [4, 9])
def test_a_full_disk_in_training_loses_nothing(
    room: int, monkeypatch: pytest.MonkeyPatch, lamina: Callable[..., Said], train: Callable[..., Said]
) -> None:
    """What is half done goes on once there is room, to the weights of an undisturbed run."""
    table("kinds.csv")
    disk = Disk(room)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", disk.fsync)
        said = train(*KIND, "--epochs", "3", "--run", "full")
    assert said.code == 1
    assert "No space left" in said.json["error"]
    assert lamina("train", "--resume", "full").code == 0
    assert train(*KIND, "--epochs", "3", "--run", "whole").code == 0
    assert_equal_runs("full", "whole")


# -- handled: tables --------------------------------------------------------------------------------------------------


def test_duplicate_column_names(handled: Callable[..., Trained]) -> None:
    table("a.csv", names=["length", "length", "colour", "kind"])
    trained = handled("a.csv", "--target", "kind")
    assert '"length 2"' in trained.note("duplicate-names")
    assert trained.column("length 2")["role"] == "feature"


@pytest.mark.parametrize(("delimiter", "called"), [(";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_another_delimiter(delimiter: str, called: str, handled: Callable[..., Trained]) -> None:
    table("a.csv", delimiter=delimiter)
    assert called in handled("a.csv", "--target", "kind").note("delimiter")


@pytest.mark.parametrize(("encoding", "called"), [("latin-1", "Latin-1"), ("utf-16", "UTF-16")])
def test_other_encodings(encoding: str, called: str, handled: Callable[..., Trained]) -> None:
    table("a.csv", changed(2, lambda cell: {"red": "rötlich", "green": "grün"}[cell]), encoding=encoding)
    trained = handled("a.csv", "--target", "kind")
    assert called in trained.note("encoding")
    assert trained.column("colour")["categories"] == ["grün", "rötlich"]


def test_quoted_newlines(handled: Callable[..., Trained]) -> None:
    table("a.csv", changed(2, lambda cell: f"{cell}\nand more"))
    trained = handled("a.csv", "--target", "kind")
    assert trained.note("quoted-newlines").startswith("60 rows")
    assert trained.run["data"]["rows"] == 60


def test_ragged_rows(handled: Callable[..., Trained]) -> None:
    cells = rows()
    table("a.csv", [*cells[:10], ["1", "2"], *cells[10:20], ["1", "2", "red", "small", "more"], *cells[20:]])
    trained = handled("a.csv", "--target", "kind")
    assert "lines 12, 23" in trained.note("ragged-rows")
    assert trained.run["data"]["rows"] == 60
    assert any("lines 12, 23" in note for note in trained.run["verdict"]["notes"])


def test_thousands_commas_and_percent(handled: Callable[..., Trained]) -> None:
    cells = [[f"{float(row[0]) * 1000 + 5000:,.1f}", f"{row[1]}%", *row[2:]] for row in rows()]
    table("a.csv", cells)
    trained = handled("a.csv", "--target", "kind")
    assert '"length"' in trained.note("thousands-commas")
    assert '"width"' in trained.note("percent")
    expected = np.median([float(row[0]) * 1000 + 5000 for row in rows()])
    assert trained.column("length")["statistics"]["median"] == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("word", ["NA", "?", "", "null"])
def test_missing_words(word: str, handled: Callable[..., Trained]) -> None:
    cells = rows()
    for row in (3, 8, 20):
        cells[row][0] = cells[row + 1][2] = word
    table("a.csv", cells)
    trained = handled("a.csv", "--target", "kind")
    assert (trained.column("length")["kind"], trained.column("length")["missing"]) == ("number", 3)
    assert (trained.column("colour")["kind"], trained.column("colour")["missing"]) == ("category", 3)
    if word:  # an empty cell needs no words
        assert f'"{word}" (6)' in trained.note("missing-words")


def test_infinities(handled: Callable[..., Trained]) -> None:
    cells = rows()
    cells[3][0], cells[4][0], cells[5][0] = "inf", "-inf", "Infinity"
    table("a.csv", cells)
    trained = handled("a.csv", "--target", "kind")
    assert '"length" (3)' in trained.note("infinities")
    assert trained.column("length")["missing"] == 3


@pytest.mark.parametrize("said", [(), ("--no-header",)])
def test_no_header(said: tuple[str, ...], handled: Callable[..., Trained], lamina: Callable[..., Said]) -> None:
    table("a.csv", names=None)
    trained = handled("a.csv", "--target", "-1", *said)
    assert "position" in trained.note("no-header")
    assert trained.run["data"]["rows"] == 60
    assert trained.run["task"]["target"] == "column 4"
    table("new.csv", [row[:3] for row in rows(5)], None)
    assert lamina("predict", "new.csv").json["rows"] == 5


def test_an_extra_column(made: Path, lamina: Callable[..., Said], handled: Callable[..., Trained]) -> None:
    table("kinds.csv")
    table("new.csv", [[*row, "z"] for row in rows(20, 1)], [*NAMES, "more"])
    said = lamina("predict", made / "kinds", "new.csv")
    assert (said.code, said.json["rows"]) == (0, 20)
    assert any("more" in note for note in said.json["notes"])
    assert "more" in lamina("evaluate", made / "kinds", "new.csv").text
    assert "more" in handled(*KIND, "--test", "new.csv").note("extra-columns")


def test_unseen_categories(made: Path, lamina: Callable[..., Said], handled: Callable[..., Trained]) -> None:
    table("kinds.csv")
    table("new.csv", changed(2, "blue", 20))
    said = lamina("predict", made / "kinds", "new.csv")
    assert (said.code, said.json["rows"]) == (0, 20)
    assert any('"blue"' in note for note in said.json["notes"])
    assert '"blue"' in lamina("evaluate", made / "kinds", "new.csv").text
    assert '"blue"' in handled(*KIND, "--test", "new.csv").note("unseen-categories")


@pytest.mark.slow
def test_a_batch_larger_than_the_data(handled: Callable[..., Trained]) -> None:
    table("kinds.csv")
    trained = handled(*KIND, "--batch-size", "1000000000")
    assert "1,000,000,000 rows is larger than the 36" in trained.note("batch-size")
    assert trained.run["program"]["batch_size"] == 36


def test_test_labels_that_differ_by_a_trailing_dot(
    made: Path, lamina: Callable[..., Said], handled: Callable[..., Trained]
) -> None:
    table("kinds.csv")
    table("plain.csv", rows(20, 3))
    table("dotted.csv", [[*row[:3], f"{row[3]}."] for row in rows(20, 3)])
    trained = handled(*KIND, "--test", "dotted.csv")
    assert '"small." as "small"' in trained.note("labels-matched")
    assert trained.run["verdict"]["score"] == handled(*KIND, "--test", "plain.csv").run["verdict"]["score"]
    dotted, plain = (lamina("evaluate", made / "kinds", file) for file in ("dotted.csv", "plain.csv"))
    assert dotted.json["score"] == plain.json["score"]
    assert '"small." as "small"' in dotted.text


# -- handled: images --------------------------------------------------------------------------------------------------


def test_a_corrupt_image_among_good_ones(handled: Callable[..., Trained], lamina: Callable[..., Said]) -> None:
    pictures("pets")
    Path("pets/cats/torn.png").write_bytes(Path("pets/cats/1.png").read_bytes()[:60])
    Path("pets/dogs/none.png").write_bytes(b"no image")
    trained = handled("pets")
    note = trained.note("corrupt-images")
    assert all(part in note for part in ("2 images", "cats/torn.png", "dogs/none.png"))
    assert note in trained.run["verdict"]["notes"]
    assert trained.run["data"]["rows"] == 16
    said = lamina("predict", "pets/dogs")
    assert (said.json["rows"], len(said.json["notes"])) == (8, 1)


@pytest.mark.slow
def test_images_of_one_pixel_16_bits_cmyk_and_grey_among_colour(handled: Callable[..., Trained]) -> None:
    for folder in pictures("pets").iterdir():
        with Image.open(folder / "1.png") as grey:
            Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(folder / "deep.png")
            grey.convert("CMYK").save(folder / "cmyk.tif")
            grey.resize((1, 1)).save(folder / "one.png")
    trained = handled("pets")
    assert trained.note("one-pixel-images").startswith("2 images")
    assert trained.note("deep-images").startswith("2 images")
    assert trained.note("cmyk-images").startswith("2 images")
    assert trained.note("grey-images").startswith("20 images")
    assert trained.run["schema"]["columns"][0]["statistics"]["channels"] == 3


@pytest.mark.slow
def test_nothing_but_images_of_one_pixel(handled: Callable[..., Trained]) -> None:
    pictures("pets", side=1)
    assert handled("pets").note("one-pixel-images").startswith("16 images")


# -- what is asked for is done ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_stdin_to_stdout_in_a_pipe(made: Path) -> None:
    table("new.csv", rows(5, 1))
    words = [*LAMINA, "predict", str(made / "kinds"), "-"]
    done = subprocess.run(words, input=Path("new.csv").read_text(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["row"] for row in found] == [f"line {at}" for at in range(2, 7)]
    assert {row["prediction"] for row in found} <= {"small", "large"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*words[:-1], "new.csv"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


LAMINA = (sys.executable, "-c", "from lamina.cli import main; main()")


@pytest.mark.slow
def test_a_regression(train: Callable[..., Said], lamina: Callable[..., Said]) -> None:
    cells = [[*row[:3], f"{100 + 30 * float(row[0]):.3f}"] for row in rows()]
    table("a.csv", cells, [*NAMES[:3], "price"])
    said = train("a.csv", "--target", "price", "--epochs", "20", "--learning-rate", "0.03")
    assert (said.json["task"], said.json["metric"]) == ("regression", "rmse")
    assert said.json["score"] < said.json["baselines"]["mean"]
    judged = lamina("evaluate", "a.csv")
    assert judged.json["score"] < judged.json["baselines"]["mean"]
    values = [row["prediction"] for row in lamina("predict", "a.csv").json["predictions"]]
    errors = np.array(values) - [float(row[3]) for row in cells]
    assert judged.json["score"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-5)


@pytest.mark.slow
def test_auc_of_the_positive_class(handled: Callable[..., Trained]) -> None:
    """The AUC is the same whichever class is positive; F1 and the task are not."""
    table("kinds.csv")
    large, small = (handled(*KIND, "--metric", "auc", "--positive", label).run for label in ("large", "small"))
    assert [run["task"]["positive"] for run in (large, small)] == ["large", "small"]
    assert large["verdict"]["metric"] == "auc"
    assert large["verdict"]["score"] == pytest.approx(small["verdict"]["score"])
    with np.load(Path("runs") / large["name"] / "predictions.npz") as answers:
        targets, shares = answers["targets"], answers["predictions"][:, 0]  # classes: large, small
    pairs = shares[targets == 0][:, None] - shares[targets == 1][None]
    assert large["verdict"]["score"] == pytest.approx(np.mean(np.sign(pairs) / 2 + 0.5))


def test_groups_are_kept_together(handled: Callable[..., Trained]) -> None:
    table("a.csv", [[f"p{at // 6}", *row] for at, row in enumerate(rows())], ["person", *NAMES])
    trained = handled("a.csv", "--target", "kind", "--group", "person")
    assert "groups kept together" in trained.run["split"]["description"]
    assert trained.column("person")["role"] == "group"


@pytest.mark.slow
def test_time_is_split_in_order(handled: Callable[..., Trained]) -> None:
    table("a.csv", [[f"2024-01-{1 + at // 2:02}", *row] for at, row in enumerate(rows())], ["day", *NAMES])
    trained = handled("a.csv", "--target", "kind", "--split-by-time", "day")
    with np.load(Path("runs") / trained.run["name"] / "predictions.npz") as answers:
        judged = sorted(int(name.removeprefix("line ")) for name in answers["names"])
    assert judged == list(range(62 - len(judged), 62))


def test_columns_are_dropped_and_typed_as_asked(handled: Callable[..., Trained]) -> None:
    cells = [[*row[:2], str(at % 3 % 2), *row[2:]] for at, row in enumerate(rows())]
    table("a.csv", cells, ["length", "width", "code", "colour", "kind"])
    trained = handled("a.csv", "--target", "kind", "--drop", "colour", "--types", "code=category")
    assert (trained.column("colour")["role"], trained.column("code")["kind"]) == ("left out", "category")
    assert trained.column("code")["categories"] == ["0", "1"]


def test_shares_and_files_of_test_rows(handled: Callable[..., Trained]) -> None:
    table("kinds.csv")
    table("held.csv", rows(20, 1))
    share = handled(*KIND, "--test", "0.3", "--validation", "0.5").run
    assert share["split"]["parts"][0]["test"] == 18
    assert share["split"]["parts"][0]["validation"] == pytest.approx(21, abs=2)
    file = handled(*KIND, "--test", "held.csv").run
    assert (file["verdict"]["rows"], file["verdict"]["rows_kind"]) == (20, "test file")


@pytest.mark.slow
def test_networks_and_rates_are_all_trained(handled: Callable[..., Trained]) -> None:
    table("kinds.csv")
    networks = ("--network", "dense 4", "--network", "dense 5 tanh")
    run = handled(*KIND, *networks, "--learning-rate", "1e-3..1e-1", "--test", "0.3").run
    assert [network["notation"] for network in run["networks"]] == ["dense 4", "dense 5 tanh"]
    asked = {(member["network"], member["recipe"]["learning_rate"]) for member in run["members"]}
    rates = np.geomspace(1e-3, 1e-1, 8)
    assert sorted(asked) == [(n, pytest.approx(rate, rel=1e-3)) for n in (0, 1) for rate in rates]
    assert len(run["members"]) == 16
    assert "16 candidates" in run["selection"]["description"]


# -- stopped, killed, extended ----------------------------------------------------------------------------------------


def assert_equal_runs(one: str, other: str) -> None:
    """Two runs of equal weights, answers and history, to the bit."""
    models = [load(Path("runs") / name / "model.lamina") for name in (one, other)]
    for first, second in zip(*(model.parts for model in models), strict=True):
        np.testing.assert_array_equal(first.parameters, second.parameters)
    answers = [np.load(Path("runs") / name / "predictions.npz")["predictions"] for name in (one, other)]
    np.testing.assert_array_equal(*answers)
    histories = [(Path("runs") / name / "history.jsonl").read_text() for name in (one, other)]
    assert histories[0] == histories[1]


@pytest.mark.slow
def test_asked_to_stop_it_goes_on_to_equal_weights(
    monkeypatch: pytest.MonkeyPatch, train: Callable[..., Said], lamina: Callable[..., Said]
) -> None:
    from lamina.training.run import RunFolder

    append = RunFolder.append

    def append_and_ask(self: RunFolder, lines: Sequence[Any]) -> None:
        append(self, lines)
        (self.path / "control.json").write_text('{"stop": true}')  # as another process would

    table("kinds.csv")
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "append", append_and_ask)
        said = train(*KIND, "--epochs", "5", "--run", "stopped")
    assert (said.code, said.json["state"], said.json["score"]) == (0, "stopped", None)
    assert len(Path("runs/stopped/history.jsonl").read_text().splitlines()) < 5
    (words,) = (line.partition("lamina ")[2] for line in said.text.splitlines() if "--resume" in line)
    assert lamina(*shlex.split(words)).json["state"] == "judged"
    assert train(*KIND, "--epochs", "5", "--run", "whole").code == 0
    assert_equal_runs("stopped", "whole")


@pytest.mark.slow
def test_killed_it_goes_on_to_equal_weights(train: Callable[..., Said], lamina: Callable[..., Said]) -> None:
    table("kinds.csv")
    words = ("--epochs", "400", "--network", "dense 64, dense 64")
    history = Path("runs/killed/history.jsonl")
    command = [*LAMINA, "train", *KIND, *words, *QUICK[2:6], "--run", "killed"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (history.exists() and history.read_text().count("\n") > 20):
            assert process.poll() is None
        process.kill()
    assert json.loads(Path("runs/killed/run.json").read_text())["state"] == "training"
    assert lamina("train", "--resume", "killed").json["state"] == "judged"
    assert train(*KIND, *words, "--run", "whole").code == 0
    assert_equal_runs("killed", "whole")


@pytest.mark.slow
def test_extending_a_judged_run_makes_a_child_that_says_so(
    train: Callable[..., Said], refused: Callable[..., Said], lamina: Callable[..., Said]
) -> None:
    table("kinds.csv")
    assert train(*KIND, "--run", "parent").code == 0
    before = contents(Path("runs/parent"))
    (words,) = commands(refused("train", "--resume", "parent").json["mend"])
    child = lamina(*words)
    assert child.code == 0, child.text
    run = json.loads((Path("runs") / child.json["run"] / "run.json").read_text())
    assert run["parent"] == "parent"
    assert any("seen" in note and "parent" in note for note in run["verdict"]["notes"])
    assert any("opened by 2 runs" in note for note in run["verdict"]["notes"])
    assert contents(Path("runs/parent")) == before


def test_data_that_changed_is_not_resumed(
    monkeypatch: pytest.MonkeyPatch, train: Callable[..., Said], refused: Callable[..., Said]
) -> None:
    table("kinds.csv")
    monkeypatch.setattr("lamina.training.run.RunFolder.asked_to_stop", lambda _: True)
    assert train(*KIND, "--epochs", "3", "--run", "mine").json["state"] == "stopped"
    table("kinds.csv", rows(60, 1))
    assert "has changed" in refused("train", "--resume", "mine").json["error"]
    Path("kinds.csv").unlink()
    assert "can't be read again" in refused("train", "--resume", "mine").json["error"]


def test_json_is_the_last_line_of_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    table("kinds.csv")
    assert cli.run_command(["train", *KIND, *QUICK, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    wanted = {"task", "metric", "score", "interval", "baselines", "run", "model", "report", "seconds"}
    assert wanted <= set(json.loads(line))


@pytest.mark.slow
def test_what_is_refused_in_a_terminal(tmp_path: Path) -> None:
    """As a person meets it: a process, its exit code, and three lines on stderr."""
    done = subprocess.run([*LAMINA, "train", "a.csv", "--target", "x"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    error, expected, mend = done.stderr.splitlines()
    assert error.startswith("error There is no file a.csv")
    assert expected.strip().startswith("expected:")
    assert mend.strip().startswith("to mend it:")
    assert not list(tmp_path.iterdir())
