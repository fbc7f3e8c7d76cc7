"""Long tables: against pandas, and each thing that can be wrong with times, targets and columns."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lamina.data.examples import Reading
from lamina.data.long_series import read_long, read_long_like
from lamina.data.ragged import Ragged
from lamina.data.table import read_table
from lamina.errors import DataError, LaminaError, OptionError, SchemaError, TargetError

READING = Reading("state", series="machine", order="time")


def machines(count: int = 4, steps: int = 6) -> pd.DataFrame:
    """Regular measurements of two channels, a day apart, in order."""
    draw = np.random.default_rng(0)
    rows = [
        {
            "machine": f"m{machine}",
            "time": pd.Timestamp("2024-02-27") + pd.Timedelta(days=step),
            "heat": draw.normal(machine),
            "speed": draw.normal(),
            "state": ["good", "bad"][machine % 2],
        }
        for machine in range(count)
        for step in range(steps)
    ]
    return pd.DataFrame(rows)


def read(frame: pd.DataFrame, reading: Reading = READING, **more: Any) -> Ragged:
    return read_long(read_table(frame), dataclasses.replace(reading, **more))


def kinds(found: Ragged) -> set[str]:
    return {note.kind for note in found.notes}


def note(found: Ragged, kind: str) -> str:
    return next(note.text for note in found.notes if note.kind == kind)


def test_each_series_has_its_steps_channels_and_label() -> None:
    frame = machines()
    found = read(frame)
    assert found.names.tolist() == ["m0", "m1", "m2", "m3"]
    assert found.labels is not None
    assert found.labels.tolist() == ["good", "bad", "good", "bad"]
    for name, series in zip(found.names, found.values, strict=True):
        expected = frame.loc[frame.machine == name, ["heat", "speed"]].to_numpy(np.float32)
        np.testing.assert_array_equal(series, expected)
    assert found.layout.channels == ("heat", "speed")
    assert found.layout.step == 86400
    assert not found.notes


def test_order_of_the_rows_does_not_matter() -> None:
    frame = machines()
    expected = read(frame)
    mixed = frame.sample(frac=1, random_state=1).sort_values("machine", kind="stable")
    found = read(mixed)
    for one, other in zip(found.values, expected.values, strict=True):
        np.testing.assert_array_equal(one, other)
    late = sum(int((part.time.diff().dt.days < 0).sum()) for _, part in mixed.groupby("machine"))
    assert note(found, "time-order").startswith(f"{late} rows of 4 series were out of the order")


def test_doubled_times_are_averaged_and_counted() -> None:
    frame = machines()
    twice = frame.iloc[[2]].assign(heat=frame.heat[2] + 4)
    found = read(pd.concat([frame, twice]))
    assert found.values[0][2, 0] == pytest.approx(frame.heat[2] + 2, rel=1e-6)
    assert found.values[0][2, 1] == np.float32(frame.speed[2])
    assert note(found, "doubled-times").startswith("1 row repeats a time")


def test_gaps_become_missing_steps_and_are_counted() -> None:
    frame = machines()
    found = read(frame.drop([2, 3, 8]))
    assert found.lengths.tolist() == [6, 6, 6, 6]
    expected = read(frame).values[0]
    np.testing.assert_array_equal(found.values[0][[0, 1, 4, 5]], expected[[0, 1, 4, 5]])
    assert np.isnan(found.values[0][[2, 3]]).all()
    text = note(found, "time-gaps")
    assert text.startswith("3 steps are missing in 2 series, whose regular step is 1 day; the longest gap has 2.")


def test_numbers_as_times_and_codes_that_look_like_words() -> None:
    frame = machines().assign(time=[*range(0, 12, 2)] * 4)
    assert read(frame).layout.step == 2
    codes = frame.assign(time=[f"{n:03d}" for n in frame.time])
    assert read(codes).layout.step == 2


def test_times_without_a_regular_step_are_only_an_order() -> None:
    frame = machines().assign(time=[0, 1, 3, 10, 40, 100] * 4)
    found = read(frame)
    assert found.layout.step is None
    assert found.lengths.tolist() == [6] * 4
    assert "no regular step" in note(found, "irregular-times")


def test_without_an_order_the_rows_have_theirs() -> None:
    frame = machines().drop(columns="time")
    mixed = frame.iloc[[0, 6, 1, 7, 2, 8]]
    found = read(mixed, order=None)
    np.testing.assert_array_equal(found.values[0], frame.iloc[:3][["heat", "speed"]].to_numpy(np.float32))
    assert found.lengths.tolist() == [3, 3]
    assert not found.notes


def test_rows_without_a_series_or_a_time_are_left_out_and_counted() -> None:
    frame = machines().astype({"machine": object})
    frame.loc[0, "machine"] = None
    frame.loc[[6, 7], "time"] = pd.NaT
    found = read(frame)
    assert found.lengths.tolist() == [5, 4, 6, 6]
    assert note(found, "missing-series").startswith('Left out: 1 row without a value of "machine"')
    assert note(found, "missing-time").startswith('Left out: 2 rows without a value of "time"')
    with pytest.raises(DataError, match="No row"):
        read(frame.assign(machine=None))


def test_a_target_that_is_missing_in_some_rows_is_that_of_the_others() -> None:
    frame = machines().astype({"state": object})
    frame.loc[[0, 1, *range(6, 12)], "state"] = None
    found = read(frame)
    assert found.labels is not None
    assert found.labels.tolist() == ["good", None, "good", "bad"]
    numbers = read(frame.assign(state=frame.machine.str[1:].astype(float)))
    assert numbers.labels is not None
    assert numbers.labels.tolist() == [0, 1, 2, 3]


def test_a_target_or_group_that_differs_within_a_series_is_refused_with_its_name() -> None:
    frame = machines()
    frame.loc[8, "state"] = "odd"
    with pytest.raises(DataError, match='target "state" has several values in the series "m1": "bad" and "odd"'):
        read(frame)
    with pytest.raises(DataError, match='group "state" has several values in the series "m1"'):
        read(frame.assign(y=frame.machine), target="y", group="state")


def test_groups_are_those_of_the_series() -> None:
    found = read(machines().assign(site=[7] * 12 + [8] * 12), group="site")
    assert found.groups is not None
    assert found.groups.tolist() == ["7", "7", "8", "8"]
    assert found.layout.channels == ("heat", "speed")


def test_words_and_row_numbers_are_left_out_and_said_and_dropped_columns_are_not_read() -> None:
    frame = machines().assign(comment="fine", part="x")
    frame.insert(0, "row", range(len(frame)))
    found = read(frame, drop=("speed",))
    assert found.layout.channels == ("heat",)
    texts = " ".join(note.text for note in found.notes)
    assert '"comment" is left out: it holds words, such as "fine"' in texts
    assert '"row" is left out: it numbers the rows' in texts
    assert read(frame, types={"row": "number"}).layout.channels == ("row", "heat", "speed")


def test_another_table_is_read_by_the_columns_and_the_step_of_the_first() -> None:
    first = read(machines())
    sparse = machines(steps=9).iloc[::2].drop(columns="state")  # two days apart: every other step is a gap
    found = read_long_like(read_table(sparse[["speed", "machine", "time", "heat"]]), first.layout)
    assert found.labels is None
    assert found.layout == first.layout
    assert found.lengths[0] == 9
    assert np.isnan(found.values[0][1::2]).all()
    np.testing.assert_array_equal(found.values[0][::2, 0], machines(steps=9).heat[:9:2].to_numpy(np.float32))


@pytest.mark.parametrize("name", ["machine", "time", "heat"])
def test_another_table_without_a_column_is_refused(name: str) -> None:
    layout = read(machines()).layout
    with pytest.raises(SchemaError, match=f'no column "{name}"'):
        read_long_like(read_table(machines().drop(columns=name)), layout)


@pytest.mark.parametrize(
    ("reading", "error", "message"),
    [
        ({"series": "nowhere"}, TargetError, "nowhere"),
        ({"order": "nowhere"}, TargetError, "nowhere"),
        ({"order": "machine"}, OptionError, '--order and --series both name the column "machine"'),
        ({"group": "state"}, OptionError, '--group and --target both name the column "state"'),
        ({"drop": ("time",)}, OptionError, "--drop and --order"),
        ({"order": "state", "target": "heat"}, DataError, 'column "state" of the order holds text'),
        ({"drop": ("heat", "speed")}, DataError, "No column of numbers is left"),
    ],
)
def test_columns_that_can_not_be_what_they_are_named_for(
    reading: dict[str, Any], error: type[LaminaError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(machines(), **reading)


def test_a_gap_that_memory_does_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    frame = machines()
    frame.loc[5, "time"] = pd.Timestamp("2199-01-01")
    frame.to_csv(tmp_path / "a.csv", index=False)
    monkeypatch.setattr("lamina.data.room.free_memory", lambda: 1_000_000)
    with pytest.raises(DataError, match=r"a.csv take 2.0 MB \(4 x 63,862 x 2 numbers\), and 1.0 MB are free") as caught:
        read_long(read_table(tmp_path / "a.csv"), READING)
    assert (pd.Timestamp("2199-01-01") - pd.Timestamp("2024-02-27")).days == 63_861
    assert "the longest is m0, 63,862 steps, 63,856 of them gaps" in str(caught.value)
