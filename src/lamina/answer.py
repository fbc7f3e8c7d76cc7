"""From a file to a verdict: read, split, train, judge, ship and report, in one call."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lamina import choices, metrics, optimizers
from lamina.data import kinds
from lamina.data.examples import Examples, Note, Reading, Task, plain
from lamina.errors import DivergedError, InputError, LaminaError, OptionError, RunError, TargetError
from lamina.files import writing
from lamina.judgement.baselines import Baseline, import_ahead
from lamina.judgement.selection import select
from lamina.judgement.verdict import Verdict, judge
from lamina.model import Model, NetworkPart, load
from lamina.provenance import versions
from lamina.settings import Observer, Place, Progress, Settings
from lamina.training import run as runs
from lamina.training.run import RunFolder
from lamina.work import Work, located, preprocess

if TYPE_CHECKING:
    from lamina.data.split import Split
    from lamina.training.plan import Mode
    from lamina.training.population import Ended

__all__ = ["Place", "Progress", "Run", "Settings", "evaluate", "find_model", "find_run", "resume", "train"]


@dataclass(frozen=True)
class Run:
    """A run, as it lies on disk: what was asked, what happened, and what came of it."""

    folder: Path

    @property
    def json(self) -> dict[str, Any]:
        """The facts of run.json."""
        return RunFolder(self.folder).read()

    @property
    def history(self) -> list[dict[str, Any]]:
        """The measurements of each epoch, a list a measure with a value a member."""
        return RunFolder(self.folder).history()

    @property
    def verdict(self) -> Verdict | None:
        """How good, beside simple models; None while the run isn't judged."""
        facts = self.json.get("verdict")
        return Verdict.from_json(facts) if facts else None

    @property
    def model(self) -> Model:
        """The model that the run ships."""
        return load(self.folder / "model.lamina")

    @property
    def report(self) -> Path:
        """The report, one page that opens offline."""
        return self.folder / "report.html"


# --- training --------------------------------------------------------------------------------------------------------


def train(
    data: Any,
    target: str | None = None,
    *,
    settings: Settings | None = None,
    reading: Reading | None = None,
    place: Place | None = None,
    observer: Observer | None = None,
) -> Run:
    """Train on labelled examples and judge honestly: everything that ``lamina train`` does.

    ``data``: a file, a folder of class folders of images, "sample:penguins", a frame or arrays. Gives the run, whose
    folder holds the report and the model. Errors: the whole tree of :mod:`lamina.errors`; an InputError leaves nothing
    behind.

    >>> import tempfile
    >>> from lamina.settings import Place, Settings
    >>> place = Place(runs=Path(tempfile.mkdtemp()))
    >>> run = train("sample:penguins", "species", settings=Settings(epochs=2, learning_rates=(0.01,)), place=place)
    >>> run.json["state"], len(run.model.parts)
    ('judged', 20)
    """
    started, settings, place = time.monotonic(), settings or Settings(), place or Place()
    tell = observer or (lambda _: None)
    if target is not None:
        reading = dataclasses.replace(reading or Reading(), target=target)
    work = begin(data, settings, reading or Reading(), place, tell)
    folder = runs.create(place.runs, place.name, short_name(data))
    with runs.undone(folder.path):
        folder.write(work.facts(folder.name, parent=None))
    return finish(work, folder, tell, started)


