"""Both forms of an operation side by side in one compiled program: its JAX form, and the native one of each library."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from lamina.kernels import native


@contextmanager
def chosen(library: str) -> Iterator[None]:
    """Within it, what is traced calls that library, whatever the environment chose."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_NATIVE", library)
        yield


class Forms(NamedTuple):
    """The libraries that can be opened here. What runs ``work`` on a form, runs the operations in it on that form."""

    libraries: tuple[str, ...]

    def __call__(self, work: Callable[..., Any]) -> Callable[..., tuple[Any, list[Any]]]:
        """A compiled function that gives what ``work`` makes of its arrays on the JAX forms, and on each library."""

        def each(*operands: Any) -> tuple[Any, list[Any]]:
            with native.kept_out():
                plain = work(*operands)
            return plain, self.native(work, *operands)

        # Compiled in haste: most of a test would be the compiler's time.
        return jax.jit(each, compiler_options={"xla_backend_optimization_level": 0})

    def native(self, work: Callable[..., Any], *operands: Any) -> list[Any]:
        """What ``work`` makes of arrays on each library."""
        found = []
        for library in self.libraries:
            with chosen(library):
                found.append(work(*operands))
        return found

    def same(self, made: tuple[Any, list[Any]], *, rtol: float = 0, atol: float = 0) -> None:
        """All forms made the same, to the bit unless tolerances are given; NaN at the same places."""
        plain, found = made
        for library, arrays in zip(self.libraries, found, strict=True):
            pairs = zip(jax.tree.leaves(arrays), jax.tree.leaves(plain), strict=True)
            for place, (ours, theirs) in enumerate(pairs):
                where = f"result {place} of {library}"
                assert ours.dtype == theirs.dtype, where
                np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=where, strict=True)


@pytest.fixture(scope="session")
def forms() -> Forms:
    """Also where the whole suite runs without the libraries; what needs one is skipped where there is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LAMINA_NATIVE", raising=False)
        best = native.status()
        found = [best.library] if best.library else []
        # A file that the environment names is the only one; a folder may hold all.
        for name in [] if Path(os.environ.get("LAMINA_NATIVE_LIBRARY", "")).is_file() else native.NEEDS:
            patch.setenv("LAMINA_NATIVE", name)
            if name not in found and native.usable():
                found.append(name)
    if not found:
        pytest.skip(f"no native kernels here: {best.reason}")
    return Forms(tuple(found))
