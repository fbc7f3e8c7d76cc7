"""The studio as a person feels it, in headless Chromium: first paint, a click into a unit, prediction while drawing,
the curves of 1,000 members under pan and zoom, and what the page weighs.

    python benchmarks/studio.py [--times 5]

It needs playwright (the extra `dev` has it) and a Chromium, makes its own runs in a folder of its own, and prints each
figure beside what is wanted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import busy, described
from start import lamina_command

NETWORK = "conv 32, pool, conv 64, pool, dense 384"  # 121,000 parameters on digits
NAMES = ("chromium", "chromium-browser", "google-chrome")
TOKEN = "benchmark"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, help="how often each is measured; the median is told")
    times = parser.parse_args().times
    print(described(), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        runs = Path(scratch)
        train(runs)
        population(runs / "thousand")
        with server(runs) as address, browser() as chromium:
            print(f"\n{busy()}\n\n| what | median | from | to | wanted |\n|---|---|---|---|---|", flush=True)
            tell(
                "first paint of a run of 64 members, from the server's answer, ms",
                paints(chromium, address, times),
                1000,
            )
            tell("a click into the arithmetic of a dense unit, ms", clicks(chromium, address, "6.dense", times), 150)
            tell("a click into a convolution's unit, ms", clicks(chromium, address, "3.conv", times), 150)
            tell("prediction while drawing, round trip, ms", drawing(chromium, address, times), 100)
            for what, keys in (("zoom", ["+", "-"]), ("pan", ["ArrowLeft", "ArrowRight"])):
                rates = frames(chromium, address, keys, times)
                tell(f"1,000 members x 100 epochs, {what}, frames a second", rates, "30 or more")
            print(f"| page weight, bytes uncompressed | {weight(chromium, address):,} | | | 500,000 |")


def tell(what: str, values: list[float], wanted: float | str) -> None:
    low, high = min(values), max(values)
    print(f"| {what} | {statistics.median(values):.0f} | {low:.0f} | {high:.0f} | {wanted} |", flush=True)


# --- the runs --------------------------------------------------------------------------------------------------------


def train(runs: Path) -> None:
    """Digits with a network of some 100,000 parameters, and 64 members of a small one."""
    common = ["--test", "0.5", "--runs", str(runs), "--quiet"]
    one = ["--network", NETWORK, "--epochs", "3", "--learning-rate", "0.003", "--repeats", "1", "--run", "digits"]
    many = ["--network", "dense 16", "--epochs", "30", "--learning-rate", rates(8), "--repeats", "8", "--run", "many"]
    for options in (one, many):
        subprocess.run(
            [lamina_command(), "train", "sample:digits", *options, *common], check=True, stdout=subprocess.DEVNULL
        )


def rates(count: int) -> str:
    return ",".join(f"{rate:.2g}" for rate in np.geomspace(1e-4, 1e-2, count))


def population(folder: Path, members: int = 1000, epochs: int = 100) -> None:
    """The history of many members, as training writes it."""
    random, each = np.random.default_rng(0), np.arange(members)
    about = [
        {"id": int(i), "network": 0, "seed": int(i), "recipe": {}, "epochs": epochs, "best_epoch": 60} for i in each
    ]
    floor, lines = random.uniform(0.05, 0.3, members), []
    for epoch in range(1, epochs + 1):
        loss = floor + 2 * np.exp(-epoch / (10 + 20 * floor)) + random.normal(0, 0.01, members)
        measured = {"training_loss": loss, "validation_loss": loss * 1.2, "training_accuracy": 1 - loss / 4}
        measured["validation_accuracy"] = 1 - loss / 3
        lines.append(json.dumps({"group": 0, "epoch": epoch, **{name: of.tolist() for name, of in measured.items()}}))
    folder.mkdir()
    run = {"format": 1, "name": folder.name, "state": "stopped", "task": {"kind": "classification", "classes": ["a"]}}
    (folder / "run.json").write_text(json.dumps(run | {"members": about, "networks": [{"notation": "dense 8"}]}))
    (folder / "history.jsonl").write_text("\n".join(lines) + "\n")


# --- the two sides ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server(runs: Path) -> Iterator[str]:
    """`lamina studio` in a process of its own; its address without what is behind the #."""
    command = [lamina_command(), "studio", "--no-browser", "--port", "0", "--runs", str(runs)]
    environment = os.environ | {"LAMINA_STUDIO_TOKEN": TOKEN, "COLUMNS": "200"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        said = next(filter(None, (re.search(r"http://\S+token=\w+", line) for line in process.stdout)))
        try:
            yield said[0]
        finally:
            process.terminate()


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        sys.exit("No Chromium here (Debian: apt install chromium).")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@contextlib.contextmanager
def opened(chromium: Any, address: str, state: str, script: str = "") -> Iterator[Any]:
    """A page of a browser that knows nothing yet."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    if script:
        page.add_init_script(script)
    page.goto(f"{address}#{state}")
    page.wait_for_selector("[data-testid^=view-]")
    yield page
    context.close()


# --- what is measured ------------------------------------------------------------------------------------------------

PAINTED = """
const look = () => {
  const there = document.querySelector("#verdict") && document.querySelector(".plot .axes text");
  if (there) requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
  else requestAnimationFrame(look);
};
look();
"""


def paints(chromium: Any, address: str, times: int) -> list[float]:
    """From the first byte of the page to the frame with the verdict and the curves in it."""
    found = []
    for _ in range(times + 1):
        with opened(chromium, address, "run=many&view=run", PAINTED) as page:
            page.wait_for_function("() => window.painted")
            began = "performance.getEntriesByType('navigation')[0].responseStart"
            found.append(page.evaluate(f"window.painted - {began}"))
    return found[1:]  # the first one waits for the server to have read the run


CLICKED = """name => new Promise(done => {
  const began = performance.now(), number = "[data-testid=product-0], [data-testid=part-0-value]";
  const look = () => {
    if (document.querySelector(number)) requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    else requestAnimationFrame(look);
  };
  document.querySelector(`[data-testid="${name}"]`).click();
  look();
})"""


def clicks(chromium: Any, address: str, layer: str, times: int) -> list[float]:
    """From a click on a unit to the frame in which its numbers stand."""
    found = []
    with opened(chromium, address, "run=digits&view=network") as page:
        for unit in range(times + 1):
            page.wait_for_selector(f"[data-testid='unit-{layer}-{unit}']")
            page.wait_for_timeout(300)
            found.append(page.evaluate(CLICKED, f"unit-{layer}-{unit}"))
            for _ in range(6):  # from the cell up to the whole network
                page.keyboard.press("Escape")
                page.wait_for_timeout(50)
    return found[1:]  # the first one brings the modules and the weights


def drawing(chromium: Any, address: str, times: int) -> list[float]:
    """The page's own figure: the median round trip of a drawing's questions, a drawing each time."""
    found = []
    for _ in range(times):
        with opened(chromium, address, "run=digits&view=try&example=0&way=draw") as page:
            page.wait_for_selector("[data-testid=pad]")
            box = page.get_by_test_id("pad").bounding_box()
            for stroke in range(3):
                page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * (0.2 + 0.2 * stroke))
                page.mouse.down()
                page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.7, steps=30)
                page.mouse.up()
            page.wait_for_timeout(1000)
            found.append(float(page.get_by_test_id("round-trip").get_attribute("data-value")))
    return found


MOVED = """([there, back]) => new Promise(done => {
  const plot = document.querySelector(".plot"), began = performance.now();
  const key = (key) => plot.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  let at = 0;
  const frame = () => {
    key(at % 20 < 10 ? there : back);
    at += 1;
    if (at < 90) requestAnimationFrame(frame);
    else requestAnimationFrame(() => done(1000 * at / (performance.now() - began)));
  };
  plot.focus();
  for (let i = 0; i < 3; i += 1) key("+");
  requestAnimationFrame(frame);
})"""


def frames(chromium: Any, address: str, keys: list[str], times: int) -> list[float]:
    """Frames a second while a movement asks for a new picture at each of them."""
    with opened(chromium, address, "run=thousand&view=run") as page:
        page.wait_for_selector(".plot .axes text", state="attached")
        page.evaluate("document.querySelector('.plot').scrollIntoView({block: 'center'})")
        page.wait_for_timeout(1000)
        return [page.evaluate(MOVED, keys) for _ in range(times)]


def weight(chromium: Any, address: str) -> int:
    """The bytes of all files that the views load."""
    sizes: dict[str, int] = {}

    def heard(response: Any) -> None:
        if "/static/" in response.url or response.url.split("?")[0].endswith("/"):
            sizes[response.url.split("?")[0]] = len(response.body())

    with opened(chromium, address, "run=digits&view=run") as page:
        page.on("response", heard)
        page.reload()
        for view in ("network", "try", "features", "mistakes", "data"):
            page.get_by_test_id(f"tab-{view}").click()
            page.wait_for_selector(f"[data-testid=view-{view}]")
            page.wait_for_load_state("networkidle")
    return sum(sizes.values())


if __name__ == "__main__":
    main()
