"""What doesn't fit is made to fit, or refused before anything is trained."""

from __future__ import annotations

import dataclasses

import pytest

from lamina.errors import TooLargeError
from lamina.training.memory import SHARE, Need, fit, in_words, need
from lamina.training.plan import Plan

MAP = Plan("cpu", 2, "map", 7, 1, 1, threads=1)
SIDE_BY_SIDE = Plan("gpu", 1, "vmap", 7, 1, 1)
NEED = Need(data=1000, member=100, best=10, step=200, row=10, rows=32)  # 520 a member at work


def free(total: float) -> int:
    """So many bytes free that ``total`` of them may be taken."""
    return round(total / SHARE) + 1


def test_what_fits_stays_as_it_is() -> None:
    assert fit(MAP, 8, NEED, free(NEED.total(8, 2))) is MAP
    assert fit(SIDE_BY_SIDE, 8, NEED, free(NEED.total(8, 8))) is SIDE_BY_SIDE
    assert fit(MAP, 10**6, NEED, None) is MAP


def test_half_the_memory_makes_waves_of_about_half() -> None:
    """Room for 4 of 8 members beside the best weights of all."""
    made = fit(MAP, 8, NEED, free(1000 + 2 * 520 + 4 * 100 + 8 * 10))
    assert made == dataclasses.replace(MAP, wave=4)
    assert "4 members train at once, as memory allows no more" in made.sentence()


def test_waves_are_even_and_keep_all_cores_at_work() -> None:
    made = fit(MAP, 9, NEED, free(1000 + 2 * 520 + 7 * 100 + 9 * 10))
    assert made.wave == 6  # two waves, of 6 and 3; 8 and 1 would be as many, 5 would leave a core idle


def test_side_by_side_fewer_are_at_work_before_there_are_waves() -> None:
    made = fit(SIDE_BY_SIDE, 8, NEED, free(1000 + 4 * 520 + 8 * 100))
    assert (made.together, made.wave) == (4, 0)
    made = fit(SIDE_BY_SIDE, 8, NEED, free(1000 + 1 * 520 + 4 * 100 + 8 * 10))
    assert (made.together, made.wave) == (1, 4)


def test_where_two_at_work_are_too_many_one_has_all_cores() -> None:
    made = fit(MAP, 8, NEED, free(1000 + 520 + 4 * 100 + 8 * 10))
    assert (made.mode, made.devices, made.wave) == ("threads", 1, 4)
    made = fit(MAP, 2, NEED, free(1000 + 520 + 2 * 100))
    assert (made.mode, made.devices, made.wave) == ("threads", 1, 0)


def test_one_that_is_too_large_is_refused_with_a_batch_that_fits() -> None:
    with pytest.raises(TooLargeError, match="One member needs about") as caught:
        fit(MAP, 8, NEED, free(NEED.total(1, 1) - 100))
    assert caught.value.mend == "--batch-size 16"
    smaller = dataclasses.replace(NEED, rows=16)
    assert smaller.total(1, 1) <= NEED.total(1, 1) - 100
    assert caught.value.exit_code == 1


def test_where_no_batch_is_small_enough_the_network_is_the_matter() -> None:
    with pytest.raises(TooLargeError) as caught:
        fit(MAP, 8, NEED, free(1000))
    assert caught.value.mend == "a smaller --network, or less data"


def test_what_is_needed_grows_with_what_it_is_for() -> None:
    base = need(moving=100, outputs=50, parameters=20, data=1000, rows=32, batches=64, native=True)
    assert need(moving=100, outputs=50, parameters=20, data=1000, rows=32, batches=64, native=False).row > base.row
    more = need(moving=200, outputs=50, parameters=20, data=1000, rows=64, batches=64, native=True)
    assert more.member - base.member == 3 * 100
    assert more.work - base.work == 32 * base.row + 2 * 100
    assert base.data == 1000


def test_sizes_in_words() -> None:
    assert [in_words(size) for size in (0, 2**20, 3 * 2**29)] == ["0.0 MiB", "1.0 MiB", "1.5 GiB"]
