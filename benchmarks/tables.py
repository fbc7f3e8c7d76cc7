"""Every table with no option but --target, beside the simple models and scikit-learn's MLP on the same rows.

    python benchmarks/tables.py DATA [NAME ...] [--results benchmarks/results/tables.json]

DATA holds a folder a data set. Without names all are run, which takes an hour on 2 cores.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

from machine import described
from trial import Trial, attempt, keep, kept, remarks, row, table

from lamina.data.examples import Reading


def trial(name: str, file: str, target: str, **more: str) -> Trial:
    return Trial(name, file, Reading(target=target), note=more.get("note", ""))


BIKES = "bike_sharing/Bike-Sharing-Dataset.zip"
ADULT = Reading(target="-1", test="adult/adult-test.csv.gz")
LEAK = "casual + registered = cnt: the target leaks, and the score says nothing of the network."

TRIALS = (
    trial("penguins", "penguins/penguins.csv", "species"),
    trial("titanic", "titanic/train.csv", "Survived"),
    Trial("adult", "adult/adult-train.csv.gz", ADULT, also="auc"),
    Trial("california_housing", "california_housing/housing.csv.gz", Reading(target="median_house_value"), unit=1e5),
    trial("bike_sharing", BIKES, "cnt", note=LEAK),
    Trial("bike_sharing_without_leak", BIKES, Reading(target="cnt", drop=("casual", "registered"))),
    trial("mushroom", "mushroom/mushroom.arff", "class"),
    trial("wine_quality_red", "wine_quality/winequality-red.csv", "-1"),
    trial("wine_quality_white", "wine_quality/winequality-white.csv", "-1"),
    trial("concrete", "concrete/concrete.csv", "compressive_strength"),
    trial("letter_recognition", "letter_recognition/LetterRecognition.csv", "lettr"),
    trial("german_credit", "german_credit/german.csv", "-1"),
    trial("telco_churn", "telco_churn/wa_churn.csv", "churn"),
    trial("covertype_15k", "covertype_15k/train.csv.gz", "Cover_Type"),
    trial("house8L", "regression_arff/house8L.arff.gz", "-1"),
    trial("kin8nm", "regression_arff/kin8nm.arff.gz", "-1"),
    trial("cpu_act", "regression_arff/cpu.act.arff.gz", "-1"),
    trial("horse_colic", "horse_colic/horse-colic.csv", "24", note="The target is the surgical lesion."),
    trial("horse_colic_last", "horse_colic/horse-colic.csv", "-1", note="The target is the last column, cp_data."),
    trial("pima_diabetes", "pima_diabetes/pima-indians-diabetes.csv", "-1"),
)


def main() -> None:
    options = asked()
    chosen = [t for t in TRIALS if not options.names or t.name in options.names]
    if unknown := set(options.names) - {t.name for t in TRIALS}:
        raise SystemExit(f"No such table: {', '.join(sorted(unknown))}. There are: {', '.join(t.name for t in TRIALS)}")
    machine, found = described(), kept(options.results)
    print(machine, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        runs = options.runs or Path(scratch) / "runs"
        for each in chosen:
            found[each.name] = attempt(located(each, options.data, Path(scratch)), runs, seeds=options.seeds)
            print(" | ".join(row(found[each.name])), flush=True)
            keep(options.results, machine, in_order(found))
    print("", table(in_order(found)), "", *remarks(in_order(found)), sep="\n")


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with a folder a data set")
    parser.add_argument("names", nargs="*", help=", ".join(t.name for t in TRIALS))
    parser.add_argument("--results", type=Path, help="a JSON file to merge the outcomes into")
    parser.add_argument("--runs", type=Path, help="a folder to keep the runs and their reports in")
    parser.add_argument("--seeds", type=int, help="how many MLPs (else 3 under 5,000 rows, 1 above)")
    return parser.parse_args()


def in_order(found: dict) -> list:
    return [found[t.name] for t in TRIALS if t.name in found]


def located(each: Trial, data: Path, scratch: Path) -> Trial:
    """The trial with its files where they can be read: out of the zip, the test file by its whole path."""
    path = data / each.file
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            path = Path(packed.extract("hour.csv", scratch))
    test = each.reading.test and str(data / each.reading.test)
    return replace(each, file=str(path), reading=replace(each.reading, test=test))


if __name__ == "__main__":
    main()
