"""What a session keeps: runs opened once, own examples, work one piece after the other."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lamina.errors import ModelFileError, OptionError, RunError
from lamina.studio import session as sessions
from lamina.studio.brought import alone
from lamina.studio.session import Lane, Latest, Opened, Studio, answers_of, stamp


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


# --- runs ------------------------------------------------------------------------------------------------------------


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


def test_a_run_without_a_model_says_so(copied: Path) -> None:
    (copied / "pictures" / "model.lamina").unlink()
    with pytest.raises(RunError, match="no model yet"):
        _ = Studio(copied).opened("pictures").model


def test_a_damaged_model_says_so(copied: Path) -> None:
    model = copied / "pictures" / "model.lamina"
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(ModelFileError):
        _ = Studio(copied).opened("pictures").model


def test_a_member_that_is_none_is_refused(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
    with pytest.raises(OptionError, match="no member 99"):
        opened.network(99)


def test_the_stamp_changes_with_the_files(copied: Path) -> None:
    path = copied / "pictures"
    before = stamp(path)
    assert stamp(path) == before
    (path / "history.jsonl").write_text("")
    assert stamp(path) != before
    assert stamp(path / "model.lamina") != stamp(path / "nothing")


# --- examples --------------------------------------------------------------------------------------------------------


def test_judged_examples_have_the_answers_that_were_judged(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
    kept, judged = opened.kept, opened.judged
    assert kept is not None
    assert judged is not None
    there = kept.rows >= 0
    np.testing.assert_array_equal(opened.answers[there], judged.predictions[kept.rows[there]])
    assert list(kept.names[there]) == list(judged.names[kept.rows[there]])
    np.testing.assert_array_equal(kept.targets[there], judged.targets[kept.rows[there]])


@pytest.mark.parametrize("name", ["penguins", "pictures", "steps"])
def test_other_examples_have_the_models_answers(runs: Path, name: str) -> None:
    """Those that Model.predict gives, which reads them by another way."""
    opened = Opened(name, runs / name)
    kept, model = opened.kept, opened.model
    assert kept is not None
    inputs = kept.table() if model.kind == "table" else kept.inputs
    expected = model.outputs(inputs)[0]
    np.testing.assert_allclose(answers_of(model, kept, np.arange(len(kept))), expected, atol=1e-6)
    others = kept.rows < 0
    assert others.any()
    np.testing.assert_allclose(opened.answers[others], expected[others], atol=1e-6)


def test_an_example_is_found_by_its_number(runs: Path) -> None:
    opened = Opened("pictures", runs / "pictures")
    kept = opened.kept
    assert kept is not None
    assert kept.inputs is not None
    example = opened.example("7")
    assert (example.id, example.row, example.name) == ("7", 7, str(kept.names[7]))
    np.testing.assert_array_equal(opened.inputs(example), kept.inputs[7])


@pytest.mark.parametrize("text", ["", "-1", "60", "1e1", "½", "١", "own-00000000", "9" * 40])
def test_what_is_no_example_is_said(runs: Path, text: str) -> None:
    with pytest.raises(RunError, match="no example"):
        Opened("pictures", runs / "pictures").example(text)


def test_only_the_latest_own_examples_are_remembered(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "OWN", 3)
    opened = Opened("pictures", runs / "pictures")
    own = [opened.bring(alone(opened.model, np.full((8, 8, 1), at, np.uint8))) for at in range(5)]
    assert [example.id for example in own if opened.own.find(example.id)] == [example.id for example in own[2:]]
    assert own[4].is_own
    np.testing.assert_allclose(opened.answer(own[4]), opened.model.outputs(np.full((1, 8, 8, 1), 4, np.uint8))[0][0])


def test_a_table_row_goes_through_each_networks_own_preprocessing(runs: Path) -> None:
    opened = Opened("penguins", runs / "penguins")
    cells = {"island": "Biscoe", "bill_length_mm": 50.0, "bill_depth_mm": 15.0, "flipper_length_mm": 220.0}
    row = {**cells, "body_mass_g": None, "sex": "male", "year": 2008.0}
    example = opened.bring(alone(opened.model, row))
    text = "\n".join([",".join(row), ",".join("" if v is None else str(v) for v in row.values())]) + "\n"
    expected = opened.model.predict(text.encode()).probabilities
    assert expected is not None
    np.testing.assert_allclose(opened.answer(example), expected[0], atol=1e-6)


def test_run_json_is_not_needed_to_have_been_finished(copied: Path) -> None:
    """A run that is being written: half a run.json, then one without a verdict."""
    studio, run = Studio(copied), copied / "pictures" / "run.json"
    whole = run.read_text()
    run.write_text(whole[: len(whole) // 2])
    assert studio.opened("pictures").model.kind == "image"
    run.write_text(json.dumps({**json.loads(whole), "verdict": None, "state": "training"}))
    assert studio.opened("pictures").model.kind == "image"