def resume(
    run: str | Path | None = None,
    *,
    settings: Settings | None = None,
    place: Place | None = None,
    observer: Observer | None = None,
) -> Run:
    """Go on with a run that was stopped, to the weights it would have had; or train a judged one for longer, as a
    child run.

    Of ``settings`` only ``epochs`` and ``time_limit`` are heard. Errors: RunError where the run can't be found, its
    data isn't there any more or has changed, or there is nothing to go on with.
    """
    started, place, more, tell = (
        time.monotonic(),
        place or Place(),
        settings or Settings(),
        observer or (lambda _: None),
    )
    folder = runs.find(run, place.runs)
    facts = folder.read()
    longest = max(member["recipe"]["epochs"] for member in facts["members"])
    judged = facts["state"] == "judged"
    if place.plan is not None:
        raise OptionError(
            "--resume goes on under the run's own plan, and another was asked for.",
            expected="No --plan beside --resume: under one plan a resumed run equals an uninterrupted one.",
            mend=f"lamina train --resume {folder.name}",
        )
    if judged and (more.epochs is None or more.epochs <= longest):
        raise RunError(
            f"The run {folder.name} is finished and judged: its test rows have been seen.",
            expected="A stopped run, or more epochs, which make a child run that says so.",
            mend=f"lamina train --resume {folder.name} --epochs {2 * longest}",
        )
    asked = Settings.from_json(facts["asked"]["settings"])
    asked = dataclasses.replace(
        asked,
        time_limit=more.time_limit,
        epochs=more.epochs or asked.epochs,
        precision=facts["program"].get("precision", "float32"),  # what it was, whatever this machine would choose
    )
    work = again(facts, asked, place, tell)
    if judged:
        folder = _child(work, folder, place)
    else:
        folder.update({"state": "training"})
    return finish(work, folder, tell, started, resuming=True)


def _child(work: Work, parent: RunFolder, place: Place) -> RunFolder:
    """A new run that starts where another ended, and says that the test rows were seen."""
    text = f"The test rows had been seen when this training was extended: it goes on from the run {parent.name}."
    work.notes = (*work.notes, Note("test-rows-seen", text, matters=True))
    child = runs.create(place.runs, place.name, f"{parent.name}-longer")
    with runs.undone(child.path), writing(child.path):
        child.write({**work.facts(child.name, parent=parent.name), "plan": parent.read()["plan"]})
        (child.path / "history.jsonl").write_bytes((parent.path / "history.jsonl").read_bytes())
        for file in (parent.path / "checkpoints").glob("*.safetensors"):
            (child.path / "checkpoints" / file.name).write_bytes(file.read_bytes())
    return child


def again(facts: dict[str, Any], asked: Settings, place: Place, tell: Observer) -> Work:
    """The work of a run, set up again from what it wrote down. RunError where its data is not what it was."""
    name, path = facts["name"], facts["data"]["path"]
    asked_of: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts["asked"]["reading"].items()}
    reading = Reading(**asked_of)
    try:
        work = begin(path, asked, reading, dataclasses.replace(place, name=None), tell)
    except InputError as problem:
        raise RunError(
            f"The data of the run {name} can't be read again. {problem.given}",
            expected=f"The data at {path}.",
            mend="put the data back where it was, or train anew without --resume",
        ) from problem
    if work.examples.source.sha256 != facts["data"]["sha256"]:
        raise RunError(
            f"The data {path} has changed since the run {name}.",
            expected=f"Content with SHA-256 {facts['data']['sha256'][:16]}...",
            mend="put the old data back, or train anew without --resume",
        )
    return work


def begin(data: Any, settings: Settings, reading: Reading, place: Place, tell: Observer) -> Work:
    """Read the examples, choose, and check all that can be refused, before anything is written."""
    from lamina.data.read import read, test_fraction
    from lamina.data.split import split
    from lamina.training.cache import keep_compiled_programs
    from lamina.training.device import prepare
    from lamina.training.plan import check_mode

    if place.name is not None:
        runs.check_name(place.runs, place.name)
    check_mode(place.plan)
    tell(Progress("reading", f"reading {_named(data)}"))
    examples = read(data, reading)
    metric = (
        metrics.metric(settings.metric, examples.task) if settings.metric else metrics.default_metric(examples.task)
    )
    device = prepare(place.device, place.threads)
    check_mode(place.plan, device[0])
    uncached = keep_compiled_programs()
    shape, columns = inputs_of(examples)
    choice = choices.choose(examples, settings, shape, columns)
    optimizers.check(choice.program.optimizer, choice.program.schedule)
    rows = split(
        examples,
        test=test_fraction(reading),
        validation=settings.validation,
        folds=choices.FOLDS,
        repeats=choices.inner_folds(examples, choice, shape),
        small=choices.SMALL,
        refits=choices.refits(examples),
    )
    choice, batch_notes = with_batch(choice, rows, asked=settings.batch_size)
    cache_notes = (Note("no-cache", uncached),) if uncached else ()
    notes = (*examples.notes, *rows.notes, *batch_notes, *precision_notes(choice.program.precision), *cache_notes)
    mode = cast("Mode | None", place.plan)
    return Work(examples, settings, reading, metric, device, shape, choice, rows, notes, mode=mode)


