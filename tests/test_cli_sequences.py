"""The command line on time series and recordings, end to end: trained, shown, predicted, evaluated; what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from lamina import cli
from lamina.model import load

pytestmark = pytest.mark.slow  # three trainings, of a population each

QUICK = ("--epochs", "2", "--learning-rate", "0.02")
RATE = 2000
PATTERN = "{pitch}_{speaker}_{take}"


def lamina(*words: Any, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    """Run a verb with ``--json``: its exit code, its object, and what it said beside."""
    capsys.readouterr()
    code = cli.run_command([str(word) for word in (*words, "--json")])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, json.loads(out.splitlines()[-1]), err


def wave(kind: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """A slow or a fast oscillation from a phase of its own, in noise."""
    return np.sin(np.arange(length) * (0.3, 0.9)[kind] + rng.uniform(0, 6)) + rng.normal(0, 0.2, length)


def write_ts(path: Path, count: int, seed: int) -> Path:
    """An archive's file of series of unequal lengths."""
    rng = np.random.default_rng(seed)
    lines = ["@problemName Waves", "@timeStamps false", "@univariate true", "@classLabel true slow fast", "@data"]
    for row in range(count):
        values = wave(row % 2, int(rng.integers(10, 40)), rng)
        lines.append(",".join(f"{value:.4f}" for value in values) + f":{('slow', 'fast')[row % 2]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_long(path: Path, *, shuffled: bool = True) -> Path:
    """A long table: several rows a series, out of order, one doubled, one left out."""
    rng = np.random.default_rng(3)
    lines = []
    for series in range(24):
        for step, value in enumerate(wave(series % 2, 20, rng)):
            if (series, step) != (4, 7):
                lines.append((f"m{series}", step, f"{value:.4f}", f"{-value:.3f}", ("ok", "broken")[series % 2]))
    lines.append(lines[5])
    order = rng.permutation(len(lines)) if shuffled else range(len(lines))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("machine", "time", "a", "b", "state"), *(lines[at] for at in order)])
    return path


def write_sounds(folder: Path, count: int = 24) -> Path:
    """Tones of two pitches by three speakers: {pitch}_{speaker}_{take}.wav."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for at in range(count):
        tone = wave(at % 2, int(rng.integers(500, 900)), rng)
        name = f"{('low', 'high')[at % 2]}_speaker{at % 3}_{at}.wav"
        wavfile.write(folder / name, RATE, (tone * 6000).astype(np.int16))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data, and of runs named as their data: series.ts, long.csv and sounds/."""
    folder = tmp_path_factory.mktemp("sequences")
    series = write_ts(folder / "series.ts", 40, 0)
    long = write_long(folder / "long.csv")
    sounds = write_sounds(folder / "sounds")
    of = ("--runs", folder / "runs", *QUICK)
    named = ("--label-from-name", PATTERN, "--group", "speaker", "--augment", "shift,stretch,time-mask,frequency-mask")
    calls = (
        ("train", series, "--run", "series", "--network", "conv 4, gru 4 bidirectional, dropout 0.1, mean", *of),
        ("train", long, "--run", "long", "--series", "machine", "--order", "time", "--target", "state", *of),
        ("train", sounds, "--run", "sounds", *named, "--network", "conv 4, pool, lstm 4, last", *of),
    )
    for call in calls:
        assert cli.run_command([str(word) for word in call]) == 0
    return folder


@pytest.mark.parametrize(
    ("name", "kind", "classes", "said"),
    [
        ("series", "series", ["slow", "fast"], "12 to 39 steps"),
        ("long", "series", ["broken", "ok"], "out of the order"),
        ("sounds", "sound", ["high", "low"], "0.4"),
    ],
)
def test_a_run_says_what_was_read(trained: Path, name: str, kind: str, classes: list[str], said: str, capsys) -> None:
    code, shown, _ = lamina("show", name, "--runs", trained / "runs", capsys=capsys)
    assert (code, shown["state"], shown["data"]["kind"]) == (0, "judged", kind)
    assert sorted(shown["task"]["classes"]) == sorted(classes)
    assert said in json.dumps([shown["notes"], shown["schema"]])
    assert {"logistic regression", "gradient boosting", "random kernels"} < set(shown["verdict"]["baselines"])
    assert (trained / "runs" / name / "report.html").stat().st_size > 10_000


def test_recurrence_is_clipped_and_unequal_lengths_are_cut(trained: Path, capsys) -> None:
    _, shown, _ = lamina("show", "series", "--runs", trained / "runs", capsys=capsys)
    assert {member["recipe"]["clip_norm"] for member in shown["members"]} == {1.0}
    assert shown["program"]["lengths"][-1] == 39
    _, shown, _ = lamina("show", "long", "--runs", trained / "runs", capsys=capsys)
    assert {member["recipe"]["clip_norm"] for member in shown["members"]} == {0.0}  # no recurrence
    assert shown["program"]["lengths"] == []  # one length


def test_speakers_stay_together(trained: Path, capsys) -> None:
    _, shown, _ = lamina("show", "sounds", "--runs", trained / "runs", capsys=capsys)
    assert "3 test folds" in shown["split"]["description"]
    assert {part["test"] for part in shown["split"]["parts"]} == {8}


