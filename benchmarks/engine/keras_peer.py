"""Keras 3 as a contender, on the backend that KERAS_BACKEND says: `fit` with steps_per_execution, compiled."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from benchmarks.engine.contender import timed
from benchmarks.engine.examples import Examples
from benchmarks.engine.network import Cnn, Mlp, Network, Recurrent, ResNet
from keras import layers

STEPS_PER_EXECUTION = 32


def model(network: Network) -> Any:
    """The network in Keras."""
    match network:
        case Mlp(widths):
            hidden = [layers.Dense(width, activation="relu") for width in widths[1:-1]]
            return keras.Sequential([layers.Input((widths[0],)), *hidden, layers.Dense(widths[-1])])
        case Cnn(normed):
            blocks = [*_convolution(32, normed), *_convolution(64, normed), layers.Flatten()]
            dropout = [layers.Dropout(0.5)] if normed else []
            head = [layers.Dense(128, activation="relu"), *dropout, layers.Dense(10)]
            return keras.Sequential([layers.Input(picture(28, 1)), *blocks, *head])
        case ResNet():
            return _resnet(network)
        case Recurrent():
            return _reader(network)


def first() -> bool:
    """Whether channels come first, as torch has them; JAX has them last."""
    return keras.backend.backend() == "torch"


def picture(side: int, channels: int) -> tuple[int, int, int]:
    return (channels, side, side) if first() else (side, side, channels)


def axis() -> int:
    return 1 if first() else -1


def _convolution(wide: int, normed: bool) -> list[Any]:
    if not normed:
        return [layers.Conv2D(wide, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    norm = layers.BatchNormalization(axis=axis(), momentum=0.9, epsilon=1e-5)
    return [layers.Conv2D(wide, 3, padding="same", use_bias=False), norm, layers.ReLU(), layers.MaxPooling2D()]


def _resnet(network: ResNet) -> Any:
    inputs = layers.Input(picture(32, 3))
    x = layers.ReLU()(_normed(inputs, network.channels[0], 1))
    for before, wide, stride in network.plan():
        body = _normed(layers.ReLU()(_normed(x, wide, stride)), wide, 1)
        x = x if before == wide else layers.Conv2D(wide, 1, stride)(x)
        x = layers.ReLU()(layers.Add()([x, body]))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def _normed(x: Any, wide: int, stride: int) -> Any:
    convolved = layers.Conv2D(wide, 3, stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(axis=axis(), momentum=0.9, epsilon=1e-5)(convolved)


def _reader(network: Recurrent) -> Any:
    kinds = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}
    stack: list[Any] = [layers.Input((network.steps, network.features))]
    stack += [layers.Masking(0.0)] if network.live < 1 else []
    for layer in range(network.layers):
        one = kinds[network.kind](network.hidden, return_sequences=layer + 1 < network.layers)
        stack.append(layers.Bidirectional(one) if network.both_ways else one)
    return keras.Sequential([*stack, layers.Dense(10)])


class Keras:
    """So many networks, trained one after the other; ``counts``: accuracies too are measured while they train."""

    def __init__(
        self,
        network: Network,
        examples: Examples,
        batch: int,
        *,
        members: int = 1,
        seed: int = 0,
        counts: bool = False,
    ) -> None:
        keras.utils.set_random_seed(seed)
        keras.config.set_image_data_format("channels_first" if first() else "channels_last")
        self.members, self.batch, self.examples, self.done = members, batch, examples, 0
        self.counts, self.validation = counts, 0.0
        self.network, self.inputs = network, arranged(examples.floats, network)
        self.models = [self._compiled(network) for _ in range(members)]
        self.notes = f"Keras {keras.__version__} on {keras.backend.backend()}"

    def _compiled(self, network: Network) -> Any:
        one = model(network)
        one.compile(
            optimizer=keras.optimizers.Adam(1e-3),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            steps_per_execution=1 if first() else STEPS_PER_EXECUTION,  # Keras refuses more on torch
            metrics=["accuracy"] if self.counts else None,
            jit_compile="auto",
        )
        return one

    def run(self, steps: int) -> float:
        """Whole epochs where they are due (measured at their ends, as everywhere), else a part of one."""
        return timed(lambda: self._steps(steps))

    def _steps(self, steps: int) -> None:
        train = self.examples.train
        batches = len(train) // self.batch
        while steps:
            at = self.done % batches
            now = min(steps, batches - at)
            rows = train[at * self.batch : (at + now) * self.batch]
            for one in self.models:
                self._fit(one, rows, ends=at + now == batches)
            self.done, steps = self.done + now, steps - now

    def _fit(self, one: Any, rows: np.ndarray, *, ends: bool) -> None:
        held = self.examples.validation
        measured = (self.inputs[held], self.examples.targets[held]) if ends else None
        history = one.fit(
            self.inputs[rows],
            self.examples.targets[rows],
            batch_size=self.batch,
            shuffle=True,
            verbose=0,
            validation_data=measured,
            validation_batch_size=256,
        ).history
        self.validation = history.get("val_accuracy", [self.validation])[-1]

    def accuracy(self) -> float:
        held = self.examples.held
        found = [self.answers(at, self.examples.floats[held]).argmax(1) for at in range(self.members)]
        return float(np.mean([(classes == self.examples.targets[held]).mean() for classes in found]))

    def answers(self, member: int, floats: np.ndarray) -> np.ndarray:
        """The scores of the classes."""
        return self.models[member].predict(arranged(floats, self.network), batch_size=512, verbose=0)


def arranged(floats: np.ndarray, network: Network) -> np.ndarray:
    """The inputs as the model takes them."""
    if isinstance(network, Mlp):
        return floats.reshape(len(floats), -1)
    return np.ascontiguousarray(floats.transpose(0, 3, 1, 2)) if first() and floats.ndim == 4 else floats