def with_batch(choice: choices.Choice, split: Split, *, asked: int | None) -> tuple[choices.Choice, tuple[Note, ...]]:
    """A batch of no more rows than there are to train on, which is said where a larger one was asked for."""
    most = max(len(part.train) for part in split.parts)
    if choice.program.batch_size <= most:
        return choice, ()
    smaller = dataclasses.replace(choice, program=dataclasses.replace(choice.program, batch_size=most))
    if asked is None:
        return smaller, ()
    text = f"The batch of {asked:,} rows is larger than the {most:,} training rows: each step takes all of them."
    return smaller, (Note("batch-size", text),)


def precision_notes(precision: str) -> tuple[Note, ...]:
    """That bfloat16 brings nothing here, where it was asked for all the same."""
    from lamina.kernels import native
    from lamina.kernels.precision import is_faster

    if precision == "float32" or is_faster():
        return ()
    text = f"Products are rounded to {precision} as asked, but that is no faster here: it takes AMX or a GPU"
    return (
        Note("precision", f"{text} (kernels in use: {native.status().library or 'none'}; lamina doctor says why)."),
    )


def inputs_of(examples: Examples) -> tuple[tuple[int, ...], tuple[int, tuple[int, ...]] | None]:
    """The shape of one example as a network gets it, and for a table its numbers and its categories' cardinalities."""
    if examples.kind != "table":
        return tuple(np.asarray(examples.inputs).shape[1:]), None
    # What each column becomes is fixed by the schema, so any rows give the widths.
    fitted = preprocess(examples, np.arange(min(len(examples), 100)))
    return (fitted.numbers + len(fitted.cardinalities),), (fitted.numbers, fitted.cardinalities)


def finish(work: Work, folder: RunFolder, tell: Observer, started: float, *, resuming: bool = False) -> Run:
    """Train, judge, ship and report; how it ended is written into the run, a failure too."""
    from lamina.page import write
    from lamina.training.loop import Loop

    before = float(folder.read()["seconds"] or 0.0)

    def heard(progress: Progress) -> Any:
        import_ahead()  # not before: until the first chunk is done Python itself is busy
        return tell(progress)

    def end(facts: Mapping[str, Any]) -> None:
        folder.update({**facts, "seconds": before + time.monotonic() - started})

    try:
        limit = work.settings.time_limit
        loop = Loop(folder, heard, None if limit is None else started + limit)
        plans = work.plans(folder.read()["plan"], tell=tell)
        folder.update({"plan": {str(network): plan.to_json() for network, plan in enumerate(plans)}})
        populations = loop.run(work.groups(plans), resuming=resuming)
        if populations is None:
            end({"state": "stopped"})
            return Run(folder.path)
        end(judged(work, folder, populations, tell))
        tell(Progress("report", "writing the report"))
        write(folder.path)
    except LaminaError as problem:
        end({"state": "failed", "failure": str(problem)})
        raise
    return Run(folder.path)


# --- judgement -------------------------------------------------------------------------------------------------------


