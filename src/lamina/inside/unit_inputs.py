"""Units of the layers that take the data in: pictures, series, recordings, a table's numbers and categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.data.preprocess import FIRST, MISSING, UNSEEN, TablePreprocessing
from lamina.inside.arithmetic import Index, Lookup, Part, Place, formula, products, row
from lamina.inside.given import Given
from lamina.inside.unit_pools import nothing
from lamina.network.embedding import ONE_HOT
from lamina.network.layer import joined
from lamina.network.sound_input import DEEPEST, FAINTEST, FLOOR, SILENCE, transform

WAVE = "cos(2 * pi * x * wave + phase)"
STANDARD = "(x - mean) / deviation"
CODES = {UNSEEN: "not seen in training", MISSING: "missing"}


def image(given: Given, index: Index) -> tuple[Part, ...]:
    """A pixel brought to mean 0 and deviation 1 of its channel."""
    operands = {"x": given.x[index], "mean": given.layer.mean[index[-1]], "deviation": given.layer.deviation[index[-1]]}
    return (formula("output", "(x / 255 - mean) / deviation", operands, {"x": given.place(*index)}),)


def series(given: Given, index: Index) -> tuple[Part, ...]:
    """A value brought to mean 0 and deviation 1 of its channel; 0 where there is none."""
    if np.isnan(given.x[index]):
        return (nothing(),)
    operands = {"x": given.x[index], "mean": given.layer.mean[index[-1]], "deviation": given.layer.deviation[index[-1]]}
    return (formula("output", STANDARD, operands, {"x": given.place(*index)}),)


def sound(given: Given, index: Index) -> tuple[Part, ...]:
    """The power of a frame's frequencies, weighed by the band's triangle, as a logarithm, levelled and standardised."""
    frame, mel, _ = index
    if given.x[frame * given.layer.steps[1]] == SILENCE:
        return (nothing(),)
    power, bands, loudest = given.once("power", lambda: _powers(given))
    heard = np.flatnonzero(bands[:, mel])
    triangle, first = bands[heard, mel], int(heard[0])
    energy = products(
        "energy",
        "power of the frame's frequencies",
        None,
        triangle,
        window=row(power[frame, heard], (frame,), start=first),
    )
    loud = formula("loudness", f"log(max(energy, {FLOOR}))", {"energy": energy.value})
    parts, name = (energy, loud), "loudness"
    if given.layer.levelled:
        operands = {"loudness": loud.value, "loudest": loudest, "deepest": DEEPEST}
        parts, name = (*parts, formula("level", "max(loudness - loudest, deepest)", operands)), "level"
    numbers = {name: parts[-1].value, "mean": given.layer.mean[mel], "deviation": given.layer.deviation[mel]}
    return (*parts, formula("output", f"({name} - mean) / deviation", numbers))


def embedding(given: Given, index: Index) -> tuple[Part, ...]:
    """The row of a code's learned vector."""
    *at, feature = index
    code = int(given.x[tuple(at)])
    table = joined(given.organ.path, "vectors")
    return (_looked_up(given.layer, table, code, f"code {code}", (feature, given.place(*at))),)


def periodic(given: Given, index: Index) -> tuple[Part, ...]:
    """A number as it is, or waves of it, weighed."""
    return _numbers(given, given.layer, index[0])


def table(given: Given, index: Index) -> tuple[Part, ...]:
    """What a column of the table becomes: a number, waves of it, an indicator of a code or a learned vector."""
    layer, (feature,) = given.layer, index
    wide = layer.numbers if layer.waves is None else layer.numbers * (1 + layer.waves.made)
    if feature < wide:
        return _numbers(given, layer.waves, feature)
    feature -= wide
    few = [place for place, codes in enumerate(layer.cardinalities) if codes <= ONE_HOT]
    for place in few:
        codes = layer.cardinalities[place]
        if feature < codes - 1:
            return (_indicator(given, place, feature),)
        feature -= codes - 1
    many = [place for place, codes in enumerate(layer.cardinalities) if codes > ONE_HOT]
    for number, (place, vectors) in enumerate(zip(many, layer.embeddings, strict=True)):
        if feature < vectors.features:
            code = int(given.x[layer.numbers + place])
            label, of = _word(given, place, code), given.place(layer.numbers + place)
            name = joined(given.organ.path, f"{number}.{vectors.kind}", "vectors")
            return (_looked_up(vectors, name, code, label, (feature, of)),)
        feature -= vectors.features
    raise IndexError(index)  # which unit() has refused


# ---- pieces of them --------------------------------------------------------------------------------------------------


def _powers(given: Given) -> tuple[np.ndarray, np.ndarray, float]:
    """The power of every frame's frequencies [frames, frequencies], the bands [frequencies, mels], the loudest band."""
    length, hop = given.layer.steps
    hann, bands = transform(given.layer.rate, given.layer.mels, length)
    samples = np.where(given.x == SILENCE, 0, given.x) / 32768.0
    count = -(-len(samples) // hop)
    padded = np.pad(samples, (0, count * hop + length - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[: count * hop : hop]
    power = np.square(np.abs(np.fft.rfft(frames * hann, 2 * len(bands) - 2)))
    return power, bands, max(float(np.log(np.maximum(power @ bands, FLOOR)).max()), FAINTEST)


def _numbers(given: Given, waves: Any, feature: int) -> tuple[Part, ...]:
    """A number, or one of the three that are made of waves of it, which stand behind all numbers."""
    numbers = feature if waves is None else len(waves.waves)
    if waves is None or feature < numbers:
        return (formula("output", "x", {"x": given.x[feature]}, {"x": given.place(feature)}),)
    number, made = divmod(feature - numbers, waves.made)
    place = {"x": given.place(number)}
    each = zip(waves.waves[number], waves.phases[number], strict=True)
    drawn = [
        formula(f"wave {k}", WAVE, {"x": given.x[number], "wave": wave, "phase": phase}, place)
        for k, (wave, phase) in enumerate(each, start=1)
    ]
    weights, bias = waves.weight[number, :, made], waves.bias[number, made]
    return (*drawn, products("output", "waves", [wave.value for wave in drawn], weights, bias=bias))


def _indicator(given: Given, place: int, at: int) -> Lookup:
    """1 where the row has the code that the indicator is for."""
    codes, column = given.layer.cardinalities[place], given.layer.numbers + place
    code = int(given.x[column])
    values = np.zeros(codes - 1, np.float32)
    if 0 < code < codes:
        values[code - 1] = 1
    names = f"indicators of {_column(given, place)}"
    return Lookup(
        "output", names, code - 1, _word(given, place, code), values, at, float(values[at]), given.place(column)
    )


def _looked_up(layer: Any, name: str, code: int, label: str, at: tuple[int, Place]) -> Lookup:
    feature, place = at
    values = layer.vectors[code - 1] if 0 < code < layer.codes else np.zeros(layer.features, np.float32)
    return Lookup("output", name, code - 1, label, values, feature, float(values[feature]), place)


def _column(given: Given, place: int) -> str:
    known = given.part.preprocessing
    if isinstance(known, TablePreprocessing):
        return known.feature_names[known.numbers + place]
    return f"category {place + 1}"


def _word(given: Given, place: int, code: int) -> str:
    """What a code of a category stands for."""
    known = given.part.preprocessing
    if code in CODES or not isinstance(known, TablePreprocessing):
        return CODES.get(code, f"code {code}")
    categories = [feature.categories for feature in known.features if feature.kind == "category"]
    return str(categories[place][code - FIRST])
