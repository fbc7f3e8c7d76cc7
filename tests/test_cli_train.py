"""The command line with training, end to end on small tables: what it answers and leaves, how it stops and goes on."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina import cli

QUICK = ("--epochs", "4", "--learning-rate", "0.02", "--network", "dense 8")


def write_table(path: Path, rows: int = 120, seed: int = 0, header: bool = True) -> Path:
    """Two numbers and a word that tell a class, with some missing values."""
    random = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        if header:
            writer.writerow(["length", "width", "colour", "kind"])
        for row in range(rows):
            kind = row % 2
            length, width = random.normal(kind * 3, 1), random.normal(-kind, 1)
            colour = random.choice(["red", "green"], p=[0.8, 0.2] if kind else [0.2, 0.8])
            writer.writerow(
                [f"{length:.3f}", "" if row % 10 == 3 else f"{width:.3f}", colour, ["small", "large"][kind]]
            )
    return path


def lamina(*words: Any, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Run a verb with ``--json`` and give its exit code and its object."""
    capsys.readouterr()
    code = cli.run_command([str(word) for word in (*words, "--json")])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one judged run, "kinds"."""
    folder = tmp_path_factory.mktemp("trained")
    data = write_table(folder / "kinds.csv")
    assert (
        cli.run_command(
            ["train", str(data), "--target", "kind", "--run", "kinds", "--runs", str(folder / "runs"), *QUICK]
        )
        == 0
    )
    return folder / "runs"


def test_training_leaves_a_run_that_is_whole(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = lamina("show", "kinds", "--runs", runs, capsys=capsys)
    assert code == 0
    assert shown["state"] == "judged"
    assert shown["task"]["classes"] == ["large", "small"]
    assert shown["networks"][0]["notation"] == "dense 8"
    assert all(
        (runs / "kinds" / name).is_file() for name in ("run.json", "history.jsonl", "model.lamina", "report.html")
    )


def test_the_answer_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_table(tmp_path / "a.csv")
    code, found = lamina("train", data, "--target", "kind", *QUICK, capsys=capsys)
    assert code == 0
    assert {"task", "metric", "score", "interval", "baselines", "run", "model", "report", "seconds"} <= set(found)
    assert found["interval"][0] <= found["score"] <= found["interval"][1]
    assert found["baselines"]["majority class"] == pytest.approx(0.5, abs=0.1)
    assert found["score"] > 0.65
    assert Path(found["model"]).is_file()
    assert Path(found["report"]).is_file()


def test_predictions_are_of_every_row_and_add_up(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path / "new.csv", rows=30, seed=1)
    assert cli.run_command(["predict", "kinds", str(data), "-o", "out.csv", "--runs", str(runs)]) == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == [f"line {at + 2}" for at in range(30)]
    for row in rows:
        shares = {label: float(row[f"probability_{label}"]) for label in ("large", "small")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert row["prediction"] == max(shares, key=lambda label: shares[label])
    assert np.mean([row["prediction"] == ["small", "large"][at % 2] for at, row in enumerate(rows)]) > 0.7


def test_a_model_is_found_by_run_folder_and_file(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path / "new.csv", rows=6)
    answers = [
        lamina("predict", model, data, "--runs", runs, capsys=capsys)[1]["predictions"]
        for model in ("kinds", runs / "kinds", runs / "kinds" / "model.lamina")
    ]
    latest = lamina("predict", data, "--runs", runs, capsys=capsys)[1]["predictions"]
    assert answers == [latest] * 3


def test_stdin_is_predicted_like_the_file(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path / "new.csv", rows=6)
    _, of_file = lamina("predict", "kinds", data, "--runs", runs, capsys=capsys)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data.read_bytes())))
    _, of_stdin = lamina("predict", "kinds", "-", "--runs", runs, capsys=capsys)
    assert of_stdin["predictions"] == of_file["predictions"]


def test_evaluate_counts_what_predict_answers(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_table(tmp_path / "labelled.csv", rows=50, seed=2)
    code, judged = lamina("evaluate", "kinds", data, "--runs", runs, capsys=capsys)
    _, predicted = lamina("predict", "kinds", data, "--runs", runs, capsys=capsys)
    right = [row["prediction"] == ["small", "large"][at % 2] for at, row in enumerate(predicted["predictions"])]
    assert code == 0
    assert judged["rows"] == 50
    assert judged["score"] == pytest.approx(np.mean(right))
    assert {"task", "metric", "score", "interval", "baselines", "run", "model", "report", "seconds"} <= set(judged)


def test_a_missing_column_at_prediction_exits_2(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.csv").write_text("length,colour\n1.0,red\n2.0,green\n")
    code, error = lamina("predict", "kinds", tmp_path / "new.csv", "--runs", runs, capsys=capsys)
    assert code == 2
    assert "width" in error["error"]


def test_a_table_without_a_header_is_learnt_by_position(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_table(tmp_path / "bare.csv", header=False)
    code, found = lamina("train", data, "--no-header", "--target", "-1", *QUICK, capsys=capsys)
    assert code == 0
    assert found["rows"] == 120
    assert found["score"] > 0.65


def test_without_a_target_likely_ones_are_listed_with_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["taste,smell,look", *(f"{'ab'[at % 2]},{'cd'[at % 3 % 2]},{'ef'[at % 5 % 2]}" for at in range(60))]
    (tmp_path / "three.csv").write_text("\n".join(lines) + "\n")
    code, error = lamina("train", "three.csv", capsys=capsys)
    commands = [line.strip() for line in error["mend"].splitlines() if "lamina train" in line]
    assert code == 2
    assert commands
    words = shlex.split(commands[0])[1:]
    assert words[0] == "train"
    assert lamina(*words, *QUICK, capsys=capsys)[0] == 0


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["kinds.csv", "--target", "knid"], "knid"),
        (["none.csv", "--target", "kind"], "none.csv"),
        (["kinds.csv", "--target", "kind", "--metric", "acuracy"], "acuracy"),
        (["kinds.csv", "--target", "kind", "--optimizer", "adamm"], "adamm"),
        (["kinds.csv", "--target", "kind", "--network", "dens 8"], "dens"),
        (["kinds.csv", "--target", "kind", "--network", "conv 8"], "conv"),
        (["kinds.csv", "--target", "kind", "--types", "width=colour"], "colour"),
        (["kinds.csv", "--target", "kind", "--drop", "depth"], "depth"),
        (["kinds.csv", "--target", "kind", "--device", "abacus"], "abacus"),
        (["kinds.csv", "--target", "kind", "--threads", "0"], "threads is 0"),
        (["kinds.csv", "--target", "kind", "--augment", "shift"], "table"),
        (["kinds.csv", "--target", "kind", "--run", "../out"], "../out"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(
    words: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(tmp_path / "kinds.csv")
    code, error = lamina("train", *words, *(() if "--network" in words else QUICK), capsys=capsys)
    assert code == 2
    assert part in error["error"]
    assert error["mend"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kinds.csv"]


def test_a_name_that_is_taken_is_refused(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_table(tmp_path / "a.csv")
    before = (runs / "kinds" / "run.json").read_bytes()
    code, error = lamina("train", data, "--target", "kind", "--run", "kinds", "--runs", runs, *QUICK, capsys=capsys)
    assert code == 2
    assert "kinds" in error["error"]
    assert (runs / "kinds" / "run.json").read_bytes() == before


def test_a_folder_that_cannot_be_written_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_table(tmp_path / "a.csv")
    (tmp_path / "file").write_text("")
    code, error = lamina("train", data, "--target", "kind", "--runs", tmp_path / "file", *QUICK, capsys=capsys)
    assert code == 1
    assert "can't be written" in error["error"]


def test_a_judged_run_goes_on_only_as_a_child(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, error = lamina("train", "--resume", "kinds", "--runs", runs, capsys=capsys)
    assert code == 2
    words = shlex.split(error["mend"].splitlines()[0])[1:]
    code, child = lamina(*words, "--runs", runs, capsys=capsys)
    assert code == 0
    assert child["run"] != "kinds"
    _, shown = lamina("show", child["run"], "--runs", runs, capsys=capsys)
    assert shown["parent"] == "kinds"


@pytest.mark.slow
def test_a_regression_is_scored_in_its_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(150, 2))
    lines = ["a,b,price", *(f"{a:.4f},{b:.4f},{1000 + 300 * a - 100 * b:.2f}" for a, b in x)]
    (tmp_path / "prices.csv").write_text("\n".join(lines) + "\n")
    code, found = lamina(
        "train", "prices.csv", "--target", "price", "--epochs", "20", "--learning-rate", "0.02", capsys=capsys
    )
    assert code == 0
    assert found["metric"] == "rmse"
    assert found["score"] < 150 < found["baselines"]["mean"]
    _, predicted = lamina("predict", "prices.csv", capsys=capsys)
    assert np.mean([row["prediction"] for row in predicted["predictions"]]) == pytest.approx(1000, abs=60)


def test_check_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_table(tmp_path / "kinds.csv")
    code, seen = lamina("check", "kinds.csv", "--target", "kind", capsys=capsys)
    assert code == 0
    assert (seen["rows"], seen["task"], seen["classes"]) == (120, "classification", {"large": 60, "small": 60})
    width = next(column for column in seen["columns"] if column["name"] == "width")
    assert (width["kind"], width["missing"]) == ("number", 12)
    assert [path.name for path in tmp_path.iterdir()] == ["kinds.csv"]


@pytest.mark.slow
def test_ctrl_c_saves_and_the_run_goes_on(tmp_path: Path) -> None:
    """A process is interrupted in its training, ends with 130, and what it says to type finishes the run."""
    data = write_table(tmp_path / "kinds.csv", rows=400)
    words = ["train", str(data), "--target", "kind", "--epochs", "3000", "--run", "long", "--network", "dense 64"]
    command = [sys.executable, "-c", "from lamina.cli import main; main()"]
    with subprocess.Popen([*command, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        history = tmp_path / "runs" / "long" / "history.jsonl"
        _wait(lambda: history.exists() and history.stat().st_size > 0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "lamina train --resume long" in out
    before = len(history.read_text().splitlines())
    done = subprocess.run(
        [*command, "train", "--resume", "long", "--time-limit", "5"],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "runs" / "long" / "run.json").read_text())["state"] == "judged"
    assert len(history.read_text().splitlines()) >= before


def _wait(until: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
