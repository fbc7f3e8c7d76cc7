"""Three small runs, trained once, and a real server that shows them."""

from __future__ import annotations

import base64
import dataclasses
import http.client
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from lamina import answer
from lamina.data.examples import Reading
from lamina.settings import Place, Settings
from lamina.studio.launch import listen
from lamina.studio.security import Door
from lamina.studio.server import application
from lamina.studio.session import Studio

TOKEN = "the-token-of-the-tests"
MARKUP = "<img src=x onerror=alert(1)>"  # a class's name


RUNS = ("penguins", "pictures", "steps")  # a table, images, series


def array_of(value: Mapping[str, Any]) -> np.ndarray:
    """An array as the page gets it."""
    kind = "f32" if "f32" in value else "i32"
    content = base64.b64decode(value[kind])
    return np.frombuffer(content, "<f4" if kind == "f32" else "<i4").reshape(value["shape"])


@dataclasses.dataclass
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclasses.dataclass
class Served:
    """A server, and how to ask it."""

    studio: Studio
    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: Any = None
    ) -> Reply:
        """Ask as the page does; headers that are None are left out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {"Host": self.host, "Cookie": f"lamina-{self.port}={TOKEN}", **(headers or {})}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        if content is not None:
            given["Content-Length"] = str(len(content))
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(content)
        found = connection.getresponse()
        reply = Reply(found.status, {name.lower(): value for name, value in found.getheaders()}, found.read())
        connection.close()
        return reply

    def post(self, path: str, body: Any) -> Reply:
        return self.get(path, method="POST", body=body)

    def raw(self, content: bytes, timeout: float = 20) -> socket.socket:
        """A connection that has sent these bytes."""
        found = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        found.sendall(content)
        return found


def start(studio: Studio) -> Iterator[Served]:
    """A server in a thread, ended behind the yield."""
    found, port = listen(0)
    config = uvicorn.Config(
        application(studio, Door(port, TOKEN)), log_level="critical", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    studio.ending = lambda: server.should_exit
    thread = threading.Thread(target=server.run, kwargs={"sockets": [found]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield Served(studio, port)
    finally:
        server.should_exit = True
        thread.join(20)
        found.close()
        studio.close()
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs "penguins" (a table), "pictures" and "steps" (an LSTM), each of a network and a moment."""
    folder = tmp_path_factory.mktemp("studio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer, "simple_models", constant_only)
        _train(folder, "penguins", _penguins(folder), "dense 8", Reading(target="species", test="0.3"))
        _train(folder, "pictures", _pictures(folder), "conv 4, pool, dense 8", Reading(test="0.3"))
        _train(folder, "steps", _steps(folder), "lstm 4, last", Reading(test="0.3"))
    return folder / "runs"


def constant_only(work: Any, rows: np.ndarray, tell: Any) -> Any:
    """The simple models take most of the time and are not what is looked at here."""
    from lamina.judgement.baselines import constant_baselines

    return constant_baselines(work.examples.task, work.examples.targets[rows])


def _train(folder: Path, name: str, data: Path, network: str, reading: Reading) -> None:
    settings = Settings(epochs=2, learning_rates=(0.01,), repeats=2, networks=(network,))
    answer.train(str(data), settings=settings, reading=reading, place=Place(runs=folder / "runs", name=name))


def _penguins(folder: Path) -> Path:
    import lamina.samples

    lines = Path(str(lamina.samples.__file__)).with_name("penguins.csv").read_text().splitlines()
    path = folder / "penguins.csv"
    path.write_text("\n".join([lines[0], *lines[1::4]]) + "\n")
    return path


def _pictures(folder: Path) -> Path:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 90, (60, 8, 8, 1)).astype(np.uint8)
    labels = np.arange(60) % 2
    pixels[labels == 1, 2:6, 2:6] += 120
    path = folder / "pictures.npz"
    np.savez(path, x=pixels, y=np.array(["ring", MARKUP])[labels])
    return path


def _steps(folder: Path) -> Path:
    draw = np.random.default_rng(1)
    lines = ["@problemName made", "@timeStamps false", "@univariate true", "@classLabel true up down", "@data"]
    for row in range(40):
        values = draw.normal(size=10) + (np.linspace(0, 3, 10) if row % 2 else np.linspace(3, 0, 10))
        lines.append(",".join(f"{value:.3f}" for value in values) + (":up" if row % 2 else ":down"))
    path = folder / "steps.ts"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def served(runs: Path) -> Iterator[Served]:
    """A server that shows the runs."""
    yield from start(Studio(runs))


@pytest.fixture
def copied(runs: Path, tmp_path: Path) -> Path:
    """A folder of runs of the test's own, with the run of pictures in it."""
    shutil.copytree(runs / "pictures", tmp_path / "own" / "pictures")
    return tmp_path / "own"
