"""What a page of the studio shows, as a test reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lamina.inside.kept import kept
from lamina.model import load


def value(page: Any, name: str) -> float:
    """The number that the first element with this test id shows, unrounded."""
    return float(page.get_by_test_id(name).first.get_attribute("data-value"))


def values(page: Any, name: str, count: int) -> np.ndarray:
    """The numbers of NAME-0, NAME-1, ..."""
    return np.array([value(page, f"{name}-{at}") for at in range(count)])


def shares(page: Any) -> np.ndarray:
    """The probabilities of the view Try it, class by class."""
    found = page.locator("[data-testid^=share-] [data-value]")
    return np.array([float(found.nth(at).get_attribute("data-value")) for at in range(found.count())])


def until(page: Any, true: Callable[[], Any]) -> Any:
    """Wait for something to come true. (The page forbids eval, and with it Playwright's wait_for_function.)"""
    for _ in range(600):
        found = true()
        if found:
            return found
        page.wait_for_timeout(25)
    raise AssertionError("it never came true")


def chosen(page: Any, run: Path) -> tuple[Any, Any]:
    """The model's first network, and the example that the page shows as it takes it."""
    model, examples = load(run / "model.lamina"), kept(run)
    assert examples is not None
    row = int(page.locator(".example[aria-pressed=true]").get_attribute("data-id"))
    return model, examples.inputs_for(model.parts[0], [row])[0]
