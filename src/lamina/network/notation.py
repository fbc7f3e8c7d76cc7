"""The notation of networks: "conv 32, pool, dense 128, dropout 0.5" to a network and back.

    network  = item {"," item}
    item     = NUMBER "*" "(" network ")"          these layers so many times: 2*(conv 32, pool)
             | "residual" "(" network ")"          the input added to what the layers make of it
             | "concatenate" "(" network {"|" network} ")"   side by side, given the same input
             | layer {option}
    layer    = "dense" N | "conv" N [["kernel"] SIZE] | "pool" [["window"] SIZE] | "avgpool" [["window"] SIZE]
             | "globalpool" ["mean" | "max"] | "dropout" RATE | "batchnorm" | "layernorm" | "flatten" | activation
             | ("rnn" | "lstm" | "gru") N | "last" | "mean" | "max"       over [time, features]
             | "attention" HEADS | "transformer" HEADS | "positions"      over [time, features]
             | "frames"                            [time, ...] to [time, features]
    option   = activation                          dense, conv (relu unless said; "linear" is none)
             | "init" NAME                         dense, conv, rnn, lstm, gru: he glorot lecun orthogonal zeros
             | "nobias"                            dense, conv
             | "stride" SIZE                       conv, pool, avgpool
             | "padding" ("same" | "valid" | N)    conv (same), pool, avgpool (valid)
             | "dilation" SIZE | "groups" N        conv
             | "causal"                            conv over [time, channels], attention, transformer: no look ahead
             | "tanh" | "relu"                     rnn (tanh)
             | "bidirectional"                     rnn, lstm, gru, last
             | "recurrent-dropout" RATE | "truncate" N   rnn, lstm, gru: of the state in training; steps of gradient
             | "hidden" N | "dropout" RATE         transformer: features within (4 times those given); of what it adds
             | "momentum" X | "epsilon" X          batchnorm (both), layernorm (epsilon)
    SIZE     = N | NxN
    activation = linear relu "leaky relu" gelu silu elu selu mish softplus tanh sigmoid softmax

The input layer, Flatten before the first dense layer on a picture, and the linear head are implicit: the data says how
many outputs there are. Sizes left out: kernel 3, pool 2 with windows side by side. Capitals and spaces don't matter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from lamina.errors import NotationError, OptionError
from lamina.network.activation import FUNCTIONS, Activation
from lamina.network.attention import Attention
from lamina.network.combine import Concatenate, Residual, Sequential
from lamina.network.conv import Conv
from lamina.network.dense import Dense
from lamina.network.dropout import Dropout
from lamina.network.frames import Frames
from lamina.network.initialisers import NAMES as INITIALISERS
from lamina.network.layer import Layer, shortest
from lamina.network.norm import BatchNorm, LayerNorm
from lamina.network.over_time import Last, Max, Mean
from lamina.network.pool import AvgPool, Flatten, GlobalPool, MaxPool
from lamina.network.positions import Positions
from lamina.network.recurrent import GRU, LSTM, RNN
from lamina.network.transformer import Transformer

DEEPEST = 20  # brackets within brackets
LONGEST = 1000  # layers, repetitions written out
LARGEST = 1_000_000  # features and sizes

_TOKEN = re.compile(
    r"(?P<size>\d+(?:x\d+)+)(?![\w.])|(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?![\w.])"
    r"|(?P<word>leaky relu|[a-z_][\w-]*)|(?P<mark>[,()|*])|(?P<other>[^\s,()|*]+)"
)
_SPELLINGS = {
    "maxpool": "pool",
    "averagepool": "avgpool",
    "globalavgpool": "globalpool",
    "batch_norm": "batchnorm",
    "layer_norm": "layernorm",
    "recurrent_dropout": "recurrent-dropout",
    "leaky_relu": "leaky relu",
    "leakyrelu": "leaky relu",
    "swish": "silu",
    "concat": "concatenate",
}


@dataclass(frozen=True)
class _Rule:
    """How a layer is written: what must and may follow its word, and its options in the order they are written."""

    make: Callable[..., Layer]
    needs: str = ""
    example: str = ""
    may: str = ""
    options: tuple[str, ...] = ()
    activated: bool = False


_OF_RECURRENT = ("bidirectional", "recurrent-dropout", "truncate", "init")
_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "dense": _Rule(Dense, "features", "128", options=("init", "nobias"), activated=True),
        "conv": _Rule(
            Conv,
            "features",
            "32",
            "kernel",
            ("stride", "padding", "dilation", "groups", "causal", "init", "nobias"),
            activated=True,
        ),
        "pool": _Rule(MaxPool, may="window", options=("stride", "padding")),
        "avgpool": _Rule(AvgPool, may="window", options=("stride", "padding")),
        "globalpool": _Rule(GlobalPool, options=("max", "mean")),
        "dropout": _Rule(Dropout, "rate", "0.5"),
        "batchnorm": _Rule(BatchNorm, options=("momentum", "epsilon")),
        "layernorm": _Rule(LayerNorm, options=("epsilon",)),
        "flatten": _Rule(Flatten),
        "rnn": _Rule(RNN, "features", "64", options=_OF_RECURRENT, activated=True),
        "lstm": _Rule(LSTM, "features", "128", options=_OF_RECURRENT),
        "gru": _Rule(GRU, "features", "64", options=_OF_RECURRENT),
        "frames": _Rule(Frames),
        "attention": _Rule(Attention, "heads", "4", options=("causal", "init")),
        "transformer": _Rule(Transformer, "heads", "4", options=("causal", "hidden", "dropout")),
        "positions": _Rule(Positions),
        "last": _Rule(Last, options=("bidirectional",)),
        "mean": _Rule(Mean),
        "max": _Rule(Max),
    }
)
_PLAIN = ("stride", "padding", "dilation", "groups", "momentum", "epsilon", "truncate", "dropout")
# Option word to field; a flag has its value with it.
_FIELDS = {word: word for word in _PLAIN} | {
    "init": "initialiser",
    "hidden": "hidden_features",
    "recurrent-dropout": "recurrent_dropout",
}
_FLAGS: Mapping[str, tuple[str, Any]] = {
    "nobias": ("biased", False),
    "max": ("by", "max"),
    "mean": ("by", "mean"),
    "bidirectional": ("bidirectional", True),
    "causal": ("causal", True),
}
_HOLDERS = ("residual", "concatenate")
_WORDS = (*_RULES, *_HOLDERS, *FUNCTIONS)


def parse(text: str) -> Sequential:
    """The network that ``text`` says, unbuilt; NotationError with the place of a mistake and the nearest word.

    >>> parse("dense 128 tanh, dropout 0.5")
    Sequential(layers=(Dense(features=128, activation='tanh'), Dropout(rate=0.5)))
    """
    return _parse(re.sub(r"\s", " ", text), mends=3)


def _parse(text: str, *, mends: int) -> Sequential:
    reader = _Reader(text, mends)
    network = reader.network()
    if reader.token.text:
        reader.stray()
    return network


def _working(mended: str, mends: int) -> str:
    """A text that parses: ``mended``, or what its own mistake is mended to, and so on; "" when none is found."""
    if not mended or mends == 0:
        return ""
    try:
        _parse(mended, mends=mends - 1)
    except NotationError as error:
        return error.mend[len(_WRITE) : -2]
    return mended


def write(network: Sequential) -> str:
    """The notation of a network, as short as it can be: ``parse(write(network)) == network``.

    >>> write(parse("Conv 32 3x3 relu, MaxPool 2, dense 10 linear"))
    'conv 32, pool, dense 10 linear'
    """
    return ", ".join(_written(layer) for layer in network.layers)


def _written(layer: Layer) -> str:
    if isinstance(layer, Activation):
        return layer.function
    if isinstance(layer, Residual):
        return f"residual({write(layer.body)})"
    if isinstance(layer, Concatenate):
        return f"concatenate({' | '.join(write(branch) for branch in layer.branches)})"
    rule = _RULES.get(layer.kind)
    if rule is None or type(layer) is not rule.make:
        raise NotationError(
            f"{type(layer).__name__} has no word in the notation.", expected="A network before it is completed."
        )
    parts = [layer.kind, _changed(layer, rule.needs), _changed(layer, rule.may)]
    parts.append(_changed(layer, "activation") if rule.activated else "")
    parts += [_written_option(layer, option) for option in rule.options]
    return " ".join(part for part in parts if part)


def _written_option(layer: Layer, option: str) -> str:
    if option in _FLAGS:
        name, value = _FLAGS[option]
        return option if _changed(layer, name) and getattr(layer, name) == value else ""
    value = _changed(layer, _FIELDS[option])
    return f"{option} {value}" if value else ""


def _changed(layer: Layer, name: str) -> str:
    """A field's value in the notation; "" when it is the default."""
    value = getattr(layer, name) if name else None
    if not name or value is None or value == layer.__dataclass_fields__[name].default:
        return ""
    return "x".join(map(str, value)) if isinstance(value, tuple) else shortest(value)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass
