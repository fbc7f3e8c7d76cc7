"""Sounds: spoken digits (fsdd), every speaker held out in turn and on the official split, beside simple models.

    python benchmarks/sounds.py DATA [official | jackson | nicolas ...]

With a speaker held out, nobody is heard in training who is judged on; of the others one at a time chooses the epoch.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from machine import described
from series import table
from trial import Trial, attempt, keep, kept

from lamina.data.examples import Reading

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
PATTERN = "{digit}_{speaker}_{take}"
OFFICIAL_TEST = 5  # takes 0 to 4 of everybody
SIMPLE = ("logistic regression", "gradient boosting", "random kernels")
HEADER = ("held out", "rows", "network", "95 %", *SIMPLE, "s")


def main() -> None:
    options = asked()
    machine, found = described(), kept(options.results)
    names = ("official", *SPEAKERS)
    print(machine, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.names or names:
            place = unpacked(options.data / "fsdd" / "recordings.zip", name, Path(scratch) / name)
            found[name] = one(name, place, options.runs or Path(scratch) / "runs")
            print(" | ".join(row(found[name])), flush=True)
            keep(options.results, machine, [found[of] for of in names if of in found])
    print("", *table([HEADER, *(row(found[of]) for of in names if of in found)]), "", sep="\n")
    print(summary([found[of] for of in SPEAKERS if of in found]))


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with a folder a data set; the recordings are fsdd's")
    parser.add_argument("names", nargs="*", choices=[[], "official", *SPEAKERS], metavar="NAME")
    parser.add_argument("--results", type=Path, help="a JSON file to merge the outcomes into")
    parser.add_argument("--runs", type=Path, help="a folder to keep the runs and their reports in")
    return parser.parse_args()


def unpacked(archive: Path, held: str, place: Path) -> Path:
    """The recordings in a folder to train on and one to judge on."""
    for part in ("train", "test"):
        (place / part).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as opened:
        for member in opened.namelist():
            name = Path(member).name
            if name.endswith(".wav"):
                (place / ("test" if is_held(name, held) else "train") / name).write_bytes(opened.read(member))
    return place


def is_held(name: str, held: str) -> bool:
    _, speaker, take = Path(name).stem.split("_")
    return int(take) < OFFICIAL_TEST if held == "official" else speaker == held


def one(name: str, place: Path, runs: Path) -> dict[str, Any]:
    """Trained on the one folder, judged on the other."""
    group = None if name == "official" else "speaker"
    reading = Reading(label_from_name=PATTERN, group=group, test=str(place / "test"))
    return attempt(Trial(name, str(place / "train"), reading=reading, mlp=False), runs)


def row(found: dict[str, Any]) -> tuple[str, ...]:
    """One outcome as cells, accuracies in per cent."""
    if "failed" in found:
        return (found["name"], "", found["failed"], *[""] * (len(HEADER) - 3))
    simple = [f"{100 * found['baselines'][model]['score']:.1f}" for model in SIMPLE]
    interval = " to ".join(f"{100 * end:.1f}" for end in found["interval"])
    seconds = f"{found['seconds']:.0f}"
    return (found["name"], f"{found['rows']:,}", f"{100 * found['score']:.1f}", interval, *simple, seconds)


def summary(found: list[dict[str, Any]]) -> str:
    """The means over the speakers held out."""
    done = [each for each in found if "failed" not in each]
    if not done:
        return ""
    ours = 100 * statistics.fmean(each["score"] for each in done)
    linear = 100 * statistics.fmean(each["baselines"][SIMPLE[0]]["score"] for each in done)
    apart = f"{ours - linear:.1f} points apart"
    return f"Mean of {len(done)} speakers: network {ours:.1f}, {SIMPLE[0]} {linear:.1f}: {apart}."


if __name__ == "__main__":
    main()
