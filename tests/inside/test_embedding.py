"""Embeddings against scikit-learn's principal components, and what stays the same from snapshot to snapshot."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from lamina.errors import OptionError
from lamina.inside.embedding import embedding
from lamina.inside.kept import Kept
from lamina.inside.trace import outputs
from lamina.model import NetworkPart
from lamina.network import Conv, Dense, Flatten, Sequential

module = sys.modules["lamina.inside.embedding"]  # the function of this name stands before it in the package
Make = Callable[..., NetworkPart]


@pytest.fixture
def one(part: Make) -> NetworkPart:
    return part(Sequential([Dense(8, "tanh"), Dense(3, "linear")]), (5,), "cross entropy")


@pytest.fixture(scope="module")
def kept() -> Kept:
    """Three clusters of 20 in five numbers."""
    rng = np.random.default_rng(0)
    x = (np.repeat(rng.normal(size=(3, 5)) * 2, 20, axis=0) + 0.2 * rng.normal(size=(60, 5))).astype(np.float32)
    return kept_of(x)


def kept_of(x: np.ndarray) -> Kept:
    ids: Any = np.arange(len(x))
    return Kept("series", ids, ids.astype(str), ids.astype(str), ids, ids, x)


def test_principal_components_are_those_of_scikit_learn(one: NetworkPart, kept: Kept) -> None:
    found = embedding(kept, one, "0.dense")
    rows = outputs(one, kept.inputs, "0.dense")
    theirs = PCA(2).fit(rows)
    points = theirs.transform(rows)
    np.testing.assert_allclose(np.abs(found.points), np.abs(points), atol=1e-4)
    np.testing.assert_allclose(found.explained, theirs.explained_variance_ratio_, rtol=1e-4)
    assert found.ids.tolist() == list(range(60))
    assert found.epoch is None


def test_neighbours_stay_neighbours_and_each_time_the_same(one: NetworkPart, kept: Kept) -> None:
    found = embedding(kept, one, "0.dense", "tsne")
    again = embedding(kept, one, "0.dense", "tsne")
    np.testing.assert_array_equal(found.points, again.points)
    assert trustworthiness(outputs(one, kept.inputs, "0.dense"), found.points, n_neighbors=5) > 0.9
    assert found.explained is None


def test_a_snapshot_has_its_own_weights(one: NetworkPart, kept: Kept) -> None:
    early = one.parameters * 0.5
    found = embedding(kept, one, "0.dense", snapshot=(3, early))
    x, weight, bias = kept.inputs, early[:40].reshape(5, 8), early[40:48]
    rows = np.tanh(x @ weight + bias)
    np.testing.assert_allclose(np.abs(found.points), np.abs(PCA(2).fit_transform(rows)), atol=1e-4)
    assert found.epoch == 3


def test_turned_like_another_it_can_be_followed(one: NetworkPart, kept: Kept) -> None:
    last = embedding(kept, one, "0.dense")
    mirrored = type(last)("pca", "0.dense", None, last.points[:, ::-1] * [1, -1], last.ids, last.explained)
    found = embedding(kept, one, "0.dense", like=mirrored)
    np.testing.assert_allclose(found.points, mirrored.points, atol=1e-4)


def test_of_large_maps_the_means_are_placed(part: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Sequential([Conv(3, 3), Flatten(), Dense(2, "linear")])
    one, x = part(network, (4, 4, 1), "cross entropy"), np.random.default_rng(0).normal(size=(6, 4, 4, 1))
    monkeypatch.setattr(module, "LARGEST", 40)
    kept = kept_of(x.astype(np.float32))
    means = outputs(one, kept.inputs, "0.conv").mean(axis=(1, 2))
    np.testing.assert_allclose(
        np.abs(embedding(kept, one, "0.conv").points), np.abs(PCA(2).fit_transform(means)), atol=1e-5
    )


def test_few_or_equal_examples_have_a_place_too(one: NetworkPart) -> None:
    for x in (np.ones((1, 5), np.float32), np.ones((7, 5), np.float32)):
        for method in module.METHODS:
            np.testing.assert_array_equal(embedding(kept_of(x), one, "0.dense", method).points, 0)


def test_what_there_is_not_is_refused(one: NetworkPart, kept: Kept) -> None:
    with pytest.raises(OptionError, match="umap"):
        embedding(kept, one, "0.dense", "umap")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="no layer"):
        embedding(kept, one, "7.dense")
    with pytest.raises(OptionError, match="weights"):
        embedding(kept, one, "0.dense", snapshot=(1, np.zeros(3)))
