"""The command line without training: what is typed, what is asked of Lamina for it, and how each ends."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina import answer, cli
from lamina.data.examples import Reading
from lamina.errors import DataError, OptionError, OutputError
from lamina.model import Predictions
from lamina.settings import Place, Progress, Settings

RECORD: dict[str, Any] = {
    "format": 1,
    "name": "penguins",
    "state": "judged",
    "parent": None,
    "created": "2026-01-02T03:04:05",
    "seconds": 4.5,
    "command": "lamina train penguins.csv",
    "data": {"path": "penguins.csv", "rows": 344},
    "task": {"kind": "classification", "target": "species", "classes": ["a", "b"], "positive": None},
    "split": {"kind": "folds", "description": "five folds", "parts": []},
    "networks": [
        {
            "notation": "dense 8",
            "parameters": 5,
            "multiply_adds": 4,
            "layers": [
                {"path": "0.dense", "description": "dense 8", "output_shape": [8], "parameters": 5, "multiply_adds": 4}
            ],
        }
    ],
    "members": [
        {
            "id": 0,
            "network": 0,
            "recipe": {"learning_rate": 0.01, "weight_decay": 0.0},
            "state": "done",
            "best_epoch": 3,
            "validation_loss": 0.5,
        }
    ],
    "notes": [{"kind": "x", "text": "Two rows were [odd].", "matters": False}],
    "verdict": {
        "sentence": "The network gets 98 % right.",
        "metric": "accuracy",
        "greater_is_better": True,
        "score": 0.98,
        "interval": [0.96, 0.99],
        "rows": 344,
        "baselines": {"majority class": {"score": 0.44, "interval": [0.4, 0.48]}},
        "notes": ["Rows repeat."],
    },
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A judged run on disk."""
    folder = tmp_path / "runs" / "penguins"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(RECORD))
    (folder / "report.html").write_text("<html>")
    (folder / "model.lamina").write_text("x")
    return folder