def judged(work: Work, folder: RunFolder, populations: Sequence[Ended], tell: Observer) -> dict[str, Any]:
    """Select, read the score on the test rows, ship the model: what run.json says from then on."""
    from lamina.data.split import test_identity

    results = [result for population in populations for result in population.results]
    if all(result["validation_loss"] is None for result in results):
        raise diverged(work)
    winners = work.refitted(select_members(work, populations, results), results)
    networks = [work.network_part(populations, member) for member in winners]
    rows, predictions = unseen_answers(work, winners, networks)
    simple = simple_models(work, rows, tell)
    # From here on the test rows count as opened, and the run is sealed.
    openings = runs.count_opening(folder.path.parent, test_identity(work.examples, work.split), folder.name)
    targets, groups = work.examples.targets[rows], judged_groups(work, rows)
    verdict = judge(
        work.examples.task,
        work.metric,
        targets,
        predictions,
        simple,
        rows_kind=rows_kind(work),
        groups=groups,
    ).with_notes(*verdict_notes(work, results, openings))
    shipped = ship(work, folder, networks, verdict)
    write_answers(work.examples, folder, rows, predictions)
    # The first network is looked into on rows that it never saw: its own test part.
    unseen = np.flatnonzero(np.isin(rows, work.split.parts[work.members()[winners[0]][1]].test))
    write_looks(work.examples, folder, networks, rows=rows, predictions=predictions, unseen=unseen)
    keep_snapshots(folder, populations, winners[0])
    return {
        "state": "judged",
        "verdict": verdict.to_json(),
        "selection": {"winners": winners, "description": selection_sentence(work), "shipped": shipped},
        "data": {**folder.read()["data"], "test_openings": openings},
    }


def judged_groups(work: Work, rows: np.ndarray) -> np.ndarray | None:
    """The groups of the judged rows, which an interval draws whole; None where there is one only."""
    groups = None if work.examples.groups is None else work.examples.groups[rows]
    return None if groups is None or len(np.unique(groups)) < 2 else groups


def simple_models(work: Work, rows: np.ndarray, tell: Observer) -> dict[str, Baseline]:
    """The simple models' answers to the rows that the network answered: a fold whose members all diverged has none."""
    from lamina.judgement.baselines import judge_baselines, judged_rows

    def say(text: str) -> None:
        tell(Progress("simple models", text))

    found = judge_baselines(work.examples, work.split, threads=work.device[1], observer=say)
    answered = np.isin(judged_rows(work.split), rows)
    return {name: dataclasses.replace(of, predictions=of.predictions[answered]) for name, of in found.items()}


def select_members(work: Work, populations: Sequence[Ended], results: Sequence[dict[str, Any]]) -> list[int]:
    """The members to judge and ship: by mean validation loss, or by the metric that was asked for."""
    members = work.members()
    costs = [math.inf if result["validation_loss"] is None else float(result["validation_loss"]) for result in results]
    if work.settings.metric and len(work.choice.candidates) > 1:
        sign = -1.0 if work.metric.greater_is_better else 1.0
        for member in np.flatnonzero(np.isfinite(costs)):
            part = members[member][1]
            rows = work.split.parts[part].validation
            answers = work.answer([work.network_part(populations, int(member))], [part], rows)
            value = metrics.score(work.metric, work.examples.task, work.examples.targets[rows], answers)
            costs[member] = sign * value if math.isfinite(value) else costs[member]
    for member in work.refits():  # they measure themselves on rows that they learn from
        costs[member] = math.inf
    tests = [tuple(work.split.parts[part].test[:1].tolist()) for _, part, _ in members]
    return select(tests, [candidate for candidate, _, _ in members], [who[1:] for who in members], costs)


def selection_sentence(work: Work) -> str:
    """How the winners were chosen, in words."""
    many = len(work.choice.candidates)
    if many == 1:
        return "There was one candidate, so nothing had to be chosen."
    how = f"validation {work.metric.name}" if work.settings.metric else "mean validation loss"
    if work.split.refits:
        return (
            f"Of {many} candidates the one with the best {how} over all folds, and those that are worse by no more "
            "than one standard error; then trained on all rows that are not for the test."
        )
    return (
        f"Of {many} candidates, for each test part the one with the best {how} on its own validation rows, "
        "averaged with those that are worse by no more than one standard error."
    )


def unseen_answers(
    work: Work, winners: Sequence[int], networks: Sequence[NetworkPart]
) -> tuple[np.ndarray, np.ndarray]:
    """The test rows, each once, and the mean answer of the winners that they are the test part of."""
    members = work.members()
    by_test: dict[int, list[int]] = {}
    for place, member in enumerate(winners):
        by_test.setdefault(int(work.split.parts[members[member][1]].test[0]), []).append(place)
    rows, answers = [], []
    for places in by_test.values():
        parts = [members[winners[place]][1] for place in places]
        rows.append(work.split.parts[parts[0]].test)
        answers.append(work.answer([networks[place] for place in places], parts, rows[-1]))
    return np.concatenate(rows), np.concatenate(answers)


