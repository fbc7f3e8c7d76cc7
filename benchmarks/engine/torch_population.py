"""Many small networks in torch: stacked by hand, stacked through torch.func, or one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from benchmarks.engine.contender import timed
from benchmarks.engine.examples import Examples
from benchmarks.engine.network import Mlp, Network
from benchmarks.engine.torch_peer import Memory, Setting, Torch, module, threads
from torch import Tensor
from torch.nn import functional as F


class Stacked:
    """Members side by side along a leading axis, each with its own batches, one fused Adam for all."""

    def __init__(self, network: Mlp, examples: Examples, batch: int, setting: Setting, *, members: int) -> None:
        torch.set_flush_denormal(True)
        torch.manual_seed(0)
        self.members, self.size, self.setting, self.examples = members, batch, setting, examples
        self.memory, self.notes = Memory(examples, setting), ""
        self.train, self.order = torch.from_numpy(examples.train), torch.zeros(members, 0, dtype=torch.int64)
        self.parameters = self._parameters(network)
        self.optimizer = torch.optim.Adam(self.parameters, lr=1e-3, fused=True)
        self.loss = torch.compile(self._loss) if setting.compiled else self._loss

    def _parameters(self, network: Mlp) -> list[Tensor]:
        """Weights [members, in, out] and biases [members, 1, out], as torch begins them."""
        found = []
        for k, n in pairwise(network.widths):
            found += [torch.empty(self.members, k, n), torch.empty(self.members, 1, n)]
            for tensor in found[-2:]:
                tensor.uniform_(-(k**-0.5), k**-0.5).requires_grad_()
        return found

    def forward(self, x: Tensor) -> Tensor:
        pairs = list(zip(self.parameters[::2], self.parameters[1::2], strict=True))
        for weight, bias in pairs[:-1]:
            x = F.relu(torch.baddbmm(bias, x, weight))
        return torch.baddbmm(pairs[-1][1], x, pairs[-1][0])

    def _loss(self, inputs: Tensor, classes: Tensor) -> Tensor:
        """The sum of the members' means: each has the gradient that it would have alone."""
        outputs = self.forward(inputs).flatten(0, 1)
        return F.cross_entropy(outputs, classes.flatten(), reduction="sum") / self.size

    def _gradients(self, inputs: Tensor, classes: Tensor) -> None:
        self.loss(inputs, classes).backward()

    def run(self, steps: int) -> float:
        with threads(self.setting.threads):
            return timed(lambda: self._steps(steps))

    def _steps(self, steps: int) -> None:
        for _ in range(steps):
            if not self.order.shape[1]:
                self.order = self.train[torch.rand(self.members, len(self.train)).argsort(1)]
            rows, self.order = self.order[:, : self.size], self.order[:, self.size :]
            self.optimizer.zero_grad(set_to_none=True)
            self._gradients(self.memory.inputs[rows], self.memory.targets[rows])
            self.optimizer.step()
            if not self.order.shape[1]:
                self.answers(self.examples.validation)

    def answers(self, rows: np.ndarray) -> np.ndarray:
        """Scores [members, rows, classes]."""
        with torch.inference_mode():
            inputs = self.memory.inputs[torch.from_numpy(rows)]
            return self.forward(inputs.expand(self.members, *inputs.shape)).numpy()

    def accuracy(self) -> float:
        held = self.examples.held
        return float((self.answers(held).argmax(2) == self.examples.targets[held]).mean())


class Mapped(Stacked):
    """The same through torch.func: one member's loss, its gradient, vmap over stacked parameters."""

    def _parameters(self, network: Network) -> list[Tensor]:
        members = [module(network) for _ in range(self.members)]
        self.stacked, self.buffers = torch.func.stack_module_state(members)
        self.base = module(network).to("meta")
        self.of_all = torch.func.vmap(torch.func.grad(self._loss_of_one))
        return list(self.stacked.values())

    def _loss_of_one(self, parameters: dict[str, Tensor], inputs: Tensor, classes: Tensor) -> Tensor:
        return F.cross_entropy(torch.func.functional_call(self.base, parameters, (inputs,)), classes)

    def _gradients(self, inputs: Tensor, classes: Tensor) -> None:
        for name, gradient in self.of_all(self.stacked, inputs, classes).items():
            self.stacked[name].grad = gradient

    def forward(self, x: Tensor) -> Tensor:
        return torch.func.vmap(lambda p, each: torch.func.functional_call(self.base, p, (each,)))(self.stacked, x)


class OneByOne:
    """Members one after the other, as a loop over trainings would do it."""

    def __init__(
        self, network: Network, examples: Examples, batch: int, setting: Setting, *, members: int, seed: int = 0
    ) -> None:
        self.members, self.notes = members, ""
        self.each: Sequence[Any] = [
            Torch(network, examples, batch, setting, seed=seed + member) for member in range(members)
        ]

    def run(self, steps: int) -> float:
        return sum(each.run(steps) for each in self.each)

    def accuracy(self) -> float:
        return float(np.mean([each.accuracy() for each in self.each]))
