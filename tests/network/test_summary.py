"""The table of layers, by hand."""

from __future__ import annotations

from lamina.network import Concatenate, Conv, Dense, Residual, Sequential, build, complete, leaves, summarize
from lamina.network.notation import parse
from lamina.network.summary import table, totals

NOTATION = "conv 32, pool, conv 64, pool, dense 128, dropout 0.5"


def test_the_table_of_layers_by_hand() -> None:
    rows = summarize(complete(parse(NOTATION), (28, 28, 1), 10, kind="image"), (28, 28, 1))
    assert [(r.path, r.output_shape, r.parameters, r.multiply_adds) for r in rows] == [
        ("0.image", (28, 28, 1), 0, 0),
        ("1.conv", (28, 28, 32), 9 * 32 + 32, 28 * 28 * 9 * 32),
        ("2.pool", (14, 14, 32), 0, 0),
        ("3.conv", (14, 14, 64), 9 * 32 * 64 + 64, 14 * 14 * 9 * 32 * 64),
        ("4.pool", (7, 7, 64), 0, 0),
        ("5.flatten", (3136,), 0, 0),
        ("6.dense", (128,), 3136 * 128 + 128, 3136 * 128),
        ("7.dropout", (128,), 0, 0),
        ("8.dense", (10,), 128 * 10 + 10, 128 * 10),
    ]
    assert totals(rows) == (421_642, 225_792 + 3_612_672 + 401_408 + 1_280)
    assert table(rows).splitlines()[-1].split() == ["total", "421,642", "4,241,152"]


def test_holders_are_followed_by_what_they_hold_and_counted_once() -> None:
    network = Sequential([Residual([Conv(4, groups=2, stride=2)]), Concatenate([Dense(2), Dense(3)])])
    rows = {row.path: row for row in summarize(network, (6, 6, 2))}
    body, projection = 3 * 3 * 4 * 9 * 1, 3 * 3 * 4 * 2
    assert rows["0.residual"].multiply_adds == body + projection
    assert rows["0.residual.body.0.conv"].multiply_adds == body
    assert rows["0.residual.projection"].output_shape == (3, 3, 4)
    assert rows["1.concatenate"].parameters == 4 * 5 + 5
    assert rows["1.concatenate.1.sequential.0.dense"].multiply_adds == 9 * 4 * 3
    assert totals(list(rows.values()))[0] == rows["0.residual"].parameters + rows["1.concatenate"].parameters


def test_the_numbers_of_the_table_are_those_of_the_built_network() -> None:
    network = complete(parse("residual(dense 5), layernorm"), (4,), 2, kind="table", columns=(2, (4, 30)))
    built = leaves(build(network, (4,)), "parameter")
    assert totals(summarize(network, (4,)))[0] == sum(array.size for array in built.values())


def test_rates_are_shown_as_they_were_written() -> None:
    rows = summarize(parse("dropout 0.3, lstm 2 bidirectional recurrent-dropout 0.1 truncate 9"), (4, 3))
    assert [row.description for row in rows] == ["dropout 0.3", "lstm 2 bidirectional recurrent-dropout 0.1 truncate 9"]