def rows_kind(work: Work) -> Any:
    """What the judged rows are, in the words of a verdict."""
    if work.split.kind == "folds":
        return "out of fold"
    return "test file" if work.examples.fixed_test is not None else "held out"


def verdict_notes(work: Work, results: Sequence[dict[str, Any]], openings: int) -> tuple[str, ...]:
    """What a reader of the verdict must know beside it."""
    notes = [note.text for note in work.notes if note.matters]
    failed = sum(result["state"] == "diverged" for result in results)
    if failed:
        notes.append(f"{failed} of {len(results)} members went to NaN or infinity and were left behind.")
    if openings > 1:
        notes.append(
            f"The test rows of this data have now been opened by {openings} runs: "
            "the best of several looks better than it is."
        )
    return tuple(notes)


def diverged(work: Work) -> DivergedError:
    """The error when every member went to NaN or infinity, with what to try."""
    rates = sorted({candidate.recipe.learning_rate for candidate in work.choice.candidates})
    tried = ", ".join(f"{rate:g}" for rate in rates)
    return DivergedError(
        f"All {len(work.members())} members went to NaN or infinity (learning rates {tried}).",
        expected="A learning rate at which the loss falls.",
        mend=f"--learning-rate {min(rates[0] / 1000, 1e-4):g}..{min(rates[0] / 3, 1e-2):g}",
    )


def ship(work: Work, folder: RunFolder, networks: Sequence[NetworkPart], verdict: Verdict) -> str:
    """Write the model file; say what is in it."""
    about = {
        "run": folder.name,
        "data": plain(work.examples.source),
        "versions": versions(),
        "verdict": verdict.sentence,
        "metric": work.metric.name,
        "header": work.examples.schema.header if work.examples.kind == "table" else None,
    }
    Model(work.examples.task, work.examples.kind, tuple(networks), about).save(folder.path / "model.lamina")
    if len(networks) == 1:
        return "One network."
    folds = "of the folds, each trained without its own test and validation rows"
    return (
        f"The mean of {len(networks)} networks, {folds if work.split.kind == 'folds' else 'alike but for their seeds'}."
    )


def write_answers(examples: Examples, folder: RunFolder, rows: np.ndarray, predictions: np.ndarray) -> None:
    """Keep what was answered on the judged rows."""
    names, targets = examples.names[rows].astype(str), examples.targets[rows]
    with writing(folder.path):
        np.savez_compressed(folder.path / "predictions.npz", names=names, targets=targets, predictions=predictions)


def write_looks(
    examples: Examples,
    folder: RunFolder,
    networks: Sequence[NetworkPart],
    *,
    rows: np.ndarray,
    predictions: np.ndarray,
    unseen: np.ndarray,
) -> None:
    """Keep examples, what the worst mistakes look like, and what the recurrent layers of the first network remember.

    ``unseen`` are the places among ``rows`` that this network never saw: it is looked into on at most 64 of them.
    """
    from lamina.inside import keep, memory_of, mistakes_of

    targets = examples.targets[rows]
    worst = worst_rows(examples.task, targets, predictions)
    keep(folder.path, examples, rows, worst)
    if examples.kind == "table":
        return
    inputs = np.asarray(examples.inputs)
    answered = {"inputs": inputs, "rows": rows, "targets": targets, "predictions": predictions}
    some = unseen[:: math.ceil(len(unseen) / 64)]
    mistakes = mistakes_of(networks, examples.kind, **answered, worst=worst)
    memory = memory_of(networks, inputs[rows[some]], targets[some], examples.task)
    with writing(folder.path):
        np.savez_compressed(folder.path / "mistakes.npz", **mistakes)
        if memory:
            np.savez_compressed(folder.path / "memory.npz", **{**memory, "row": some[memory["row"]]})