@pytest.fixture
def asked(made: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was asked of ``answer.train``, which answers with the made run."""
    kept: dict[str, Any] = {}

    def train(data: Any, target: str | None = None, **rest: Any) -> answer.Run:
        kept.update(rest, data=data, target=target)
        rest["observer"](Progress("reading", "reading it"))
        return answer.Run(made)

    monkeypatch.setattr(answer, "train", train)
    return kept


# -- train ------------------------------------------------------------------------------------------------------------


def test_without_options_everything_is_left_to_lamina(asked: dict[str, Any], tmp_path: Path) -> None:
    assert cli.run_command(["train", "a.csv"]) == 0
    assert (asked["data"], asked["target"]) == ("a.csv", None)
    assert asked["settings"] == Settings()
    assert asked["reading"] == Reading()
    assert asked["place"] == Place(runs=tmp_path / "runs")


def test_every_option_arrives(asked: dict[str, Any]) -> None:
    typed = """train a.csv --target -1 --no-header --types zip=category,age=number --drop id,name --group person
        --split-by-time day --test 0.25 --validation 0.2 --positive yes --image-size 48x64 --network "dense 8"
        --network "conv 4, pool" --epochs 7 --batch-size 16 --learning-rate 0.1,0.2 --learning-rate 0.3 --repeats 3
        --weight-decay 0.5 --optimizer SGD --schedule one-cycle --loss cross-entropy --class-weight balanced
        --precision bfloat16 --metric auc --augment shift,flip --seed 5 --time-limit 2m
        --run mine --device cpu --threads 2 --runs elsewhere"""
    assert cli.run_command(shlex.split(typed)) == 0
    assert asked["settings"] == Settings(
        networks=("dense 8", "conv 4, pool"),
        learning_rates=(0.1, 0.2, 0.3),
        repeats=3,
        epochs=7,
        batch_size=16,
        weight_decay=0.5,
        optimizer="sgd",
        metric="auc",
        loss="cross entropy",
        schedule="one cycle",
        augment=("shift", "flip"),
        validation=0.2,
        class_weight="balanced",
        precision="bfloat16",
        seed=5,
        time_limit=120.0,
    )
    assert asked["reading"] == Reading(
        target="-1",
        header=False,
        types={"zip": "category", "age": "number"},
        drop=("id", "name"),
        group="person",
        split_by_time="day",
        positive="yes",
        test="0.25",
        image_size=(48, 64),
    )
    assert asked["place"] == Place(runs=Path("elsewhere"), name="mine", device="cpu", threads=2)


def test_the_verdict_and_where_everything_is_are_said(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["train", "a.csv"]) == 0
    said = capsys.readouterr().out
    for text in (
        "The network gets 98 % right.",
        "majority class",
        "0.9600 to 0.9900",
        "Rows repeat.",
        "runs/penguins/report.html",
        "lamina predict penguins",
        "reading it",
    ):
        assert text in said


def test_runs_kept_elsewhere_are_named_by_their_folder(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["train", "a.csv", "--runs", "elsewhere"]) == 0
    assert "lamina show runs/penguins" in capsys.readouterr().out


def test_json_is_one_object_in_the_last_line(
    asked: dict[str, Any], made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(["train", "a.csv", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found == {
        "task": "classification",
        "target": "species",
        "state": "judged",
        "metric": "accuracy",
        "score": 0.98,
        "interval": [0.96, 0.99],
        "rows": 344,
        "sentence": "The network gets 98 % right.",
        "baselines": {"majority class": 0.44},
        "run": "penguins",
        "model": str(made / "model.lamina"),
        "report": str(made / "report.html"),
        "seconds": 4.5,
    }
    assert "The network gets 98 % right." in err


def test_quiet_is_the_sentence_alone(asked: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["train", "a.csv", "--quiet"]) == 0
    assert capsys.readouterr() == ("The network gets 98 % right.\n", "")


def test_resume_passes_what_may_change(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}

    def resume(run: str, **rest: Any) -> answer.Run:
        kept.update(rest, run=run)
        return answer.Run(made)

    monkeypatch.setattr(answer, "resume", resume)
    assert cli.run_command(["train", "--resume", "penguins", "--epochs", "9", "--time-limit", "60"]) == 0
    assert (kept["run"], kept["settings"]) == ("penguins", Settings(epochs=9, time_limit=60.0))


@pytest.mark.parametrize(
    "more", [["a.csv"], ["--seed", "1"], ["--network", "dense 8"], ["--target", "x"], ["--drop", "x"]]
)
def test_resume_refuses_what_may_not(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["train", "--resume", "penguins", *more]) == 2
    assert "own data, network and recipe" in capsys.readouterr().err


def test_a_stopped_training_says_how_to_go_on(
    asked: dict[str, Any], made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (made / "run.json").write_text(json.dumps({**RECORD, "state": "stopped", "verdict": None}))
    assert cli.run_command(["train", "a.csv", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "lamina train --resume penguins" in err
    assert json.loads(out)["state"] == "stopped"
    assert json.loads(out)["score"] is None


# -- how it ends ------------------------------------------------------------------------------------------------------


def _raising(error: BaseException) -> Callable[..., Any]:
    def train(*_: Any, **__: Any) -> Any:
        raise error

    return train


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("x is empty.", expected="rows", mend="add rows"), 2),
        (OutputError("x can't be written."), 1),
        (OSError(28, "No space left on device", "runs/a"), 1),
        (MemoryError(), 1),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("division by zero"), 1),
    ],
)
def test_every_error_is_said_without_a_traceback(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(answer, "train", _raising(error))
    assert cli.run_command(["train", "a.csv", "--json"]) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert set(json.loads(out.splitlines()[-1])) == {"error", "expected", "mend"}
    assert json.loads(out)["error"] in err


def test_a_mistake_of_laminas_leaves_its_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(answer, "train", _raising(ZeroDivisionError("division by zero")))
    assert cli.run_command(["train", "a.csv"]) == 1
    (file,) = tmp_path.glob("lamina-*.txt")
    assert "ZeroDivisionError" in file.read_text()
    assert str(file) in capsys.readouterr().err


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINA_DEBUG", "1")
    monkeypatch.setattr(answer, "train", _raising(ZeroDivisionError("division by zero")))
    with pytest.raises(ZeroDivisionError):
        cli.run_command(["train", "a.csv"])


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        (["trian"], "train"),
        (["train", "a.csv", "--lerning-rate", "1"], "--learning-rate"),
        (["train", "a.csv", "--epochs", "many"], "--epochs"),
        (["train", "a.csv", "--epochs", "2.5"], "--epochs"),
        (["train", "a.csv", "--epochs", "0"], "epochs is 0"),
        (["train", "a.csv", "--epochs", "-3"], "epochs is -3"),
        (["train", "a.csv", "--batch-size", "0"], "batch size is 0"),
        (["train", "a.csv", "--repeats", "0"], "repeats is 0"),
        (["train", "a.csv", "--learning-rate", "-0.1"], "learning rate is -0.1"),
        (["train", "a.csv", "--learning-rate", "nan"], "learning rate is nan"),
        (["train", "a.csv", "--learning-rate", "inf"], "learning rate is inf"),
        (["train", "a.csv", "--learning-rate", "0"], "learning rate is 0"),
        (["train", "a.csv", "--learning-rate", "1e-2..1e-4"], "no range"),
        (["train", "a.csv", "--weight-decay", "-1"], "weight decay is -1"),
        (["train", "a.csv", "--validation", "1.5"], "validation share is 1.5"),
        (["train", "a.csv", "--time-limit", "0"], "time limit is 0"),
        (["train", "a.csv", "--time-limit", "soon"], "no duration"),
        (["train", "a.csv", "--seed", "-1"], "seed is -1"),
        (["train", "a.csv", "--types", "zip"], "no column and kind"),
        (["train", "a.csv", "--image-size", "0"], "no size"),
        (["train"], "No data was named"),
        (["predict"], "FILE"),
        (["predict", "a", "b", "c"], "3 words"),
        (["predict", "runs/a/model.lamina"], "no examples were named"),
        (["predict", "a.csv", "-o", "a.csv"], "also the input"),
        (["predict", "a.csv", "-o", "out.docx"], "no form"),
        (["show", "nothing-like-this"], "nothing-like-this"),
    ],
)
def test_what_is_typed_wrong_exits_2_and_says_what(
    typed: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command([*typed, "--json"]) == 2
    out, err = capsys.readouterr()
    found = json.loads(out.splitlines()[-1])
    assert part in found["error"]
    assert found["mend"]
    assert "Traceback" not in err


# -- help -------------------------------------------------------------------------------------------------------------


def test_help_lists_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command([]) == 0
    said = capsys.readouterr().out
    assert all(verb in said for verb in cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command([verb, "--help"]) == 0
    said = capsys.readouterr().out
    assert "Examples:" in said
    assert f"lamina {verb}" in said.split("Examples:")[1]


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["--version"]) == 0
    assert capsys.readouterr().out == "lamina 0.1.0\n"


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"], ["runs"], ["trian"]])
def test_answering_at_once_needs_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    code = f"""if True:
        import sys
        from lamina.cli import run_command
        run_command({words!r})
        print("heavy:", *sorted({{"jax", "sklearn", "duckdb", "numpy", "PIL", "scipy"}} & set(sys.modules)))"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1].strip() == "heavy:"


# -- predict, evaluate ------------------------------------------------------------------------------------------------


class _Model:
    """A model that answers "b" to each line of a file but the first."""

    def predict(self, data: str) -> Predictions:
        n = len(Path(data).read_text().splitlines()) - 1
        names = np.array([f"line {i + 2}" for i in range(n)], object)
        return Predictions(names, np.array(["b"] * n, object), np.tile([0.25, 0.75], (n, 1)), None, ("a", "b"))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The texts by which a model was looked for."""
    looked: list[Any] = []

    def find(text: str | None, place: Place) -> _Model:
        looked.append(text)
        return _Model()

    monkeypatch.setattr(answer, "find_model", find)
    return looked


def test_one_word_is_the_file_and_two_are_model_and_file(
    model: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new.csv").write_text("x\n1\n2\n")
    assert cli.run_command(["predict", "new.csv"]) == 0
    assert cli.run_command(["predict", "penguins", "new.csv", "-o", "-"]) == 0
    assert model == [None, "penguins"]
    out = "row,prediction,probability_a,probability_b\nline 2,b,0.25,0.75\nline 3,b,0.25,0.75\n"
    assert capsys.readouterr().out == out + out


def test_predictions_go_to_a_file(model: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.csv").write_text("x\n1\n")
    assert cli.run_command(["predict", "new.csv", "-o", "out.tsv"]) == 0
    assert (tmp_path / "out.tsv").read_text().splitlines()[1] == "line 2\tb\t0.25\t0.75"
    assert "1 prediction in out.tsv" in capsys.readouterr().out


def test_examples_come_from_stdin(
    model: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x\n1\n2\n3\n")))
    assert cli.run_command(["predict", "-", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 3
    assert found["predictions"][0] == {"row": "line 2", "prediction": "b", "probability_a": 0.25, "probability_b": 0.75}


def test_a_folder_that_is_not_there_exits_1(model: list[Any], tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("x\n1\n")
    assert cli.run_command(["predict", "new.csv", "-o", "none/out.csv"]) == 1


# -- show, runs, doctor -----------------------------------------------------------------------------------------------


def test_show_says_what_the_run_says(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["show"]) == 0
    said = capsys.readouterr().out
    for text in ("98 % right", "0.dense", "five folds", "Two rows were [odd].", "0.01", "lamina train penguins.csv"):
        assert text in said


def test_show_as_json_is_the_run(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["show", "penguins", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {**RECORD, "folder": str(made)}


def test_runs_are_listed_the_newest_first(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    younger, broken = made.parent / "younger", made.parent / "broken"
    for folder in (younger, broken):
        folder.mkdir()
    (younger / "run.json").write_text(json.dumps({**RECORD, "created": "2026-02-02T03:04:05", "verdict": None}))
    (broken / "run.json").write_text("{")
    assert cli.run_command(["runs", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)["runs"]
    assert [run["run"] for run in found] == ["younger", "penguins", "broken"]
    assert [run["score"] for run in found] == [None, 0.98, None]
    assert "not whole" in err


def test_no_runs_say_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["runs"]) == 0
    assert "lamina train sample:penguins --target species" in capsys.readouterr().out


def test_the_doctor_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["versions"]["lamina"] == "0.1.0"


# -- as a process -----------------------------------------------------------------------------------------------------


def _lamina(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from lamina.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


def test_the_process_ends_with_the_code() -> None:
    assert _lamina("--version").returncode == 0
    assert _lamina("trian").returncode == 2


@pytest.mark.slow
def test_a_terminal_without_unicode_is_no_error(made: Path) -> None:
    done = _lamina("show", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}, cwd=made.parent)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves_is_no_traceback(made: Path) -> None:
    line = f'{sys.executable} -c "from lamina.cli import main; main()" --help | head -n 1'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr


def test_an_option_error_in_python_is_the_same() -> None:
    with pytest.raises(OptionError, match="epochs is 0"):
        Settings(epochs=0)
