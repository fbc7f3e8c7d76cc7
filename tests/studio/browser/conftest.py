"""A headless Chromium, a server with small runs, and pages that fail a test where the browser's console complains."""

from __future__ import annotations

import dataclasses
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from small_runs import constant_only

TOKEN = "the-token-of-the-browser"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HEARD = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # a microphone that plays a file
QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
READY = "[data-testid^=view-]"
RATE, HIGH, LOW = 8000, 1600.0, 400.0  # of the tones; hertz


@dataclasses.dataclass(frozen=True)
class Studio:
    """A server of runs: "digits" (a CNN), "penguins", "pictures" and "steps" (an LSTM)."""

    port: int
    runs: Path

    def url(self, state: str = "") -> str:
        """The address of a view, as it stands behind the #."""
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}#{state}"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium, whose microphone hears a high tone; a test that needs it is skipped where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium to look at the studio with (Debian: apt install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    microphone = tmp_path_factory.mktemp("microphone") / "high.wav"
    write_tone(microphone, HIGH, seconds=4.0)
    heard = [*HEARD, f"--use-file-for-fake-audio-capture={microphone}"]
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *QUIET, *heard])
        yield found
        found.close()


@pytest.fixture(scope="session")
def browser_runs(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small runs of the other tests, and "digits": two convolutions, a pool, the classes."""
    from lamina import answer
    from lamina.data.examples import Reading
    from lamina.settings import Place, Settings

    folder = tmp_path_factory.mktemp("browser") / "runs"
    shutil.copytree(runs, folder)
    settings = Settings(epochs=4, learning_rates=(0.01,), repeats=1, networks=("conv 4, conv 6, pool",), augment=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer, "simple_models", constant_only)
        place = Place(runs=folder, name="digits")
        answer.train("sample:digits", settings=settings, reading=Reading(test="0.5"), place=place)
    return folder


def write_tone(path: Path, hertz: float, *, seconds: float, noise: int = 0) -> None:
    """A tone in a little noise as a WAV file of 8,000 samples a second."""
    samples = 9000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    samples += np.random.default_rng(noise).normal(0, 60, len(samples))
    wavfile.write(path, RATE, samples.astype(np.int16))


@pytest.fixture(scope="session")
def tones(browser_runs: Path) -> Path:
    """The folder of the recordings from which the run "tones" learned: half a second each, in "high" and "low"."""
    from lamina import answer
    from lamina.data.examples import Reading
    from lamina.settings import Place, Settings

    sounds, place = _tones(browser_runs.with_name("tones")), Place(runs=browser_runs, name="tones")
    settings = Settings(epochs=8, learning_rates=(0.01,), repeats=1, networks=("conv 4, mean",), augment=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer, "simple_models", constant_only)
        answer.train(str(sounds), settings=settings, reading=Reading(test="0.3"), place=place)
    return sounds


def _tones(folder: Path) -> Path:
    """Tones in two folders."""
    for name, hertz in (("high", HIGH), ("low", LOW)):
        (folder / name).mkdir(parents=True)
        for at in range(16):
            write_tone(folder / name / f"{at}.wav", hertz * (1 + 0.01 * at), seconds=0.5, noise=at)
    return folder


@pytest.fixture(scope="session")
def studio(browser: Any, browser_runs: Path) -> Iterator[Studio]:
    """A server of these runs in a thread, ended with the session."""
    import uvicorn

    from lamina.studio.launch import listen
    from lamina.studio.security import Door
    from lamina.studio.server import application
    from lamina.studio.session import Studio as Session

    session, (found, port) = Session(browser_runs), listen(0)
    app = application(session, Door(port, TOKEN))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    session.ending = lambda: server.should_exit
    thread = threading.Thread(target=server.run, kwargs={"sockets": [found]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Studio(port, browser_runs)
    server.should_exit = True
    thread.join(20)
    found.close()
    session.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a browser that knows nothing yet; the test fails if its console has an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    found, said = context.new_page(), []
    found.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    found.on("pageerror", lambda error: said.append(str(error)))
    yield found
    context.close()
    assert said == []


@pytest.fixture
def show(page: Any, studio: Studio) -> Callable[[str], Any]:
    """A function that opens a view by its state ("view=network&run=digits") and gives the page once it is drawn."""

    def opened(state: str) -> Any:
        page.goto(studio.url(state))
        page.wait_for_selector(READY)
        return page

    return opened


@pytest.fixture
def accessible(page: Any) -> Callable[[], None]:
    """A function that fails where axe finds something wrong with the page in a theme, or it is wider than a phone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()

    def checked() -> None:
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            found = axe.run(page).response["violations"]
            assert [(v["id"], [node["html"][:160] for node in v["nodes"]]) for v in found] == []
        page.set_viewport_size({"width": 360, "height": 800})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

    return checked
