"""What a session keeps: runs opened once, own examples, work one piece after the other."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lamina.errors import RunError
from lamina.studio.brought import alone
from lamina.studio.session import Lane, Studio


def test_a_lane_does_one_thing_after_the_other_in_one_thread() -> None:
    threads, at_work, most = set(), 0, 0

    def work() -> int:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        threads.add(threading.get_ident())
        time.sleep(0.002)
        at_work -= 1
        return 1

    async def main() -> list[int | None]:
        lane = Lane("test")
        try:
            return await asyncio.gather(*(lane.do(work) for _ in range(20)))
        finally:
            lane.close()

    assert asyncio.run(main()) == [1] * 20
    assert (len(threads), most) == (1, 1)


def test_a_lane_leaves_out_what_nobody_wants_any_more() -> None:
    done: list[str] = []

    async def nobody() -> bool:
        return False

    async def main() -> list[None]:
        lane = Lane("test")
        try:
            return await asyncio.gather(lane.do(lambda: done.append("a")), lane.do(lambda: done.append("b"), nobody))
        finally:
            lane.close()

    asyncio.run(main())
    assert done == ["a"]


def test_a_lane_goes_on_behind_an_error() -> None:
    async def main() -> int | None:
        lane = Lane("test")
        try:
            with pytest.raises(ZeroDivisionError):
                await lane.do(lambda: 1 // 0)
            return await lane.do(lambda: 2)
        finally:
            lane.close()

    assert asyncio.run(main()) == 2


def test_a_model_is_loaded_once(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lamina import model

    loaded = []
    load = model.load
    monkeypatch.setattr(model, "load", lambda path: loaded.append(path) or load(path))
    studio = Studio(runs)
    opened = studio.opened("pictures")
    with_threads = [threading.Thread(target=lambda: opened.model) for _ in range(8)]
    for thread in with_threads:
        thread.start()
    for thread in with_threads:
        thread.join()
    assert studio.opened("pictures") is opened
    assert len(loaded) == 1
    assert opened.network(0) is opened.network(0)
    assert len(opened.network(0).parts) == 1


def test_a_run_that_was_written_anew_is_read_anew_and_own_examples_stay(copied: Path) -> None:
    studio = Studio(copied)
    opened = studio.opened("pictures")
    own = opened.bring(alone(opened.model, np.zeros((8, 8, 1), np.uint8)))
    predictions = copied / "pictures" / "predictions.npz"
    predictions.write_bytes(predictions.read_bytes() + b" ")
    fresh = studio.opened("pictures")
    assert fresh is not opened
    assert fresh.example(own.id) is own


def test_a_run_that_was_deleted_is_gone(copied: Path) -> None:
    import shutil

    studio = Studio(copied)
    assert studio.opened("pictures").model.kind == "image"
    shutil.rmtree(copied / "pictures")
    with pytest.raises(RunError, match="no run pictures any more"):
        studio.opened("pictures")
    assert studio.places() == {}


@pytest.mark.parametrize("name", ["", "..", ".", "../own/pictures", "pictures/", "/etc", "pictures\0", "own"])
def test_only_names_of_the_list_are_runs(copied: Path, name: str) -> None:
    with pytest.raises(RunError):
        Studio(copied).opened(name)


def test_a_folder_whose_name_is_no_text_is_passed_over(copied: Path) -> None:
    import os

    odd = os.fsencode(str(copied)) + b"/\xff\xfe"
    try:
        os.mkdir(odd)
    except OSError:
        pytest.skip("no such names here")
    with open(odd + b"/run.json", "w") as file:
        file.write("{}")
    assert list(Studio(copied).places()) == ["pictures"]


def test_no_folder_of_runs_is_no_runs(tmp_path: Path) -> None:
    assert Studio(tmp_path / "nowhere").places() == {}


def test_a_run_from_elsewhere_is_among_the_others_under_a_name_of_its_own(runs: Path, copied: Path) -> None:
    found = Studio(runs, copied / "pictures").places()
    assert found["pictures (2)"] == copied / "pictures"
    assert found["pictures"] == runs / "pictures"
    assert list(Studio(copied, copied / "pictures").places()) == ["pictures"]
