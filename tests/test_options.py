"""What people type, against what they mean."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lamina import options
from lamina.errors import OptionError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["0.001"], (0.001,)),
        (["1e-3,3e-3"], (0.001, 0.003)),
        (["0.1", "0.2"], (0.1, 0.2)),
        ([], ()),
        (["-1"], (-1.0,)),
    ],
)
def test_numbers(typed: list[str], meant: tuple[float, ...]) -> None:
    assert options.numbers(typed, "--learning-rate") == meant


@pytest.mark.parametrize("typed", ["1e-4..1e-2", "1e-4:1e-2", "0.0001 .. 0.01"])
def test_a_range_is_eight_numbers_spaced_by_their_logarithm(typed: str) -> None:
    found = options.numbers([typed], "--learning-rate")
    np.testing.assert_allclose(found, np.geomspace(1e-4, 1e-2, 8), rtol=1e-3)


def test_nan_is_left_for_the_settings_to_refuse() -> None:
    assert math.isnan(options.numbers(["nan"], "--learning-rate")[0])


@pytest.mark.parametrize("typed", ["fast", "0.1;0.2", "", "1e-2..1e-4", "0..1", "-1..1", "1..2..3", "1..inf", "1,,2"])
def test_what_is_no_number_or_range_is_refused_and_the_mend_works(typed: str) -> None:
    with pytest.raises(OptionError) as refused:
        options.numbers([typed], "--learning-rate")
    for suggestion in refused.value.mend.split(" or "):
        assert options.numbers([suggestion.split()[-1]], "--learning-rate")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("90", 90), ("90s", 90), ("10m", 600), ("2 min", 120), ("1.5h", 5400), ("-3", -3), (None, None)],
)
def test_seconds(typed: str | None, meant: float | None) -> None:
    assert options.seconds(typed, "--time-limit") == meant


@pytest.mark.parametrize("typed", ["soon", "10 days", "", "m", "1e"])
def test_what_is_no_duration_is_refused(typed: str) -> None:
    with pytest.raises(OptionError, match="no duration"):
        options.seconds(typed, "--time-limit")


@pytest.mark.parametrize(
    ("typed", "meant"), [("64", (64, 64)), ("48x64", (48, 64)), ("48 X 64", (48, 64)), (None, None)]
)
def test_size(typed: str | None, meant: tuple[int, int] | None) -> None:
    assert options.size(typed, "--image-size") == meant


@pytest.mark.parametrize("typed", ["0", "64x0", "-3", "big", "1x2x3", "6.5"])
def test_what_is_no_size_is_refused(typed: str) -> None:
    with pytest.raises(OptionError, match="no size"):
        options.size(typed, "--image-size")


def test_names_may_hold_commas_in_quotes() -> None:
    assert options.names(["a, b", '"c,d"', ""]) == ("a", "b", "c,d")
    assert options.names([]) == ()


def test_kinds_split_at_the_last_equals_sign() -> None:
    assert options.kinds(["a=number,b=Category", "x=y=text"], "--types") == {
        "a": "number",
        "b": "category",
        "x=y": "text",
    }


@pytest.mark.parametrize("typed", ["zip", "=number", "zip="])
def test_what_is_no_kind_is_refused_and_the_mend_works(typed: str) -> None:
    with pytest.raises(OptionError) as refused:
        options.kinds([typed], "--types")
    assert options.kinds([refused.value.mend.split()[-1]], "--types")
