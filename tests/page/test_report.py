"""The page in a browser: it draws, leaves the console silent, and shows hostile text as text."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lamina.page.writer import write

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look at the page with")


def opened(path: Path, profile: Path) -> tuple[str, str]:
    """The page's document after its script ran, and what the browser's console said."""
    quiet = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        *quiet,
        f"--user-data-dir={profile}",
        "--enable-logging=stderr",
    ]
    command += ["--virtual-time-budget=2000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.partition('<script type="application/json"')[0], "\n".join(
        re.findall(r".*:CONSOLE.*", done.stderr)
    )


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (
            "penguins",
            [
                "The network tells species right for 98.8",
                "logistic regression",
                "Confusion matrix",
                "Level with the best",
                "best epoch",
            ],
        ),
        ("pictures", ["Ahead of the best simple model", "data:image/png;base64,", "8 × 8 × 32"]),
        (
            "series",
            [
                "The gates while it reads wave 5",
                "a right middling",
                "steps back 59",
                "In 1.lstm forward the gradient fades",
                "how much of the cell is kept",
            ],
        ),
        ("sounds", ["data:image/png;base64,", "a right slow", "In 2.gru the gradient grows"]),
        ("prices", ["Behind the best simple model", "Largest errors", "Predicted against actual MedHouseVal"]),
        ("diverged", ["This run failed before it had a score.", "diverged", "No answers on judged rows are kept"]),
    ],
)
def test_a_run_is_shown(made_run, tmp_path, kind, shown):
    document, console = opened(write(made_run(kind)), tmp_path / "profile")
    assert console == ""
    assert "This part can’t be shown" not in document
    for text in shown:
        assert text in document
    assert ("The gates" in document) == (kind in ("series", "sounds"))


def test_hostile_text_is_shown_as_text(made_run, tmp_path):
    document, console = opened(write(made_run("hostile")), tmp_path / "profile")
    assert console == ""
    assert document.count("&lt;img src=x onerror=alert(1)&gt;") > 20
    assert "<img" not in document.replace("&lt;img", "")
    assert "<script>alert" not in document
