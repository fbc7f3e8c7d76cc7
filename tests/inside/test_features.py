"""Features of hand-made units: a filter finds its pattern in an example, and the optimised input is the pattern."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamina.data.examples import Examples
from lamina.errors import OptionError
from lamina.inside.features import excited, features
from lamina.inside.kept import Kept
from lamina.inside.trace import outputs
from lamina.model import Model, NetworkPart
from lamina.network import Conv, Dense, Flatten, ImageInput, MaxPool, Sequential, SeriesInput, build, leaves
from lamina.training.vector import Layout

Make = Callable[..., NetworkPart]
EDGE = np.array([[-1, 0, 1]] * 3, np.float32)  # dark on the left, bright on the right
DOT = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32) / 8


def kept_of(kind: Any, inputs: np.ndarray | None, cells: Any = None, count: int = 0) -> Kept:
    ids = np.arange(count or len(inputs))  # type: ignore[arg-type]
    return Kept(kind, ids, ids.astype(str), np.repeat("judged", len(ids)), ids, ids, inputs, cells)


def hand_made(network: Sequential, shape: tuple[int, ...], weights: dict[str, np.ndarray]) -> NetworkPart:
    built = build(network, shape)
    state = {path: np.asarray(of) for path, of in leaves(built, "state").items()}
    if "0.image.mean" in state:
        state |= {"0.image.mean": np.array([0.5], np.float32), "0.image.deviation": np.array([0.25], np.float32)}
    packed = Layout.of(built).pack({**leaves(built, "parameter"), **weights})
    return NetworkPart(network, shape, "cross entropy", None, np.asarray(packed), state)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def detector() -> NetworkPart:
    """Two filters, an edge and a dot, before a pool and a head."""
    network = Sequential([ImageInput(), Conv(2, 3), MaxPool(2), Flatten(), Dense(2, "linear")])
    return hand_made(network, (12, 12, 1), {"1.conv.weight": np.stack([EDGE, DOT], axis=-1)[:, :, None]})


@pytest.fixture(scope="module")
def pictures() -> Kept:
    """Faint noise; in number 3 an edge at row 5, columns 6 to 8; in number 6 a dot at row 2, column 9."""
    x = np.random.default_rng(0).integers(120, 136, (9, 12, 12, 1))
    x[3, 4:7, 6], x[3, 4:7, 8] = 0, 255
    x[6, 2, 9] = 255
    return kept_of("image", x.astype(np.uint8))


@pytest.mark.slow
def test_the_strongest_example_is_the_one_with_the_pattern(detector: NetworkPart, pictures: Kept) -> None:
    edge = features(pictures, detector, "1.conv", 0)
    assert edge.strongest[0].id == 3
    assert edge.strongest[0].at == (5, 7, 0)
    assert edge.strongest[0].window == ((4, 7), (6, 9))
    dot = features(pictures, detector, "1.conv", 1)
    assert (dot.strongest[0].id, dot.strongest[0].at) == (6, (2, 9, 1))
    pooled = features(pictures, detector, "2.pool", 1)
    assert (pooled.strongest[0].id, pooled.strongest[0].at) == (6, (1, 4, 1))
    assert pooled.strongest[0].window == ((1, 5), (7, 11))


@pytest.mark.parametrize(("unit", "pattern"), [(0, EDGE), (1, DOT)])
def test_the_optimised_input_is_the_pattern(
    detector: NetworkPart, pictures: Kept, unit: int, pattern: np.ndarray
) -> None:
    found = features(pictures, detector, "1.conv", unit)
    assert found.optimised.shape == (12, 12, 1)
    assert found.optimised_window is not None
    seen = found.optimised[tuple(slice(*of) for of in found.optimised_window)][..., 0]
    assert np.corrcoef(seen.ravel(), pattern.ravel())[0, 1] > 0.85
    assert 0 <= found.optimised.min() <= found.optimised.max() <= 255
    assert found.optimised_value > found.strongest[0].value * 0.5
    y = outputs(detector, found.optimised[None], "1.conv")[0][found.optimised_at]
    assert found.optimised_value == pytest.approx(float(y), rel=1e-4)
    again = features(pictures, detector, "1.conv", unit)
    np.testing.assert_array_equal(again.optimised, found.optimised)


def test_every_value_is_what_the_layer_says_there(detector: NetworkPart, pictures: Kept) -> None:
    for path in ("1.conv", "4.dense"):
        y = outputs(detector, pictures.inputs, path)
        found = features(pictures, detector, path, 1, count=4)
        by_hand = y[..., 1].reshape(9, -1).max(axis=1)
        assert [one.value for one in found.strongest] == pytest.approx(sorted(by_hand, reverse=True)[:4])
        assert [one.value for one in found.weakest] == pytest.approx(sorted(by_hand)[:4])
        for one in found.strongest:
            assert y[one.id][one.at] == pytest.approx(one.value)
    assert features(pictures, detector, "4.dense", 0).strongest[0].window is None
    assert excited(pictures, detector, "1.conv") is excited(pictures, detector, "1.conv")


def test_a_unit_behind_others_is_excited_by_what_is_made_for_it(detector: NetworkPart, pictures: Kept) -> None:
    found = features(pictures, detector, "4.dense", 0)
    assert found.optimised_value > found.strongest[0].value


@pytest.mark.slow
def test_a_motif_in_a_series() -> None:
    motif = np.array([0.0, 1.0, 2.0, -2.0, -1.0], np.float32)
    network = Sequential([SeriesInput(), Conv(1, 5, "tanh", padding="valid"), Flatten(), Dense(2, "linear")])
    part = hand_made(network, (30, 1), {"1.conv.weight": motif[:, None, None], "1.conv.bias": np.float32([-5])})
    x = np.random.default_rng(0).normal(scale=0.1, size=(6, 30, 1)).astype(np.float32)
    x[2, 11:16, 0] = motif
    x[4, 20:] = np.nan
    found = features(kept_of("series", x), part, "1.conv", 0)
    assert found.strongest[0].id == 2
    assert found.strongest[0].window == ((11, 16),)
    assert all(one.value < 0 for one in found.weakest[:5])  # steps that aren't there are no 0 that would win
    assert found.optimised_window is not None
    (start, stop), smooth = found.optimised_window[0], found.optimised[:, 0]
    assert np.corrcoef(smooth[start:stop], motif)[0, 1] > 0.9


def test_a_row_put_together_of_values_that_occur(penguins: tuple[Model, Examples]) -> None:
    model, examples = penguins
    part, table = model.parts[0], examples.inputs
    cells = {
        column.name: [None if v != v else v for v in table.columns[column.name].tolist()]  # type: ignore[union-attr]
        for column in examples.schema.features
    }
    kept = kept_of("table", None, cells, len(examples))
    found = features(kept, part, "1.dense", 2)
    y = outputs(part, kept.inputs_for(part), "1.dense")[:, 2]
    assert found.strongest[0].value == pytest.approx(float(y.max()))
    assert found.optimised_value >= y.max()
    prepared = part.preprocessing.transform(kept_of("table", None, {k: [v] for k, v in found.cells.items()}, 1).table())
    np.testing.assert_allclose(prepared[0], found.optimised)
    # The unit is a sum over the columns: no exchange of one column for a value that occurs does better.
    assert float(outputs(part, prepared, "1.dense")[0, 2]) == pytest.approx(found.optimised_value, rel=1e-5)
    rows = kept.inputs_for(part)
    code = part.preprocessing.feature_names.index("island")  # type: ignore[union-attr]
    exchanged = np.repeat(prepared, len(rows), axis=0)
    exchanged[:, code] = rows[:, code]
    assert outputs(part, exchanged, "1.dense")[:, 2].max() <= found.optimised_value + 1e-5
    tenth = np.argsort(-y, kind="stable")[:34]
    first = next(one for one in found.ranges if one.column == "bill_length_mm")
    lengths = np.array([np.nan if v is None else v for v in cells["bill_length_mm"]])
    few = lengths[tenth][~np.isnan(lengths[tenth])]
    assert (first.low, first.high) == pytest.approx(tuple(np.quantile(few, (0.1, 0.9))))
    assert sum(all_ for _, all_ in next(r for r in found.ranges if r.column == "island").words.values()) == 1


def test_a_recording_is_optimised_as_a_spectrogram(of_case: Any, drawn: Any, network_cases: Any) -> None:
    case = network_cases["heard in time"]
    one = of_case(case)
    found = features(kept_of("sound", drawn(case, 4)), one, "1.conv", 0)
    assert found.optimised.shape == (12, 4)
    assert found.optimised_window is not None
    assert len(found.strongest[0].at) == 3
    assert found.optimised_value >= found.strongest[-1].value


def test_what_there_is_not_is_refused(detector: NetworkPart, pictures: Kept) -> None:
    with pytest.raises(OptionError, match="no unit 2"):
        features(pictures, detector, "1.conv", 2)
    with pytest.raises(OptionError, match="no layer"):
        features(pictures, detector, "9.conv", 0)
    with pytest.raises(OptionError, match="excites the input"):
        features(pictures, detector, "", 0)
