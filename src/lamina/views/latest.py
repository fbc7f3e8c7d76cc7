"""Latest: what was used last is remembered, what was not used for longest is forgotten."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """A dictionary that keeps the values used last, for several threads; ``weigh`` says how much of ``most`` each is.

    >>> latest = Latest(2)
    >>> for key in "abc":
    ...     _ = latest.get(key, lambda: key.upper())
    >>> sorted(latest.keys())
    ['b', 'c']
    """

    def __init__(self, most: int, weigh: Callable[[T], int] = lambda _: 1) -> None:
        self.most, self.weigh, self._weight = most, weigh, 0
        self._values, self._lock = OrderedDict[Hashable, T](), threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key; made where there is none yet."""
        found = self.find(key)
        return self.put(key, make()) if found is None else found

    def find(self, key: Hashable) -> T | None:
        """The value of a key, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: T) -> T:
        """Keep a value, and forget the one that was not used for longest."""
        with self._lock:
            self._weight += self.weigh(value) - (self.weigh(self._values.pop(key)) if key in self._values else 0)
            self._values[key] = value
            while self._weight > self.most and len(self._values) > 1:
                self._weight -= self.weigh(self._values.popitem(last=False)[1])
        return value

    def keys(self) -> list[Hashable]:
        """All keys, the one used last at the end."""
        with self._lock:
            return list(self._values)
