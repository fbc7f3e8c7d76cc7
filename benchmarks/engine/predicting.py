"""Contenders that predict: the CNN with the same weights everywhere, from NumPy to NumPy, so many calls a round."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from benchmarks.engine.contender import timed
from benchmarks.engine.cores import available
from benchmarks.engine.examples import Examples
from benchmarks.engine.network import Cnn
from benchmarks.engine.weights import NAMES, channels_last, weights

Answer = Callable[[np.ndarray], np.ndarray]


class Predicting:
    """Calls ``answer`` on batches of the held rows, other ones each time; ``around`` is what a library needs set."""

    members = 1

    def __init__(
        self, answer: Answer, inputs: np.ndarray, examples: Examples, batch: int, *, notes: str = "", around: Any = None
    ) -> None:
        self.answer, self.batch, self.notes, self.at = answer, batch, notes, 0
        self.around = around or contextlib.nullcontext
        self.inputs = np.ascontiguousarray(inputs[examples.held])
        self.targets = examples.targets[examples.held]

    def run(self, steps: int) -> float:
        with self.around():
            return timed(lambda: [self._call() for _ in range(steps)])

    def _call(self) -> np.ndarray:
        if self.at + self.batch > len(self.inputs):
            self.at = 0
        self.at += self.batch
        return self.answer(self.inputs[self.at - self.batch : self.at])

    def accuracy(self) -> float:
        """On the first 1,000 rows, in batches of the size that is timed."""
        count = max(1000, self.batch)
        with self.around():
            found = [self.answer(self.inputs[at : at + self.batch]) for at in range(0, count, self.batch)]
        return float((np.concatenate(found).argmax(1) == self.targets[:count]).mean())


def ours(examples: Examples, batch: int, *, bare: bool) -> Predicting:
    """A model as `lamina.load` gives it, asked with arrays; ``bare``: the compiled program alone, at this very size."""
    from benchmarks.engine.ours import engine, statistics, whole

    from lamina.data.examples import Task
    from lamina.model import Model, NetworkPart
    from lamina.network import skeleton
    from lamina.training.device import answer_at_once
    from lamina.training.predict import compiled, weights_of
    from lamina.training.vector import Layout

    answer_at_once()
    network, shape = whole(Cnn(), examples), examples.inputs.shape[1:]
    given, names = channels_last(weights(examples)), iter(np.repeat(NAMES, 2))
    layout = Layout.of(skeleton(network, shape))
    parameters = np.concatenate([given[f"{next(names)}.{path.rpartition('.')[2]}"].ravel() for path in layout.paths])
    state = {path: array[0] for path, array in statistics(examples).items()}
    if bare:
        program = compiled(network, shape, "cross entropy", "classification")
        placed = weights_of(network, shape, parameters, state)
        answer: Answer = lambda x: np.asarray(program(placed, x))  # noqa: E731
    else:
        part = NetworkPart(network, shape, "cross entropy", None, parameters, state)  # type: ignore[arg-type]
        model = Model(Task("classification", "digit", tuple("0123456789")), "image", (part,), {})
        answer = lambda x: model.outputs(x)[0]  # noqa: E731
    return Predicting(answer, examples.inputs, examples, batch, notes=engine())


def torch(examples: Examples, batch: int, *, threads: int = 0, form: str = "eager") -> Predicting:
    """Eager, compiled, or frozen by torch.jit; pictures channels-last."""
    import torch as library
    from benchmarks.engine import torch_peer

    network = torch_peer.module(Cnn()).eval().to(memory_format=library.channels_last)  # type: ignore[call-overload]
    tensors = [library.from_numpy(array) for array in weights(examples).values()]
    network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
    count = threads or available()

    def answer(x: np.ndarray) -> np.ndarray:
        return library.softmax(called(library.from_numpy(x).permute(0, 3, 1, 2)), 1).numpy()

    @contextlib.contextmanager
    def around() -> Iterator[None]:
        with library.inference_mode(), torch_peer.threads(count):
            yield

    called = _torch_form(network, examples.floats[:batch], form)
    return Predicting(answer, examples.floats, examples, batch, around=around)


def _torch_form(network: Any, example: np.ndarray, form: str) -> Any:
    import torch as library

    if form == "compiled":
        return library.compile(network)
    if form == "frozen":
        given = library.from_numpy(example).permute(0, 3, 1, 2)
        with library.no_grad():
            return library.jit.freeze(library.jit.trace(network, given))
    return network


def onnx(examples: Examples, batch: int, *, threads: int = 0) -> Predicting:
    """ONNX Runtime on a graph written by hand."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available()
    session = onnxruntime.InferenceSession(graph(weights(examples)), options, ["CPUExecutionProvider"])
    inputs = np.ascontiguousarray(examples.floats.transpose(0, 3, 1, 2))
    return Predicting(lambda x: session.run(None, {"x": x})[0], inputs, examples, batch)  # type: ignore[arg-type, return-value]


def graph(given: dict[str, np.ndarray]) -> bytes:
    """The CNN as an ONNX model."""
    from onnx import TensorProto, helper, numpy_helper

    node, at, nodes = helper.make_node, "x", []
    for name in ("first", "second"):
        nodes.append(node("Conv", [at, f"{name}.weight", f"{name}.bias"], [f"{name}.y"], pads=[1, 1, 1, 1]))
        nodes.append(node("Relu", [f"{name}.y"], [f"{name}.relu"]))
        nodes.append(node("MaxPool", [f"{name}.relu"], [f"{name}.pool"], kernel_shape=[2, 2], strides=[2, 2]))
        at = f"{name}.pool"
    nodes += [
        node("Flatten", [at], ["flat"]),
        node("Gemm", ["flat", "dense.weight", "dense.bias"], ["dense.y"], transB=1),
        node("Relu", ["dense.y"], ["dense.relu"]),
        node("Gemm", ["dense.relu", "head.weight", "head.bias"], ["head.y"], transB=1),
        node("Softmax", ["head.y"], ["answers"], axis=1),
    ]
    value = helper.make_tensor_value_info
    arrays = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in given.items()]
    x, y = value("x", TensorProto.FLOAT, ["n", 1, 28, 28]), value("answers", TensorProto.FLOAT, ["n", 10])
    made = helper.make_graph(nodes, "cnn", [x], [y], arrays)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def keras(examples: Examples, batch: int) -> Predicting:
    """Keras' `predict_on_batch`, its quickest way, on the backend that KERAS_BACKEND says."""
    from benchmarks.engine import keras_peer

    library = keras_peer.keras
    library.config.set_image_data_format("channels_first" if keras_peer.first() else "channels_last")
    model = keras_peer.model(Cnn())
    model.set_weights([*channels_last(weights(examples)).values()])  # Flatten puts channels last whatever the layout
    whole = library.Sequential([*model.layers, library.layers.Softmax()])
    inputs = keras_peer.arranged(examples.floats, Cnn())
    return Predicting(
        lambda x: np.asarray(whole.predict_on_batch(x)), inputs, examples, batch, notes=library.backend.backend()
    )
