"""What people see: numbers, intervals, progress and errors, against what was measured."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lamina import terminal
from lamina.settings import Progress

VERDICT: dict[str, Any] = {
    "metric": "accuracy",
    "greater_is_better": True,
    "score": 0.98,
    "interval": [0.96, 0.99],
    "baselines": {
        "majority class": {"score": 0.44, "interval": [0.39, 0.49]},
        "logistic regression": {"score": 0.985, "interval": [0.97, 0.995]},
    },
}


def drawn(what: Any, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_best_stands_first() -> None:
    lines = drawn(terminal.verdict_table(VERDICT)).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["logistic regression", "network", "majority class"]
    assert "0.9800" in lines[2]
    assert "0.9600 to 0.9900" in lines[2]


def test_where_less_is_better_the_lowest_stands_first() -> None:
    lines = drawn(terminal.verdict_table({**VERDICT, "metric": "rmse", "greater_is_better": False})).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["majority class", "network", "logistic regression"]


@pytest.mark.parametrize("missing", [{"baselines": {}}, {"score": None, "interval": None}, {"baselines": None}])
def test_a_verdict_with_gaps_is_drawn_all_the_same(missing: dict[str, Any]) -> None:
    assert "network" in drawn(terminal.verdict_table({**VERDICT, **missing}))


def test_an_interval_is_drawn_where_it_lies() -> None:
    line = terminal.draw(0.5, [0.0, 1.0], (0.0, 1.0), width=11)
    assert line == "·····●·····"
    assert terminal.draw(0.5, None, (0.5, 0.5), width=5).count("●") == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.0000"), (-0.25, "-0.2500"), (12.3456, "12.35"), (999.94, "999.9"), (1e-5, "1e-05"), (1e12, "1e+12"),
     (float("nan"), "–"), (float("inf"), "–"), (123456.7, "123,457")],
)  # fmt: skip
def test_number(value: float, shown: str) -> None:
    assert terminal.number(value) == shown


def test_text_from_a_file_is_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    here = terminal.Terminal()
    here.say("[bold]x[/bold] :smile:")
    here.notes("Notes", ["[red]y"])
    here.say(terminal.table(("[b]",), [("[i]z",)]))
    said = capsys.readouterr().out
    for text in ("[bold]x[/bold] :smile:", "[red]y", "[b]", "[i]z"):
        assert text in said


def test_json_stands_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    here = terminal.Terminal(json=True)
    here.say("for people")
    here.give({"score": float("nan"), "path": Path("a"), "names": ("ä",)})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"score": None, "path": "a", "names": ["ä"]}
    assert "for people" in err


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    here = terminal.Terminal(quiet=True)
    here.say("x")
    here.notes("t", ["y"])
    here.pairs([("a", "b")])
    assert capsys.readouterr() == ("", "")


def test_a_long_path_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/".join(["folder"] * 40)
    terminal.Terminal().pairs([("report", path)])
    assert path in capsys.readouterr().out


def test_an_error_says_all_three_parts(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_error("a [b] was given", "a c", "type c\ntype d", as_json=True)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": "a [b] was given", "expected": "a c", "mend": "type c\ntype d"}
    assert all(part in err for part in ("a [b] was given", "expected: a c", "to mend it: type c", "type d"))


def test_away_from_a_terminal_progress_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.Interrupt() as stop, terminal.ProgressLine(terminal.Terminal(), stop) as observer:
        observer(Progress("reading", "reading a.csv"))
        for epoch in range(100):
            assert observer(Progress("training", f"epoch {epoch + 1} of 100", epoch / 100)) is True
        observer(Progress("report", "writing the report"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["reading", "training", "training", "report"]
    assert lines[2].endswith("epoch 100 of 100")


def test_the_first_ctrl_c_asks_and_the_second_insists(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with terminal.Interrupt() as stop:
        observer = terminal.ProgressLine(terminal.Terminal(quiet=True), stop)
        assert observer(Progress("training", "epoch 1")) is True
        os.kill(os.getpid(), signal.SIGINT)
        assert observer(Progress("training", "epoch 2")) is False
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "Stopping after this chunk" in capfd.readouterr().err


def test_where_there_is_no_chunk_ctrl_c_stops_at_once() -> None:
    stop = terminal.Interrupt()
    stop.asked = True
    with pytest.raises(KeyboardInterrupt):
        terminal.ProgressLine(terminal.Terminal(quiet=True), stop)(Progress("simple models", "a ridge regression"))


def test_in_a_terminal_progress_is_one_live_line() -> None:
    here = terminal.Terminal()
    here.console = Console(file=io.StringIO(), force_terminal=True, width=100, markup=False, force_interactive=True)
    with terminal.ProgressLine(here, terminal.Interrupt()) as observer:
        for epoch in range(50):
            observer(Progress("training", f"epoch {epoch + 1} of 50", epoch / 50))
    written = here.console.file.getvalue()  # type: ignore[attr-defined]
    assert "epoch 50 of 50" in written  # what stays when the line goes
    assert written.count("epoch") < 50  # drawn some times a second, not each time it is told


def test_members_of_one_recipe_stand_in_one_line() -> None:
    def member(rate: float, loss: float | None, state: str) -> dict[str, Any]:
        recipe = {"learning_rate": rate, "weight_decay": 0.01}
        return {"network": 0, "recipe": recipe, "best_epoch": 3, "validation_loss": loss, "state": state}

    members = [member(0.01, 0.5, "done"), member(0.01, 0.25, "done"), member(10.0, None, "diverged")]
    lines = drawn(terminal.member_table(members)).splitlines()
    assert len(lines) == 3
    assert "0.2500 to 0.5000" in lines[1]
    assert "diverged" in lines[2]


def test_layers_are_summed() -> None:
    layer = {"path": "1.dense", "description": "dense 2", "output_shape": [2], "parameters": 1000, "multiply_adds": 900}
    lines = drawn(
        terminal.layer_table({"layers": [layer, layer], "parameters": 2000, "multiply_adds": 1800})
    ).splitlines()
    assert lines[-1].split() == ["2,000", "1,800"]


def test_the_gradient_back_in_time_stands_at_steps_that_count() -> None:
    curve = {"name": "hidden state", "mean": [1.0, 0.5, None, 2e-9]}
    short = {"label": "2.gru", "steps": [0, 3], "curves": [{"name": "hidden state", "mean": [0.25, 4.0]}]}
    memory = {"layers": [{"label": "1.rnn", "steps": [0, 1, 9, 120], "curves": [curve]}, short]}
    titles, first, second = drawn(terminal.memory_table(memory)).splitlines()
    assert titles.rstrip().endswith("120 back")
    assert first.split()[-5:] == ["1.0", "0.50", "–", "2e-09", "2e-09"]
    assert second.split()[-5:] == ["0.25", "0.25", "–", "–", "–"]


def test_classes_are_drawn_to_scale() -> None:
    lines = drawn(terminal.class_table([("rare", 1), ("common", 99)])).splitlines()
    assert "99.0%" in lines[1]
    assert lines[1].count("█") == terminal.BAR
    assert lines[2].count("█") == 1


def test_a_sketch_never_hides_what_is_there() -> None:
    assert terminal.sketch([0, 1, 1_000_000]) == " ▁█"
    assert terminal.sketch([]) == ""
