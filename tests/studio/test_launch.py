"""Starting and ending: the port, the address, the browser, what was typed."""

from __future__ import annotations

import shutil
import socket
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from lamina.errors import ModelFileError, OptionError, RunError
from lamina.studio import launch
from lamina.studio.launch import address, chosen, latest_of, listen, opening


def test_a_port_that_is_taken_gives_the_next_free_one() -> None:
    first, port = listen(0)
    second, other = listen(port)
    with first, second:
        assert port < other < port + launch.TRIED
        assert second.getsockname()[0] == "127.0.0.1"


def test_no_port_that_is_free_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    first, port = listen(0)
    monkeypatch.setattr(launch, "TRIED", 1)
    with first, pytest.raises(OptionError, match="can be listened on"):
        listen(port)


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(OptionError, match="The port is"):
        listen(port)


def test_only_this_machine_is_listened_to() -> None:
    found, port = listen(0)
    with found:
        outside = socket.gethostbyname(socket.gethostname())
        if outside.startswith("127."):
            pytest.skip("this machine has no other address")
        assert found.getsockname() == ("127.0.0.1", port)


def test_the_address_holds_token_and_view() -> None:
    assert address(80, "a/b c") == "http://127.0.0.1:80/?token=a/b%20c"
    assert address(80, "t", "run=x") == "http://127.0.0.1:80/?token=t#run=x"


# --- what was typed --------------------------------------------------------------------------------------------------


def test_nothing_is_all_runs(runs: Path) -> None:
    studio = chosen(None, runs)
    assert (studio.first, studio.data, opening(studio)) == (None, None, "")


def test_a_run_by_its_name_its_folder_or_a_file_in_it(runs: Path) -> None:
    for text in ("pictures", str(runs / "pictures"), str(runs / "pictures" / "model.lamina")):
        studio = chosen(text, runs)
        assert studio.first == (runs / "pictures").resolve()
        assert opening(studio) == "run=pictures"
        assert sorted(studio.places()) == ["penguins", "pictures", "steps"]


def test_a_run_from_elsewhere(runs: Path, copied: Path) -> None:
    studio = chosen(str(copied / "pictures"), runs)
    assert opening(studio) == "run=pictures%20%282%29"
    assert studio.opened("pictures (2)").path == (copied / "pictures").resolve()


def test_a_model_alone(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "found.lamina"
    shutil.copy(runs / "pictures" / "model.lamina", path)
    studio = chosen(str(path), runs)
    assert opening(studio) == "run=found.lamina"
    assert studio.opened("found.lamina").folder is None


def test_data_opens_its_latest_run(runs: Path) -> None:
    data = runs.parent / "steps.ts"
    studio = chosen(str(data), runs)
    assert (opening(studio), studio.data) == ("run=steps", str(data))


def test_data_that_nothing_was_trained_on_opens_what_is_in_it(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("a,b\n1,x\n2,y\n")
    studio = chosen(str(path), runs)
    assert (studio.first, opening(studio)) == (None, "view=data")
    assert opening(chosen("sample:digits", runs)) == "view=data"
    assert latest_of("sample:digits", runs) is None


@pytest.mark.parametrize("text", ["pinguins", "nowhere.csv", "", "../nothing"])
def test_what_is_nothing_is_refused_with_the_nearest(runs: Path, text: str) -> None:
    with pytest.raises(RunError) as error:
        chosen(text or "nothing", runs)
    assert error.value.mend
    if text == "pinguins":
        assert "penguins" in error.value.expected


def test_a_model_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.lamina").write_text("no model")
    for name in ("x.lamina", "nowhere.lamina"):
        with pytest.raises(ModelFileError):
            chosen(str(tmp_path / name), tmp_path)


# --- the browser -----------------------------------------------------------------------------------------------------


class _Browser:
    def __init__(self) -> None:
        self.opened: list[str] = []

    def open(self, where: str) -> bool:
        self.opened.append(where)
        return True


@pytest.fixture
def no_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_windows")
def test_without_windows_no_browser_takes_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "get", lambda: pytest.fail("a browser was looked for"))
    assert not launch._opens("http://x")


@pytest.mark.usefixtures("no_windows")
def test_a_browser_is_opened_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _Browser()
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "get", lambda: found)
    assert launch._opens("http://x")
    for _ in range(200):
        if found.opened:
            break
        import time

        time.sleep(0.01)
    assert found.opened == ["http://x"]


@pytest.mark.usefixtures("no_windows")
def test_no_browser_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Any:
        raise webbrowser.Error

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "get", none)
    assert not launch._opens("http://x")
