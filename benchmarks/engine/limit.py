"""The fp32 GEMM limit of the machine, measured beside the networks: the best that any library reaches with a product,
at the real shapes of a step and at a large square.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from benchmarks.engine.products import Product
from threadpoolctl import threadpool_limits

SQUARE = Product(1536, 1536, 1536)
LEAST_SECONDS = 0.02  # how long a product is repeated; twice, the faster counts


@dataclass
class Limit:
    """Products to try with so many threads (shapes; the square takes them all), and what was seen in each round."""

    products: tuple[Product, ...]
    threads: int
    threads_a_product: int = 0
    rates: list[float] = field(default_factory=list)
    shape_seconds: list[float] = field(default_factory=list)
    by: str = ""

    def measure(self) -> None:
        """One round."""
        best, self.by = max((rate, who) for who, rate in rates(SQUARE, self.threads).items())
        narrow, seconds = self.threads_a_product or self.threads, 0.0
        for product in self.products:
            rate, who = max((rate, who) for who, rate in rates(product, narrow).items())
            seconds += product.operations / rate * narrow / self.threads
            if rate * self.threads / narrow > best:
                best, self.by = rate * self.threads / narrow, f"{who} at {product.m}x{product.k}x{product.n}"
        self.rates.append(best)
        self.shape_seconds.append(seconds)

    @property
    def rate(self) -> float:
        """Operations a second: the median over the rounds of the best of each."""
        return float(np.median(self.rates))

    @property
    def seconds(self) -> float:
        """Seconds of all products at their real shapes, each by whoever is fastest at it."""
        return float(np.median(self.shape_seconds))


def rates(product: Product, threads: int) -> dict[str, float]:
    """Operations a second of each library at a product."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((product.m, product.k), np.float32)
    b = rng.standard_normal((product.k, product.n), np.float32)
    once = 2.0 * product.m * product.k * product.n
    with limited(threads):
        works = {"numpy": _numpy(a, b), "torch": _torch(a, b), "XLA": _xla(a, b)}
        return {name: once / _seconds(work) for name, work in works.items()}


def _seconds(work: Callable[[], Any]) -> float:
    work()
    return min(_mean(work), _mean(work))


def _mean(work: Callable[[], Any]) -> float:
    started, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < LEAST_SECONDS or not count:
        work()
        count += 1
    return passed / count if count else passed


def _numpy(a: np.ndarray, b: np.ndarray) -> Callable[[], Any]:
    out = np.empty((a.shape[0], b.shape[1]), np.float32)
    return lambda: np.matmul(a, b, out=out)


def _torch(a: np.ndarray, b: np.ndarray) -> Callable[[], Any]:
    import torch

    first, second = torch.from_numpy(a), torch.from_numpy(b)
    out = torch.empty(a.shape[0], b.shape[1])
    return lambda: torch.mm(first, second, out=out)


def _xla(a: np.ndarray, b: np.ndarray) -> Callable[[], Any]:
    import jax

    first, second = jax.device_put(a), jax.device_put(b)
    product = jax.jit(lambda x, y: x @ y)
    return lambda: product(first, second).block_until_ready()


@contextlib.contextmanager
def limited(threads: int) -> Iterator[None]:
    """So many threads for NumPy's and torch's products."""
    from benchmarks.engine import torch_peer

    with threadpool_limits(threads), torch_peer.threads(threads):
        yield
