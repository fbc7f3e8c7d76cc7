"""What was used last is remembered, as much as there is room for."""

from __future__ import annotations

from lamina.views.latest import Latest


def test_the_latest_are_kept_and_no_more() -> None:
    made: list[str] = []
    latest: Latest[str] = Latest(2)
    for key in ("a", "b", "a", "c", "a", "b"):
        latest.get(key, lambda key=key: made.append(key) or key)
    assert made == ["a", "b", "c", "b"]
    assert latest.keys() == ["a", "b"]


def test_what_is_kept_is_bounded_by_its_weight() -> None:
    latest: Latest[bytes] = Latest(10, len)
    for key, size in (("a", 4), ("b", 4), ("a", 6), ("c", 3), ("d", 50)):
        latest.put(key, b"x" * size)
    assert latest.keys() == ["d"]
    latest.put("e", b"xx")
    assert latest.keys() == ["e"]