def worst_rows(task: Task, targets: np.ndarray, predictions: np.ndarray, most: int = 48) -> np.ndarray:
    """The rows with the surest wrong answers (classification) or the largest errors (regression), the worst first.

    >>> task = Task("classification", "y", ("a", "b"))
    >>> worst_rows(task, np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]])).tolist()
    [1]
    """
    if task.kind == "regression":
        return np.argsort(-np.abs(predictions - targets), kind="stable")[:most]
    wrong = np.flatnonzero(predictions.argmax(axis=1) != targets)
    return wrong[np.argsort(-predictions[wrong].max(axis=1), kind="stable")][:most]


def keep_snapshots(folder: RunFolder, populations: Sequence[Ended], winner: int) -> None:
    """Of the snapshots keep those of the first winner."""
    folder.keep_snapshots_of(*located(populations, winner), winner)


# --- evaluating and finding ------------------------------------------------------------------------------------------


def evaluate(model: Model, data: Any, *, reading: Reading | None = None) -> tuple[Verdict, tuple[Note, ...]]:
    """The verdict of a model on labelled rows that it never saw, beside the constant answer.

    Errors: SchemaError where columns are missing, TargetError where the target is missing or has labels unknown to the
    model.
    """
    from lamina.judgement.baselines import constant_baselines

    inputs, targets, notes = labelled(model, data, reading or Reading())
    answers, found = model.outputs(inputs)
    metric = metrics.METRICS[str(model.about.get("metric") or metrics.default_metric(model.task).name)]
    verdict = judge(
        model.task, metric, targets, answers, constant_baselines(model.task, targets), rows_kind="test file"
    )
    return verdict, tuple(dict.fromkeys((*notes, *found)))


def labelled(model: Model, data: Any, reading: Reading) -> tuple[Any, np.ndarray, tuple[Note, ...]]:
    """Labelled examples as a model takes them, the target encoded as the model's task does; rows without it left out,
    and said.
    """
    if model.kind != "table":
        return kinds.reader(model.kind).read_labelled(data, model.parts[0].preprocessing, model.task)
    from lamina.data.schema import find_column
    from lamina.data.table import read_table
    from lamina.data.target import encode_targets

    header = model.about.get("header") if reading.header is None else reading.header
    table = read_table(data, header=header)
    column = find_column(table.names, reading.target or model.task.target)
    targets, notes = encode_targets(table.columns[column], model.task, table=table)
    known = np.isfinite(targets) if model.task.kind == "regression" else targets >= 0
    missing = int((~known).sum())
    if missing:
        notes = (*notes, Note("missing-target", f"{missing:,} rows without {column} are left out."))
    if not known.any():
        raise TargetError(
            f"No row has a value of {column}.", expected="Labelled rows.", mend="lamina predict, which needs no labels"
        )
    return table.take(np.flatnonzero(known)), targets[known], (*table.notes, *notes)


def find_run(text: str | Path | None = None, place: Place | None = None) -> Run:
    """A run by its name or folder, or the latest. RunError with the nearest names where there is none."""
    return Run(runs.find(text, (place or Place()).runs).path)


def find_model(text: str | Path | None = None, place: Place | None = None) -> Model:
    """A model by its file, its run's name or folder, or that of the latest judged run."""
    folder = (place or Place()).runs
    if text is not None and Path(text).is_file():
        return load(text)
    if text is None:
        ended = [run for run in runs.all_runs(folder) if (run.path / "model.lamina").is_file()]
        if not ended:
            mend = "lamina train sample:penguins"
            raise RunError(f"There is no run with a model in {folder}.", expected="A finished run.", mend=mend)
        return load(ended[0].path / "model.lamina")
    run = runs.find(text, folder)
    if not (run.path / "model.lamina").is_file():
        mend = f"lamina train --resume {run.name}"
        raise RunError(f"The run {run.name} has no model.", expected="A finished run.", mend=mend)
    return load(run.path / "model.lamina")


def _named(data: Any) -> str:
    return str(data) if isinstance(data, (str, Path)) else "a frame in memory"


def short_name(data: Any) -> str:
    """What a run is called after its data.

    >>> short_name("data/Penguins.csv.gz"), short_name("sample:digits"), short_name([1, 2])
    ('Penguins', 'digits', 'data')
    """
    if not isinstance(data, (str, Path)):
        return "data"
    return Path(str(data).removeprefix("sample:").rpartition(":")[2]).name.split(".")[0] or "data"
