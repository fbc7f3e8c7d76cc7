"""What the compiler is asked to do without, and what it leaves behind."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.training import compiler


def test_what_a_long_compilation_leaves_is_given_back_and_a_short_one_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trimmed: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=trimmed.append))
    monkeypatch.setattr(compiler, "LONG", 1e9)
    compiler.give_back_after_compiling.__wrapped__()
    jax.jit(lambda x: x * 3 + 1)(np.float32(2)).block_until_ready()
    assert trimmed == []
    monkeypatch.setattr(compiler, "LONG", 0.0)
    jax.jit(lambda x: x * 3 + 2)(np.float32(2)).block_until_ready()
    assert trimmed
    assert set(trimmed) == {0}


def test_a_c_library_without_those_doors_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    compiler.give_back_after_compiling.__wrapped__()
    compiler.keep_free_memory_together.__wrapped__(2)


def test_threads_share_as_many_places_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=lambda *words: asked.append(words)))
    compiler.keep_free_memory_together.__wrapped__(3)
    assert asked == [(-8, 3)]  # M_ARENA_MAX of glibc's malloc.h


def test_a_program_compiled_briefly_computes_the_same() -> None:
    options = compiler.brief()
    assert options in ({}, {"xla_cpu_use_fusion_emitters": False})

    def work(x: jax.Array) -> jax.Array:
        return jnp.cumsum(jnp.where(x > 0, jnp.exp(-x), x) * 2 + jax.nn.softmax(x))

    x = np.random.default_rng(0).normal(size=100).astype(np.float32)
    np.testing.assert_allclose(
        jax.jit(work, compiler_options=options)(x), jax.jit(work)(x), rtol=0, atol=1e-5 * np.abs(x).sum()
    )


def test_what_this_jaxlib_does_not_know_is_not_asked_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_BRIEF", {"xla_cpu_no_such_option": False})
    assert compiler.brief.__wrapped__() == {}