def test_predictions_are_those_of_the_model(trained: Path, tmp_path: Path, capsys) -> None:
    for name, data in (
        ("series", trained / "series.ts"),
        ("sounds", trained / "sounds"),
        ("long", trained / "long.csv"),
    ):
        out = tmp_path / f"{name}.csv"
        code, said, _ = lamina("predict", name, data, "-o", out, "--runs", trained / "runs", capsys=capsys)
        assert code == 0, said
        with out.open() as file:
            rows = list(csv.DictReader(file))
        model = load(trained / "runs" / name / "model.lamina")
        found = model.predict(str(data))
        assert [row["prediction"] for row in rows] == list(found.labels)
        assert len(rows) == {"series": 40, "sounds": 24, "long": 24}[name]


def test_evaluating_says_how_good(trained: Path, tmp_path: Path, capsys) -> None:
    other = write_ts(tmp_path / "other.ts", 20, 7)
    code, shown, _ = lamina("evaluate", "series", other, "--runs", trained / "runs", capsys=capsys)
    assert (code, shown["metric"]) == (0, "accuracy")
    assert 0 <= shown["score"] <= 1
    longer = tmp_path / "longer.ts"
    longer.write_text(other.read_text().replace("@data\n", "@data\n" + ",".join(["0.1"] * 60) + ":fast\n"))
    code, shown, _ = lamina(
        "predict", "series", longer, "-o", tmp_path / "p.csv", "--runs", trained / "runs", capsys=capsys
    )
    assert (code, shown["rows"]) == (0, 21)
    assert any("more than 39 steps" in note for note in shown["notes"])


def test_what_is_chosen_beside_a_test_part_learns_from_all_other_rows(trained: Path, tmp_path: Path, capsys) -> None:
    held = write_ts(tmp_path / "held.ts", 12, 9)
    words = ("train", trained / "series.ts", "--test", held, "--runs", tmp_path / "runs", "--run", "held", *QUICK)
    code, _, _ = lamina(*words, "--learning-rate", "0.03", "--network", "conv 2, mean", capsys=capsys)
    assert code == 0
    _, shown, _ = lamina("show", "held", "--runs", tmp_path / "runs", capsys=capsys)
    parts, members = shown["split"]["parts"], shown["members"]
    assert [part["train"] for part in parts[5:]] == [40] * 5
    assert all(part["train"] == 32 for part in parts[:5])
    winners = [members[at] for at in shown["selection"]["winners"]]
    assert {member["part"] for member in winners} == {5, 6, 7, 8, 9}
    assert load(tmp_path / "runs" / "held" / "model.lamina").parts.__len__() == len(winners)


def test_checking_trains_nothing(trained: Path, capsys) -> None:
    code, seen, _ = lamina("check", trained / "series.ts", capsys=capsys)
    assert (code, seen["kind"], seen["rows"]) == (0, "series", 40)
    words = ("check", trained / "sounds", "--label-from-name", PATTERN, "--target", "speaker")
    code, seen, _ = lamina(*words, capsys=capsys)
    assert (code, seen["kind"], sorted(seen["classes"])) == (0, "sound", ["speaker0", "speaker1", "speaker2"])


def test_a_table_of_numbers_is_series_when_asked(tmp_path: Path, capsys) -> None:
    rng = np.random.default_rng(5)
    with (tmp_path / "wide.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"t{at}" for at in range(12)), "kind"])
        writer.writerows([*(f"{v:.3f}" for v in wave(row % 2, 12, rng)), "ab"[row % 2]] for row in range(20))
    code, seen, _ = lamina("check", tmp_path / "wide.csv", "--kind", "series", "--target", "kind", capsys=capsys)
    assert (code, seen["kind"], seen["rows"]) == (0, "series", 20)
    code, seen, _ = lamina("check", tmp_path / "wide.csv", "--target", "kind", capsys=capsys)
    assert (code, seen["kind"]) == (0, "table")


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (("series.ts", "--kind", "sounds"), "--kind is sounds"),
        (("series.ts", "--image-size", "8"), "--image-size"),
        (("series.ts", "--augment", "flip"), "--augment flip"),
        (("sounds", "--label-from-name", PATTERN, "--augment", "flip"), "--augment flip"),
        (("sounds", "--label-from-name", "nothing"), "nothing"),
        (("sounds", "--label-from-name", PATTERN, "--group", "age"), "age"),
        (("sounds",), "sounds"),
        (("sounds", "--label-from-name", PATTERN, "--order", "time"), "--order"),
        (("long.csv", "--series", "engine", "--target", "state"), "engine"),
        (("long.csv", "--series", "machine", "--order", "when", "--target", "state"), "when"),
        (("long.csv", "--series", "machine", "--order", "time", "--target", "a"), "a"),
        (("series.ts", "--network", "conv 4 100 valid, last"), "conv"),
        (("series.ts", "--network", "conv 4 padding valid kernel 99, last"), "99"),
        (("series.ts", "--clip-norm", "-1"), "-1"),
    ],
)
def test_what_does_not_fit_is_refused(
    trained: Path, tmp_path: Path, words: tuple[str, ...], given: str, capsys
) -> None:
    code, said, _ = lamina("train", trained / words[0], *words[1:], "--runs", tmp_path / "runs", *QUICK, capsys=capsys)
    assert code == 2
    assert given in json.dumps(said)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())
