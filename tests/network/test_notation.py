"""The notation: what it says, round trips, and every mistake with its place and a mend that works."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.errors import NotationError
from lamina.network import (
    GRU,
    LSTM,
    RNN,
    Activation,
    Attention,
    AvgPool,
    BatchNorm,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Frames,
    GlobalPool,
    Last,
    LayerNorm,
    Max,
    MaxPool,
    Mean,
    Positions,
    Residual,
    Sequential,
    Transformer,
)
from lamina.network.notation import parse, write


def test_the_example_of_the_front_page() -> None:
    assert parse("conv 32, pool, conv 64, pool, dense 128, dropout 0.5").layers == (
        Conv(32),
        MaxPool(),
        Conv(64),
        MaxPool(),
        Dense(128),
        Dropout(0.5),
    )


@pytest.mark.parametrize(
    ("text", "layer", "canonical"),
    [
        ("dense 10 tanh", Dense(10, "tanh"), "dense 10 tanh"),
        ("DENSE  10\tReLU", Dense(10), "dense 10"),
        ("dense 10 init orthogonal nobias", Dense(10, initialiser="orthogonal", biased=False), None),
        ("dense 10 nobias leaky_relu", Dense(10, "leaky relu", biased=False), "dense 10 leaky relu nobias"),
        ("conv 32 5x5 stride 2 padding valid gelu", Conv(32, 5, "gelu", stride=2, padding="valid"), None),
        ("conv 32 kernel 5x3 padding 2", Conv(32, (5, 3), padding=2), "conv 32 5x3 padding 2"),
        ("conv 8 dilation 2x1 groups 4", Conv(8, dilation=(2, 1), groups=4), "conv 8 dilation 2x1 groups 4"),
        ("maxpool", MaxPool(), "pool"),
        ("pool 2 stride 2", MaxPool(), "pool"),
        ("pool 3 stride 2 padding same", MaxPool(3, 2, "same"), "pool 3 stride 2 padding same"),
        ("avgpool 4", AvgPool(4), "avgpool 4"),
        ("globalpool mean", GlobalPool(), "globalpool"),
        ("globalpool max", GlobalPool("max"), "globalpool max"),
        ("flatten", Flatten(), "flatten"),
        ("frames", Frames(), "frames"),
        ("conv 8 5 Causal stride 2", Conv(8, 5, stride=2, causal=True), "conv 8 5 stride 2 causal"),
        ("dropout .25", Dropout(0.25), "dropout 0.25"),
        ("dropout 1e-3", Dropout(0.001), "dropout 0.001"),
        ("batchnorm momentum 0.2", BatchNorm(0.2), "batchnorm momentum 0.2"),
        ("layernorm epsilon 1e-6", LayerNorm(1e-6), "layernorm epsilon 1e-06"),
        ("leaky relu", Activation("leaky relu"), "leaky relu"),
        ("softmax", Activation("softmax"), "softmax"),
        ("lstm 128", LSTM(128), "lstm 128"),
        ("LSTM 128 Bidirectional", LSTM(128, bidirectional=True), "lstm 128 bidirectional"),
        ("gru 64 init he bidirectional", GRU(64, bidirectional=True, initialiser="he"), "gru 64 bidirectional init he"),
        (
            "lstm 128 bidirectional recurrent-dropout 0.3",
            LSTM(128, bidirectional=True, recurrent_dropout=0.3),
            "lstm 128 bidirectional recurrent-dropout 0.3",
        ),
        ("gru 8 recurrent_dropout 0", GRU(8, recurrent_dropout=0.0), "gru 8 recurrent-dropout 0.0"),
        ("lstm 128 truncate 100", LSTM(128, truncate=100), "lstm 128 truncate 100"),
        ("rnn 64 tanh", RNN(64), "rnn 64"),
        ("rnn 64 relu", RNN(64, "relu"), "rnn 64 relu"),
        ("Attention 4", Attention(4), "attention 4"),
        ("attention 4 init he causal", Attention(4, True, initialiser="he"), "attention 4 causal init he"),
        ("positions", Positions(), "positions"),
        ("transformer 4", Transformer(4), "transformer 4"),
        (
            "transformer 4 dropout 0.1 hidden 64 causal",
            Transformer(4, True, hidden_features=64, dropout=0.1),
            "transformer 4 causal hidden 64 dropout 0.1",
        ),
        ("last", Last(), "last"),
        ("last bidirectional", Last(bidirectional=True), "last bidirectional"),
        ("mean", Mean(), "mean"),
        ("max", Max(), "max"),
        ("residual(dense 8)", Residual([Dense(8)]), "residual(dense 8)"),
        ("concat(conv 8 1 | conv 8, relu)", Concatenate([Conv(8, 1), Sequential([Conv(8), Activation("relu")])]), None),
    ],
)
def test_words_and_options(text: str, layer, canonical: str | None) -> None:
    network = parse(text)
    assert network == Sequential([layer])
    assert canonical is None or write(network) == canonical
    assert parse(write(network)) == network


def test_a_comma_parts_dropout_between_layers_from_dropout_within_one() -> None:
    assert parse("lstm 8 bidirectional, dropout 0.3").layers == (LSTM(8, bidirectional=True), Dropout(0.3))
    assert parse("transformer 2 dropout 0.1, dropout 0.3").layers == (Transformer(2, dropout=0.1), Dropout(0.3))


def test_repetition_is_written_out() -> None:
    assert write(parse("2*(conv 32, 2 * (relu)), dense 8")) == "conv 32, relu, relu, conv 32, relu, relu, dense 8"


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_what_is_written_reads_the_same(networks: st.SearchStrategy[Sequential], data: st.DataObject) -> None:
    network = data.draw(networks)
    assert parse(write(network)) == network
    assert write(parse(write(network))) == write(network)


@given(st.text(alphabet="conv dense,()|*x0123.5e-residual pool dropout;", max_size=40) | st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_or_refused_with_a_mend_that_works(text: str) -> None:
    mend = ""
    try:
        parse(text)
    except NotationError as error:
        mend = error.mend
    if mend:
        parse(mend.removeprefix('Write "').removesuffix('".'))


# The text, the place of the mistake (from 1), what the message must say, and the mended text.
MISTAKES = [
    ("", 1, "empty", "dense 128"),
    ("cnov 32, pool", 1, 'no layer "cnov"', "conv 32, pool"),
    ("conv 32, dens 10", 10, 'no layer "dens"', "conv 32, dense 10"),
    ("perceptron 128", 1, 'no layer "perceptron"', None),
    ("attention", 1, "attention needs a number", "attention 4"),
    ("attention 0", 11, "number of heads of attention is 0", "attention 4"),
    ("attention 4 cuasal", 13, 'no option "cuasal"', "attention 4 causal"),
    ("transformer 4 hidden 0", 22, "hidden is 0", "transformer 4 hidden 256"),
    ("transformer 4 dropout 1.5", 23, "dropout is 1.5", None),
    ("transformer 4 dropout", 22, "dropout has no value", None),
    ("lstn 128", 1, 'no layer "lstn"', "lstm 128"),
    ("lstm", 1, "lstm needs a number", "lstm 128"),
    ("gru 64 bidrectional", 8, 'no option "bidrectional"', "gru 64 bidirectional"),
    ("lstm 8 relu", 8, "comma is missing", "lstm 8, relu"),
    ("lstm 8 recurrent-dropout 1", 26, "The recurrent-dropout is 1", "lstm 8 recurrent-dropout 0.3"),
    ("lstm 8 recurrent-dropout", 25, "recurrent-dropout has no value", None),
    ("lstm 8 truncate 0", 17, "truncate is 0", "lstm 8 truncate 100"),
    ("rnn 8 gelu", 1, "activation is 'gelu'", None),
    ("lstm 8, last 3", 14, 'no option "3"', "lstm 8, last"),
    ("lstm 8 max", 8, "comma is missing", "lstm 8, max"),
    ("conv 32 gelo", 9, 'no option "gelo"', "conv 32 gelu"),
    ("dense 10 stride 2", 10, 'no option "stride"', None),
    ("dense", 1, "output layer is implicit", "dense 128"),
    ("conv 32, dense", 10, "output layer is implicit", "conv 32"),
    ("dense, conv 32", 1, "output layer is implicit", "dense 128, conv 32"),
    ("dense relu", 1, "output layer is implicit", "dense 128 relu"),
    ("conv", 1, "needs a number", "conv 32"),
    ("dense 0", 7, "is 0", "dense 128"),
    ("dense -5", 7, "is -5", "dense 128"),
    ("dense 2.5", 7, "is 2.5", "dense 128"),
    ("dense 1_000", 7, "is 1_000", "dense 128"),
    ("dense 99999999999", 7, "is 99999999999", "dense 128"),
    ("conv 32 0x3", 9, "is 0x3", "conv 32 3"),
    ("conv 32 3x3x3", 9, "is 3x3x3", "conv 32 3"),
    ("conv 32 stride 0", 16, "stride is 0", "conv 32 stride 1"),
    ("conv 32 stride", 15, "stride has no value", None),
    ("conv 32 padding smae", 17, 'no padding "smae"', "conv 32 padding same"),
    ("conv 32 padding -1", 17, "padding is -1", "conv 32 padding same"),
    ("dense 8 init heh", 14, 'no initialiser "heh"', "dense 8 init he"),
    ("pool padding 2", 1, "more than half", None),
    ("conv 8 causal padding valid", 1, "padding is 'valid' and causal", None),
    ("dropout 1", 9, "rate is 1", "dropout 0.5"),
    ("dropout 50", 9, "rate is 50", "dropout 0.5"),
    ("dropout -0.1", 9, "rate is -0.1", "dropout 0.5"),
    ("dropout 0.99999999", 9, "rate is 0.99999999", "dropout 0.5"),
    ("batchnorm momentum 2", 1, "momentum is 2", None),
    ("conv 32 pool", 9, "comma is missing", "conv 32, pool"),
    ("dense 128 dropuot 0.5", 11, 'no option "dropuot"', "dense 128, dropout 0.5"),
    ("conv 32,, pool", 9, "where a layer was expected", "conv 32, pool"),
    ("conv 32,", 9, "The text ends", "conv 32"),
    ("dense 8; relu", 8, 'no option ";"', "dense 8, relu"),
    ("dense 8 relu tanh", 14, "said twice", "dense 8 relu"),
    ("conv 8 stride 2 stride 3", 17, "said twice", "conv 8 stride 2"),
    ("residual conv 8", 1, "comes a bracket", "residual(conv 8)"),
    ("residual(conv 8", 16, "not closed", "residual(conv 8)"),
    ("conv 8)", 7, "not expected here", "conv 8"),
    ("residual(dense 3 | dense 4)", 18, "not expected here", "residual(dense 3, dense 4)"),
    ("0*(dense 3)", 1, "is 0", "2*(dense 3)"),
    ("2000*(dense 3)", 1, "2000 layers", None),
    ("32, pool", 1, "no layer", "dense 32, pool"),
    ("residual(" * 21 + "relu" + ")" * 21, 181, "20 deep", None),
]


@pytest.mark.parametrize(("text", "place", "words", "mended"), MISTAKES, ids=[m[0][:30] for m in MISTAKES])
def test_a_mistake_is_answered_with_its_place_and_a_mend(text: str, place: int, words: str, mended: str | None) -> None:
    with pytest.raises(NotationError) as caught:
        parse(text)
    assert words in caught.value.given
    assert f"At character {place} of the network" in caught.value.given
    line, caret = caught.value.given.splitlines()[-2:]
    pointed = line[caret.index("^") :]
    assert pointed == text[place - 1 :][: len(pointed)]
    if mended is not None:
        assert caught.value.mend == f'Write "{mended}".'
        parse(mended)


def test_what_has_no_word_is_not_written() -> None:
    with pytest.raises(NotationError, match="Embedding has no word"):
        write(Sequential([Embedding(5, 2)]))
