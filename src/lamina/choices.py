"""What Lamina chooses when it isn't told: networks, recipes and how many of each, from the kind and the amount of data.

The choices were measured on the tables and images of the benchmarks; LOG.md has the figures.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import losses
from lamina.data.examples import Examples
from lamina.errors import OptionError
from lamina.settings import Settings, written
from lamina.training.recipe import Program, Recipe

TINY = 500  # below, few columns get a narrower network
SMALL = 5_000  # below, every row is judged out of fold
FOLDS = 5
# Layers in whose networks bfloat16 was measured to cost less than 0.1 point of accuracy in the mean of 10 seeds
# (benchmarks/precision.py); of the others, and of dense layers alone, that was not shown.
SHOWN_IN_BFLOAT16 = {"conv": True, "lstm": True, "gru": False, "rnn": False}
SEEN_ROWS = 45_000  # series or sounds that a network sees in all, within 20 to 150 epochs
WORK = 6e12  # multiply-adds forward that nested folds may cost; beyond it each test fold has one validation fold


@dataclass(frozen=True)
class Candidate:
    """A network (its number) and a recipe: what selection chooses among; its seeds are trained for each part."""

    network: int
    recipe: Recipe


@dataclass(frozen=True)
class Choice:
    """All that training needs beside the data: complete networks with their notation, a program, candidates, seeds."""

    networks: tuple[Any, ...]
    notations: tuple[str, ...]
    program: Program
    candidates: tuple[Candidate, ...]
    seeds: tuple[int, ...]


def choose(
    examples: Examples, settings: Settings, shape: tuple[int, ...], columns: tuple[int, tuple[int, ...]] | None
) -> Choice:
    """Networks, program and recipes for these examples; what ``settings`` say is taken as it is.

    ``shape`` is one example's as the network gets it; ``columns`` are a table's numbers and the cardinalities of its
    categories. Errors: NotationError, ShapeError, OptionError.
    """
    texts = settings.networks or (default_network(examples, shape),)
    kinds = augmentation(examples, settings)
    networks = tuple(masked(complete_network(network, examples, shape, columns), kinds) for network in texts)
    program = choose_program(examples, settings, networks)
    recipes = choose_recipes(examples, settings)
    candidates = tuple(
        Candidate(at, dataclasses.replace(recipe, clip_norm=longest_gradient(network, settings)))
        for at, network in enumerate(networks)
        for recipe in recipes
    )
    seeds = tuple(range(settings.seed, settings.seed + (settings.repeats or default_repeats(examples))))
    return Choice(networks, tuple(written(network) for network in texts), program, candidates, seeds)


def complete_network(
    network: Any, examples: Examples, shape: tuple[int, ...], columns: tuple[int, tuple[int, ...]] | None
) -> Any:
    """A network in the notation or as layers, with its implicit input layer, flattening and head."""
    from lamina.network import complete, notation

    layers = notation.parse(network) if isinstance(network, str) else network
    whole = complete(
        layers,
        shape,
        examples.task.outputs,
        kind=examples.kind,
        columns=columns or (0, ()),
        periodic=periodic(examples),
        rate=rate_of(examples),
    )
    return promised(whole, padded=False) if is_unpadded(examples) else whole


def is_unpadded(examples: Examples) -> bool:
    """Whether the examples are series that all have the same length."""
    return examples.kind == "series" and not np.isnan(np.asarray(examples.inputs)[:, -1, 0]).any()


def promised(network: Any, *, padded: bool) -> Any:
    """A complete network for series with that promise about padding in its input layer."""
    first, *rest = network.layers
    return dataclasses.replace(network, layers=(dataclasses.replace(first, padded=padded), *rest))


def masked(network: Any, kinds: Sequence[str]) -> Any:
    """A complete network with SpecAugment behind its input layer, where masks are among the kinds of augmentation."""
    from lamina.network import Sequential
    from lamina.network.spec_augment import SpecAugment

    spans = [SPANS * (mask in kinds) for mask in MASKS]
    return Sequential((network[0], SpecAugment(*spans), *network.layers[1:])) if any(spans) else network


def rate_of(examples: Examples) -> int:
    """The samples a second of sounds; nothing of the others."""
    from lamina.data.sound import preprocessing_of

    return preprocessing_of(examples).rate if examples.kind == "sound" else 0


PERIODIC = 16  # waves a number


def periodic(examples: Examples) -> int:
    """How many waves each number of a table gets: none where few rows and classes would only be learned by heart."""
    return PERIODIC if len(examples) >= SMALL or examples.task.kind == "regression" else 0


def default_network(examples: Examples, shape: tuple[int, ...]) -> str:
    """The notation of the network for a kind and size of data."""
    if examples.kind == "image":
        return image_network(min(shape[:2]))
    if examples.kind == "series":
        return SERIES_NETWORK
    if examples.kind == "sound":
        return SOUND_NETWORK
    if len(examples) >= SMALL:
        dropout = "" if examples.task.kind == "regression" else "dropout 0.1, "
        return f"dense 256 silu, {dropout}dense 256 silu, dropout 0.1"
    if examples.task.kind == "regression":
        return "dense 256, dense 256"
    if len(examples) < TINY and shape[0] < 20:
        return "dense 64 silu, dropout 0.2, dense 64 silu, dropout 0.2"
    return "dense 128 silu, dropout 0.3, dense 128 silu, dropout 0.3"


# A fully convolutional network (Wang et al. 2017, "Time series classification from scratch", sec. II), half as wide.
SERIES_NETWORK = (
    "conv 32 9 linear nobias, batchnorm, relu, conv 64 5 linear nobias, batchnorm, relu, "
    "conv 64 3 linear nobias, batchnorm, relu, globalpool"
)
# Convolutions hear what is near in pitch and time, the recurrence in which order it comes.
SOUND_NETWORK = (
    "conv 16 linear nobias, batchnorm, relu, pool, conv 32 linear nobias, batchnorm, relu, pool, "
    "gru 64 bidirectional, mean, dropout 0.3"
)


def image_network(side: int) -> str:
    """A convolutional network for images of that side: pooled until about 4 pixels are left.

    >>> image_network(28)
    'conv 32, pool, conv 64, pool, dense 128, dropout 0.5'
    """
    if side < 4:
        return "dense 64, dense 64"
    if side < 16:
        blocks = [f"conv {features} linear, batchnorm, relu" for features in (32, 64)]
        return ", ".join([*blocks, "pool, dropout 0.25, dense 128, dropout 0.5"])
    if side < 32:
        return "conv 32, pool, conv 64, pool, dense 128, dropout 0.5"
    blocks = [f"conv {min(16 * 2**at, 64)} linear, batchnorm, relu, pool" for at in range(round(math.log2(side / 4)))]
    return ", ".join([*blocks, "dense 128, dropout 0.5"])


def choose_program(examples: Examples, settings: Settings, networks: Sequence[Any]) -> Program:
    """Batch size, loss, optimizer, schedule, augmentation and precision."""
    task = examples.task.kind
    loss = settings.loss or ("cross entropy" if task == "classification" else "squared")
    losses.loss(loss, task)
    return Program(
        loss=loss,
        optimizer=settings.optimizer or "adamw",
        schedule=settings.schedule or "warmup cosine",
        batch_size=settings.batch_size or default_batch(examples),
        augment=tuple(kind for kind in augmentation(examples, settings) if kind not in MASKS),
        precision=default_precision(networks) if settings.precision == "auto" else settings.precision,
        lengths=default_lengths(examples, networks),
    )


def default_lengths(examples: Examples, networks: Sequence[Any]) -> tuple[int, ...]:
    """What batches of series and sounds are cut to, where all the networks read any length.

    Rows of like lengths, of which such a batch is made, are alike in other things too: batch norm, which takes a batch
    for a sample of all, does worse on them (LOG.md).
    """
    from lamina.network import BatchNorm, walk
    from lamina.training import lengths

    layers = [layer for network in networks for _, layer in walk(network)]
    if examples.kind not in ("series", "sound") or any(isinstance(layer, BatchNorm) for layer in layers):
        return ()
    inputs = np.asarray(examples.inputs)
    found = lengths.cuts(lengths.lengths_of(inputs), inputs.shape[1])
    return found if found and all(reads_any_length(network, inputs.shape[1:], found[0]) for network in networks) else ()


def reads_any_length(network: Any, shape: tuple[int, ...], length: int) -> bool:
    """Whether a network has the same weights for examples of another length."""
    from lamina.errors import ShapeError
    from lamina.network import leaves, skeleton

    try:
        other, own = (skeleton(network, (steps, *shape[1:])) for steps in (length, shape[0]))
    except ShapeError:
        return False
    shapes = [{path: leaf.shape for path, leaf in leaves(of, "parameter").items()} for of in (other, own)]
    return shapes[0] == shapes[1]


SPANS = 2  # masks of each kind
MASKS = ("time-mask", "frequency-mask")  # of spectrograms: a layer, where the others change the recording
AUGMENTATIONS: dict[str, tuple[str, ...]] = {
    "image": ("shift", "flip", "rotate", "cutout"),
    "sound": ("shift", "stretch", "noise", *MASKS),
}


def augmentation(examples: Examples, settings: Settings) -> tuple[str, ...]:
    """The random changes of training examples that were asked for, or suit them."""
    if settings.augment is None:
        return default_augmentation(examples)
    known = AUGMENTATIONS.get(examples.kind, ())
    for kind in settings.augment:
        if kind not in known:
            raise OptionError(
                f"--augment {kind}: there is no such change of {examples.kind} examples.",
                expected=f"Any of {', '.join(known)}." if known else "No --augment: it changes images and recordings.",
                mend=f"--augment {known[0]}" if known else "leave --augment out",
            )
    return settings.augment


def default_precision(networks: Sequence[Any]) -> str:
    """bfloat16 where all the networks are of a kind that it was shown to do no harm to, and it is faster here."""
    from lamina.kernels import precision

    return "bfloat16" if all(map(bears_bfloat16, networks)) and precision.is_faster() else "float32"


def bears_bfloat16(network: Any) -> bool:
    """Whether it was shown for all the kinds of layers in which a network does most of its work."""
    from lamina.network.tree import walk

    kinds = {layer.kind for _, layer in walk(network)} & SHOWN_IN_BFLOAT16.keys()
    return bool(kinds) and all(SHOWN_IN_BFLOAT16[kind] for kind in kinds)


def default_batch(examples: Examples) -> int:
    """Rows a step: enough of them to fill a core, few enough that small data gets its steps."""
    if examples.kind == "image":
        return 32 if default_augmentation(examples) else 64
    if examples.kind == "series" and learned_rows(examples) < TINY:
        return 16
    if examples.kind == "sound":
        return 32
    return 32 if len(examples) < 2_000 else 64 if len(examples) < SMALL else 256


def refits(examples: Examples) -> int:
    """How many networks learn from all rows beside a fixed test part, once the folds have chosen."""
    return {"series": 5, "sound": 3}.get(examples.kind, 0)


def learned_rows(examples: Examples) -> int:
    """How many examples are not kept for the test from the outset."""
    return len(examples) if examples.fixed_test is None else int(np.sum(~np.asarray(examples.fixed_test, bool)))


def default_augmentation(examples: Examples) -> tuple[str, ...]:
    """Shifts and small turns where there are few pictures, large enough to show the same when moved; never mirrored.
    Masks for spectrograms.
    """
    if examples.kind == "sound":
        return MASKS
    if examples.kind != "image" or len(examples) >= SMALL or min(np.asarray(examples.inputs).shape[1:3]) < 32:
        return ()
    return ("shift", "rotate")


def choose_recipes(examples: Examples, settings: Settings) -> tuple[Recipe, ...]:
    """The recipes that are trained beside each other: equal in all but rate and decay, so a paired experiment."""
    tried = default_tries(examples)
    rates = settings.learning_rates or tuple(dict.fromkeys(rate for rate, _ in tried))
    if settings.learning_rates or settings.weight_decay is not None:
        decay = 0.01 if settings.weight_decay is None else settings.weight_decay
        tried = tuple((rate, decay) for rate in rates)
    epochs = settings.epochs or default_epochs(examples)
    patience = 0 if settings.epochs else max(5, epochs // 4)
    common = Recipe(
        epochs=epochs,
        patience=patience,
        l1=settings.l1,
        l2=settings.l2,
        label_smoothing=settings.label_smoothing,
    )
    return tuple(dataclasses.replace(common, learning_rate=rate, weight_decay=decay) for rate, decay in tried)


def longest_gradient(network: Any, settings: Settings) -> float:
    """What the gradient's length is clipped to: as asked, else to 1 where there is recurrence, through which it can
    explode (Pascanu et al. 2013, sec. 3.2).
    """
    from lamina.network import walk
    from lamina.network.recurrent import Recurrent

    if settings.clip_norm is not None:
        return settings.clip_norm
    return 1.0 if any(isinstance(layer, Recurrent) for _, layer in walk(network)) else 0.0


def default_tries(examples: Examples) -> tuple[tuple[float, float], ...]:
    """The pairs of learning rate and weight decay; few rows and classes try a decay a hundred times as strong."""
    if examples.kind == "image":
        side = min(np.asarray(examples.inputs).shape[1:3])
        # The default networks of the smallest and of larger pictures have batch norm, which bears a faster rate.
        return ((1e-3 if 16 <= side < 32 else 3e-3, 0.01),)
    if examples.kind in ("series", "sound"):
        return ((3e-3, 0.01),)
    if len(examples) >= SMALL:
        return ((3e-3, 0.01), (1e-2, 0.01))
    if examples.task.kind == "regression":
        return ((1e-2, 0.01), (3e-2, 0.01))
    return ((3e-3, 0.01), (3e-3, 1.0), (1e-2, 1.0))


def default_epochs(examples: Examples) -> int:
    """The longest training: as long as it may pay, early stopping ends most before."""
    small = len(examples) < SMALL
    if examples.kind == "image":
        return 40 if small else 10
    if examples.kind in ("series", "sound"):
        return int(np.clip(SEEN_ROWS / learned_rows(examples), 20, 150))
    if examples.task.kind == "regression":
        return 150 if small else 100
    return 40 if small else 24


def default_repeats(examples: Examples) -> int:
    """Seeds for each part: the validation folds of small data make an ensemble already."""
    return 1 if len(examples) < SMALL or examples.kind != "table" else 4


def inner_folds(examples: Examples, choice: Choice, shape: tuple[int, ...]) -> int | None:
    """How many validation folds each test fold of small data gets: all of them (None), or 1 where that is too much
    work.
    """
    from lamina.network import summarize

    epochs = max(candidate.recipe.epochs for candidate in choice.candidates)
    each = sum(row.multiply_adds for network in choice.networks for row in summarize(network, shape))
    # Of a fixed test part each fold of the others chooses once; else each of them does for each test fold.
    parts, share = (FOLDS * (FOLDS - 1), 0.6) if examples.fixed_test is None else (FOLDS, 0.8)
    members = parts * len(choice.candidates) / len(choice.networks) * len(choice.seeds)
    work = each * learned_rows(examples) * share * epochs * members
    return None if work <= WORK else 1


def row_weights(examples: Examples, settings: Settings, rows: np.ndarray) -> np.ndarray | None:
    """What each row counts [n]: "balanced" gives every class the same sum over the training rows; None counts rows
    alike.
    """
    if settings.class_weight is None:
        return None
    if examples.task.kind != "classification":
        raise OptionError(
            "Class weights are for classification.", expected="No --class-weight here.", mend="leave it out"
        )
    counts = np.bincount(examples.targets[rows], minlength=len(examples.task.classes))
    return (len(rows) / (len(counts) * np.maximum(counts, 1)))[examples.targets]