class _Reader:
    """Reads a text from left to right, one token ahead."""

    text: str
    mends: int
    tokens: list[_Token] = field(init=False)
    at: int = 0
    depth: int = 0

    def __post_init__(self) -> None:
        found = _TOKEN.finditer(self.text.lower())
        self.tokens = [_Token(str(m.lastgroup), m.group(), m.start()) for m in found]
        self.tokens.append(_Token("end", "", len(self.text.rstrip())))

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def next(self) -> _Token:
        taken = self.token
        self.at += taken.kind != "end"
        return taken

    def network(self) -> Sequential:
        layers = self.item()
        while self.token.text == ",":
            self.next()
            layers += self.item()
            if len(layers) > LONGEST:
                self.fail(self.tokens[self.at - 1], f"That makes more than {LONGEST} layers.", expected="Fewer.")
        return Sequential(layers)

    def item(self) -> list[Layer]:
        token = self.next()
        if token.kind == "number":
            return self.repetition(token)
        word = _SPELLINGS.get(token.text, token.text)
        if word in FUNCTIONS:
            return [Activation(word)]
        if word == "residual":
            return [Residual(self.bracket("|")[0])]
        if word == "concatenate":
            return [Concatenate(tuple(self.bracket("")))]
        if word in _RULES:
            return [self.layer(token, _RULES[word])]
        return self.unknown_layer(token)

    def repetition(self, times: _Token) -> list[Layer]:
        if self.token.text != "*":
            mended = self.replaced(times, f"dense {times.text}")
            self.fail(times, f"{times.text} is no layer.", expected=_listed(_WORDS), mended=mended)
        count = self.whole(times, "repetitions", "2")
        self.next()
        (body,) = self.bracket("|")
        if count * len(body) > LONGEST:
            self.fail(times, f"That makes {count * len(body)} layers.", expected=f"At most {LONGEST}.")
        return list(body.layers) * count

    def bracket(self, refused: str) -> list[Sequential]:
        """What stands in brackets: networks parted by "|", or just one when "|" is refused."""
        before, self.depth = self.tokens[self.at - 1], self.depth + 1
        if self.depth > DEEPEST:
            self.fail(before, f"Brackets stand more than {DEEPEST} deep.", expected="Fewer.")
        if self.token.text != "(":
            mended = f"{self.text[: before.end]}({self.text[before.end :].strip()})"
            expected = f"{before.text}(conv 32, conv 32)"
            self.fail(before, f'After "{before.text}" comes a bracket.', expected=expected, mended=mended)
        self.next()
        networks = [self.network()]
        while self.token.text == "|" != refused:
            self.next()
            networks.append(self.network())
        if self.token.text != ")":
            if self.token.text:
                self.stray()
            self.fail(self.token, "A bracket is not closed.", expected=")", mended=self.text.rstrip() + ")")
        self.next()
        self.depth -= 1
        return networks

    def layer(self, word: _Token, rule: _Rule) -> Layer:
        given: dict[str, Any] = {}
        if rule.needs:
            given[rule.needs] = self.needed(word, rule)
        if rule.may and self.token.kind in ("number", "size"):
            given[rule.may] = self.size(self.next(), rule.may)
        while self.token.kind in ("word", "number", "size", "other"):
            token = self.token
            name, value = self.option(word, rule)
            if name in given:
                last = self.tokens[self.at - 1]
                mended = self.text[: token.start].rstrip() + self.text[last.end :]
                self.fail(token, f"The {name} of this {word.text} is said twice.", mended=mended)
            given[name] = value
        try:
            return rule.make(**given)
        except OptionError as error:
            return self.fail(word, error.given, expected=error.expected)

    def needed(self, word: _Token, rule: _Rule) -> Any:
        token = self.token
        if token.kind not in ("number", "size", "other"):
            self.bare(word, rule)
        self.next()
        if rule.needs == "rate":
            return self.rate(token, rule.example, "dropout rate")
        return self.whole(token, f"number of {rule.needs} of {word.text}", rule.example)

    def bare(self, word: _Token, rule: _Rule) -> NoReturn:
        with_size = self.replaced(word, f"{word.text} {rule.example}")
        if rule.make is not Dense:
            self.fail(word, f"{word.text} needs a number.", expected=f"{word.text} {rule.example}", mended=with_size)
        # "conv 32, dense" means the outputs, which need no word; elsewhere a size was forgotten.
        head = self.token.kind == "end" and self.at > 1 and self.tokens[self.at - 2].text == ","
        mended = self.text[: self.tokens[self.at - 2].start].rstrip() if head else with_size
        self.fail(
            word,
            "dense has no size. The output layer is implicit: Lamina adds it, as large as the data asks.",
            expected="A number of features after dense, as in dense 128.",
            mended=mended,
        )

    def option(self, word: _Token, rule: _Rule) -> tuple[str, Any]:
        token = self.next()
        name = _SPELLINGS.get(token.text, token.text)
        if rule.activated and name in FUNCTIONS:
            return "activation", name
        if name == rule.may:
            return name, self.value(name)
        if name in rule.options and name in _FLAGS:
            return _FLAGS[name]
        if name in rule.options:
            return _FIELDS[name], self.value(name)
        return self.unknown_option(word, rule, token)

    def value(self, option: str) -> Any:
        token = self.token
        if token.kind in ("end", "mark"):
            self.fail(token, f"{option} has no value.", expected=_EXPECTED[option])
        self.next()
        if option == "init":
            return self.name(token, "initialiser", INITIALISERS)
        if option == "padding" and token.kind != "number":
            return self.name(token, "padding", ("same", "valid"))
        if option == "padding":
            return self.whole(token, option, "same", least=0)
        if option in _WHOLE:
            return self.whole(token, option, _WHOLE[option])
        if option in _RATES:
            return self.rate(token, "0.3", option)
        if option in ("momentum", "epsilon"):
            return self.decimal(token, option)
        return self.size(token, option)

    def whole(self, token: _Token, what: str, example: str, *, least: int = 1) -> int:
        value = int(token.text) if token.kind == "number" and token.text.isdecimal() else least - 1
        if not least <= value <= LARGEST:
            expected = f"A whole number from {least} to {LARGEST:,}."
            self.fail(token, f"The {what} is {token.text}.", expected=expected, mended=self.replaced(token, example))
        return value

    def size(self, token: _Token, what: str) -> int | tuple[int, ...]:
        if token.kind != "size":
            return self.whole(token, what, "1" if what in ("stride", "dilation") else "3")
        sizes = tuple(map(int, token.text.split("x")))
        if len(sizes) > 2 or not 1 <= min(sizes) <= max(sizes) <= LARGEST:
            expected = "One or two whole numbers from 1, as in 3 or 5x3."
            self.fail(token, f"The {what} is {token.text}.", expected=expected, mended=self.replaced(token, "3"))
        return sizes

    def rate(self, token: _Token, example: str, what: str) -> float:
        value = float(token.text) if token.kind == "number" else -1.0
        # As float32, which the rate becomes: 0.99999999 would be 1.
        if not 0 <= np.float32(value) < 1:
            mended = self.replaced(token, shortest(value / 100) if 2 <= value < 100 else example)
            expected = "The share of numbers to drop, from 0 to less than 1."
            self.fail(token, f"The {what} is {token.text}.", expected=expected, mended=mended)
        return value

    def decimal(self, token: _Token, what: str) -> float:
        if token.kind != "number":
            self.fail(token, f"The {what} is {token.text}.", expected=_EXPECTED[what])
        return float(token.text)

    def name(self, token: _Token, what: str, names: tuple[str, ...]) -> str:
        if token.text in names:
            return token.text
        near = _nearest(token.text, names) or names[0]
        given = f'There is no {what} "{token.text}".'
        return self.fail(token, given, expected=_listed(names), mended=self.replaced(token, near))

    def unknown_layer(self, token: _Token) -> NoReturn:
        if not token.text and self.at == 0:
            expected = "Layers, as in conv 32, pool, dense 128."
            self.fail(token, "The network is empty.", expected=expected, mended="dense 128")
        if token.kind in ("end", "mark"):
            given = f'"{token.text}" stands' if token.text else "The text ends"
            self.fail(token, f"{given} where a layer was expected.", expected=_listed(_WORDS), mended=self.tidied())
        near = _nearest(token.text, (*_WORDS, *_SPELLINGS))
        given = f'There is no layer "{token.text}".'
        self.fail(token, given, expected=_listed(_WORDS), mended=self.replaced(token, near) if near else "")

    def unknown_option(self, word: _Token, rule: _Rule, token: _Token) -> NoReturn:
        spelled = _SPELLINGS.get(token.text, token.text)
        if spelled in _WORDS:
            given = f'A comma is missing before "{token.text}".'
            mended = f"{self.text[: token.start].rstrip()}, {self.text[token.start :]}"
            self.fail(token, given, expected="A comma between two layers.", mended=mended)
        options = (*rule.options, *(FUNCTIONS if rule.activated else ()))
        near = _nearest(token.text, (*options, *_WORDS, ""))
        mended = self.replaced(token, near) if near else self.without(token)
        if token.text == ";":
            mended = self.replaced(token, ",")
        expected = _listed(options) if options else f"Nothing after {word.text}, or a comma and another layer."
        self.fail(token, f'{word.text} has no option "{token.text}".', expected=expected, mended=mended)

    def stray(self) -> NoReturn:
        token = self.token
        self.fail(
            token,
            f'"{token.text}" is not expected here.',
            expected='"," and another layer, or the end.',
            mended=self.without(token),
        )

    def replaced(self, token: _Token, by: str) -> str:
        return self.text[: token.start] + by + self.text[token.end :]

    def without(self, token: _Token) -> str:
        return re.sub(r" +", " ", self.replaced(token, "")).strip()

    def tidied(self) -> str:
        """The text without commas and bars that nothing follows."""
        tidy = re.sub(r"([,|(])(?:\s*[,|])+", r"\1", self.text)
        return re.sub(r"[,|]\s*(?=\)|$)", "", tidy).strip(" ,|")

    def fail(self, token: _Token, given: str, *, expected: str = "", mended: str = "") -> NoReturn:
        start = max(0, token.start - 60)
        caret = " " * (token.start - start) + "^" * max(len(token.text), 1)
        line = self.text[start : token.start + 60]
        place = f"At character {token.start + 1} of the network:\n    {line}\n    {caret}"
        mended = _working(mended, self.mends)
        raise NotationError(f"{given}\n  {place}", expected=expected, mend=f'{_WRITE}{mended}".' if mended else "")


_WRITE = 'Write "'
_WHOLE = {"groups": "1", "truncate": "100", "hidden": "256"}
_RATES = ("recurrent-dropout", "dropout")
_EXPECTED = {
    "stride": "One or two whole numbers, as in stride 2.",
    "dilation": "One or two whole numbers, as in dilation 2.",
    "kernel": "One or two whole numbers, as in kernel 5.",
    "window": "One or two whole numbers, as in window 3.",
    "padding": "same, valid or a whole number from 0.",
    "groups": "A whole number from 1.",
    "hidden": "A whole number of features, as in hidden 256.",
    "dropout": "The share of numbers to drop, as in dropout 0.1.",
    "truncate": "A whole number of steps, as in truncate 100.",
    "recurrent-dropout": "The share of the state to drop, as in recurrent-dropout 0.3.",
    "init": f"One of {', '.join(INITIALISERS)}.",
    "momentum": "A number above 0, at most 1, as in momentum 0.1.",
    "epsilon": "A small number above 0, as in epsilon 1e-5.",
}


def _listed(words: Iterable[str]) -> str:
    return f"One of {', '.join(words)}."


def _nearest(word: str, words: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, list(words), 1, 0.6)), "")
