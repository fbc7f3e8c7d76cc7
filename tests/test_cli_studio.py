"""``lamina studio``, as it is typed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lamina.cli import run_command
from lamina.studio.launch import listen


def test_help_names_what_can_be_opened(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["studio", "--help"]) == 0
    shown = capsys.readouterr().out
    for word in ("RUN | DATA", "--port", "--no-browser", "--runs"):
        assert word in shown


def test_what_is_no_run_and_no_file_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["studio", "nothing", "--no-browser"]) == 2
    assert "There is no run nothing" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise")
def test_it_says_its_address_and_that_the_port_was_taken_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "begun"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"format": 1, "name": "begun", "state": "training", "task": {}}))
    taken, port = listen(0)
    command = [sys.executable, "-c", "from lamina.cli import main; main()", "studio", "begun"]
    command += ["--runs", str(tmp_path / "runs"), "--port", str(port)]
    without = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "LAMINA_STUDIO_TOKEN")
    environment = {name: value for name, value in os.environ.items() if name not in without}
    with (
        taken,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as server,
    ):
        assert server.stdout is not None
        assert server.stderr is not None
        said = [server.stdout.readline() for _ in range(2)]
        assert f"Port {port} is taken" in said[0]
        address = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=[\w-]{43}#run=begun", said[1])
        assert address
        assert int(address[1]) > port
        with urllib.request.urlopen(address[0].partition("#")[0], timeout=20) as reply:
            assert reply.status == 200
            cookie = reply.headers["Set-Cookie"].partition(";")[0]
        events = urllib.request.Request(
            f"http://127.0.0.1:{address[1]}/api/runs/begun/events", headers={"Cookie": cookie}
        )
        with urllib.request.urlopen(events, timeout=20) as listening:  # an open page doesn't hold the end up
            assert b"changed" in listening.readline()
            server.send_signal(signal.SIGINT)
            assert server.wait(20) == 0
        assert "No browser was found" in server.stdout.read()
        assert server.stderr.read() == ""
