"""The command line: one function a verb.

Starting must be cheap (``lamina --help`` in under half a second): what imports JAX, scikit-learn or DuckDB is imported
inside the verb that needs it.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina import options
from lamina.errors import LaminaError, OptionError

if TYPE_CHECKING:
    from lamina.answer import Run
    from lamina.data.examples import Reading
    from lamina.settings import Observer, Place, Settings
    from lamina.terminal import Terminal

app = typer.Typer(
    name="lamina",
    help="Train neural networks that you can see through: on your file, beside simple models, with an honest verdict.",
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

DONE, LAMINAS_FAULT, INPUTS_FAULT, STOPPED = 0, 1, 2, 130


class StoppedError(LaminaError):
    """Ctrl-C, twice, or where there was no chunk to finish."""

    exit_code = STOPPED


@app.callback(invoke_without_command=True)
def _lamina(version: Annotated[bool, typer.Option("--version", help="Say which version this is.")] = False) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"lamina {version_of('lamina')}")
        raise typer.Exit


# -- train ------------------------------------------------------------------------------------------------------------


@app.command()
def train(
    data: options.Data = None,
    target: options.Target = None,
    header: options.Header = None,
    types: options.Types = None,
    drop: options.Drop = None,
    group: options.Group = None,
    split_by_time: options.SplitByTime = None,
    test: options.Test = None,
    validation: options.Validation = None,
    positive: options.Positive = None,
    kind: options.Kind = None,
    series: options.Series = None,
    order: options.Order = None,
    label_from_name: options.LabelFromName = None,
    sample_rate: options.SampleRate = None,
    image_size: options.ImageSize = None,
    network: options.Network = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    repeats: options.Repeats = None,
    weight_decay: options.WeightDecay = None,
    clip_norm: options.ClipNorm = None,
    optimizer: options.Optimizer = None,
    schedule: options.Schedule = None,
    loss: options.Loss = None,
    class_weight: options.ClassWeight = None,
    precision: options.Precision = None,
    metric: options.Metric = None,
    augment: options.Augment = None,
    seed: options.Seed = None,
    time_limit: options.TimeLimit = None,
    resume: options.Resume = None,
    run: options.Name = None,
    device: options.Device = None,
    threads: options.Threads = None,
    plan: options.Plan = None,
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train networks on a file of examples and say honestly how good the winner is.

    \b
    Examples:
      lamina train penguins.csv --target species
      lamina train photos/ --epochs 30 --augment shift,flip
      lamina train recordings/ --label-from-name "{word}_{speaker}" --group speaker
      lamina train sensors.csv --series machine --order time --target broken
      lamina train houses.csv --target -1 --network "dense 64" --network "dense 256"
      lamina train houses.csv --target price --learning-rate 1e-4..1e-2 --run wide
      lamina train --resume penguins --epochs 100
    """
    from lamina.data.examples import Reading
    from lamina.settings import Place, Settings
    from lamina.terminal import Terminal

    settings = Settings(
        networks=tuple(network or ()),
        learning_rates=options.numbers(learning_rate or (), "--learning-rate"),
        repeats=repeats,
        epochs=epochs,
        batch_size=batch_size,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        optimizer=options.word(optimizer),
        metric=metric,
        loss=options.word(loss),
        schedule=options.word(schedule),
        augment=options.choices(augment),
        validation=validation,
        class_weight=class_weight,
        precision=precision or "auto",
        seed=seed or 0,
        time_limit=options.seconds(time_limit, "--time-limit"),
    )
    reading = Reading(
        target=target,
        header=header,
        types=options.kinds(types or (), "--types"),
        drop=options.names(drop or ()),
        group=group,
        split_by_time=split_by_time,
        positive=positive,
        test=test,
        kind=kind,
        series=series,
        order=order,
        label_from_name=label_from_name,
        rate=sample_rate,
        image_size=options.size(image_size, "--image-size"),
    )
    place = Place(runs=runs, name=run, device=device, threads=threads, plan=plan)
    terminal = Terminal(json=json, quiet=quiet)
    if resume is not None:
        _refuse_with_resume(data, settings, reading)
        _learn(terminal, place, lambda observer: _resume(resume, place, settings, observer))
    else:
        _learn(terminal, place, lambda observer: _begin(data, settings, reading, place, observer))


def _begin(data: str | None, settings: Settings, reading: Reading, place: Place, observer: Observer) -> Run:
    from lamina import answer

    if data is None:
        raise OptionError(
            "No data was named.",
            expected="A file, a folder of class folders, sample:penguins or sample:digits.",
            mend="lamina train sample:penguins --target species",
        )
    return answer.train(data, reading.target, settings=settings, reading=reading, place=place, observer=observer)


def _resume(run: str, place: Place, settings: Settings, observer: Observer) -> Run:
    from lamina import answer

    return answer.resume(run, place=place, settings=settings, observer=observer)


def _refuse_with_resume(data: str | None, settings: Settings, reading: Reading) -> None:
    """A resumed run keeps its data, network and recipe: what would change them is refused, not ignored."""
    from lamina.data.examples import Reading
    from lamina.settings import Settings

    allowed = Settings(epochs=settings.epochs, time_limit=settings.time_limit)
    if data is not None or settings != allowed or reading != Reading():
        raise OptionError(
            "--resume goes on with the run's own data, network and recipe, and more was given.",
            expected="Beside --resume RUN only --epochs, --time-limit, --run, --device, --threads and --runs.",
            mend="leave the other options out, or train a new run without --resume",
        )


def _learn(terminal: Terminal, place: Place, work: Callable[[Observer], Run]) -> None:
    """Train or resume with progress shown and Ctrl-C heard, then show the verdict, or how to go on."""
    from lamina.terminal import Interrupt, ProgressLine

    try:
        with Interrupt() as stop, ProgressLine(terminal, stop) as observer:
            run = work(observer)
    except KeyboardInterrupt:
        raise StoppedError(
            "Stopped at once.",
            mend="lamina train --resume RUN goes on from the last chunk saved; lamina runs lists them",
        ) from None
    record = run.json
    if record["state"] != "judged":
        terminal.say()
        terminal.say(f"Stopped, and saved in {_shown(run.folder)}.", "bold")
        terminal.say(f"To go on: lamina train --resume {_named(run.folder, place.runs)}")
        terminal.give(_summary(record, run.folder))
        raise typer.Exit(STOPPED if stop.asked else DONE)
    _show_verdict(terminal, record["verdict"])
    _show_where(terminal, run.folder, place.runs)
    terminal.give(_summary(record, run.folder))


def _summary(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What ``train --json`` and a script want of a run."""
    verdict = record.get("verdict") or {}
    return {
        "task": record["task"]["kind"],
        "target": record["task"]["target"],
        "state": record["state"],
        **_of_verdict(verdict),
        "run": record["name"],
        "model": _if_there(folder / "model.lamina"),
        "report": _if_there(folder / "report.html"),
        "seconds": record.get("seconds"),
    }


def _of_verdict(verdict: dict[str, Any]) -> dict[str, Any]:
    baselines = {name: row["score"] for name, row in (verdict.get("baselines") or {}).items()}
    facts = ("metric", "score", "interval", "rows", "sentence")
    return {name: verdict.get(name) for name in facts} | {"baselines": baselines}


def _if_there(path: Path) -> str | None:
    return str(path) if path.exists() else None


def _show_verdict(terminal: Terminal, verdict: dict[str, Any]) -> None:
    from lamina.terminal import verdict_table

    terminal.say()
    terminal.sentence(verdict["sentence"], "" if terminal.quiet else "bold")
    terminal.say()
    terminal.say(verdict_table(verdict))
    terminal.notes("Worth knowing", verdict.get("notes") or ())


def _show_where(terminal: Terminal, folder: Path, runs: Path) -> None:
    name = _named(folder, runs)
    terminal.say()
    terminal.pairs(
        (
            ("report", _shown(_if_there(folder / "report.html"))),
            ("model", _shown(_if_there(folder / "model.lamina"))),
            ("next", f"lamina predict {name} NEW_FILE -o predictions.csv"),
            ("", f"lamina show {name}"),
        )
    )


def _shown(path: Path | str | None) -> str:
    from lamina.terminal import relative

    return relative(path) if path else ""


def _named(folder: Path, runs: Path) -> str:
    """How the next command names this run: by name where that is enough, else by its folder."""
    import shlex

    known = os.environ.get("LAMINA_RUNS") or str(options.RUNS)
    return shlex.quote(folder.name if runs.resolve() == Path(known).resolve() else _shown(folder))


# -- predict, evaluate ------------------------------------------------------------------------------------------------


@app.command(options_metavar="[OPTIONS]")
def predict(
    words: options.ModelAndFile,
    output: options.Output = "-",
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Predict new examples with a trained model: the prediction and the probability of each class.

    \b
    Examples:
      lamina predict penguins new.csv -o predictions.csv
      lamina predict new.csv     (the latest run's model, CSV to stdout)
      cat new.csv | lamina predict runs/penguins/model.lamina - > predictions.csv
    """
    from lamina import answer, predictions
    from lamina.settings import Place
    from lamina.terminal import Terminal, count

    model_text, data = options.model_and_file(words)
    out = None if output == "-" else Path(output)
    terminal = Terminal(json=json, quiet=quiet, to_stderr=out is None)
    if out is not None:
        predictions.check(out, [Path(data)] if data != "-" else [])
    model = answer.find_model(model_text, Place(runs=runs))
    with _readable(data) as readable:
        found = model.predict(readable)
    made = predictions.columns(found)
    terminal.notes("Worth knowing", (note.text for note in found.notes))
    if out is not None:
        predictions.write(made, out)
        terminal.say(f"{count(len(found), 'prediction')} in {_shown(out)}")
    elif not json:
        sys.stdout.write(predictions.text(made))
    shown = {"output": str(out)} if out is not None else {"predictions": _rows(made)}
    terminal.give({"rows": len(found), "notes": [note.text for note in found.notes], **shown})


def _rows(made: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)]


@contextmanager
def _readable(data: str) -> Iterator[str]:
    """The path itself; for "-" a file that holds what stdin gives, for as long as it is read."""
    if data != "-":
        yield data
        return
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory(prefix="lamina-") as folder:
        path = Path(folder) / "stdin.csv"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield str(path)


@app.command()
def evaluate(
    words: options.ModelAndFile,
    header: options.Header = None,
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge a model on labelled rows that it has never seen.

    \b
    Examples:
      lamina evaluate penguins labelled.csv
      lamina evaluate labelled.csv --json     (the latest run's model)
    """
    import time

    from lamina import answer
    from lamina.data.examples import Reading
    from lamina.settings import Place
    from lamina.terminal import Terminal

    began = time.monotonic()
    model_text, data = options.model_and_file(words)
    place = Place(runs=runs)
    terminal = Terminal(json=json, quiet=quiet)
    model = answer.find_model(model_text, place)
    with _readable(data) as readable:
        judged, notes = answer.evaluate(model, readable, reading=Reading(header=header))
    verdict = judged.to_json()
    verdict["notes"] = [*verdict["notes"], *(note.text for note in notes)]
    _show_verdict(terminal, verdict)
    about = {"task": model.task.kind, "target": model.task.target, **_of_verdict(verdict)}
    where = {"run": model.about.get("run"), "model": model_text, "report": None}
    terminal.give({**about, **where, "seconds": round(time.monotonic() - began, 3)})


# -- explain ----------------------------------------------------------------------------------------------------------


@app.command(options_metavar="[OPTIONS]")
def explain(
    words: options.ModelAndExample = None,
    row: options.Row = None,
    example: options.Example = None,
    layer: options.Layer = None,
    unit: options.Unit = None,
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Explain one answer: what each layer made of the example, what weighed most, and the arithmetic of one unit.

    \b
    Examples:
      lamina explain digits seven.png
      lamina explain penguins new.csv --row 3 --layer answer --unit 0
      lamina explain digits --example 3 --layer 1.conv --unit 3,4,0     (an example that the run kept)
    """
    from lamina import answer, explanation
    from lamina.inside.example import example_of, kept_example
    from lamina.settings import Place
    from lamina.terminal import Terminal

    model_text, data = options.model_and_example(words or [], example)
    if data is not None and not Path(data).exists() and (runs / data / "run.json").is_file():
        raise OptionError(
            f"{data} is a run, and no example was named.",
            expected="A file, or --example N: one that the run kept.",
            mend=f"lamina explain {data} --example 0",
        )
    terminal, place = Terminal(json=json, quiet=quiet), Place(runs=runs)
    model = answer.find_model(model_text, place)
    if data is None:
        found = kept_example(model, _folder_of(model_text or model.about.get("run"), place), example or 0)
    else:
        with _readable(data) as readable:
            found = example_of(model, readable, 1 if row is None else row)
    asked = explanation.Asked(layer, None if unit is None else options.place(unit, "--unit"))
    terminal.give(explanation.show(terminal, model, found, asked))


def _folder_of(model_text: str | None, place: Place) -> Path:
    """The folder of a run, also where its model file is named."""
    from lamina import answer

    given = Path(model_text or "")
    return given.parent if given.is_file() else answer.find_run(model_text, place).folder


# -- show, runs -------------------------------------------------------------------------------------------------------


@app.command()
def show(
    run: options.RunText = None,
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show one run: its verdict, its members, its layers, and what Lamina noted.

    \b
    Examples:
      lamina show
      lamina show penguins
      lamina show runs/penguins --json
    """
    from lamina import answer
    from lamina.settings import Place
    from lamina.terminal import Terminal, layer_table, member_table
    from lamina.views.record import read_run

    terminal = Terminal(json=json, quiet=quiet)
    folder = answer.find_run(run, Place(runs=runs)).folder
    record = read_run(folder / "run.json")
    terminal.pairs(_facts(record))
    if record.get("verdict"):
        _show_verdict(terminal, record["verdict"])
    for at, network in enumerate(record.get("networks") or ()):
        terminal.say()
        terminal.say(f"network {at}: {network['notation']}", "bold")
        terminal.say(layer_table(network))
    if record.get("members"):
        terminal.say()
        terminal.say("members", "bold")
        terminal.say(member_table(record["members"]))
    terminal.notes("Notes", (note["text"] for note in record.get("notes") or ()))
    _show_where(terminal, folder, runs)
    terminal.give({**record, "folder": str(folder)})


def _facts(record: dict[str, Any]) -> list[tuple[str, str]]:
    from lamina.terminal import count, duration
    from lamina.training.recipe import products

    data, task, parent = record.get("data") or {}, record["task"], record.get("parent")
    return [
        ("run", f"{record['name']}, {record['state']}{f', from {parent}' if parent else ''}"),
        ("data", f"{data.get('path', '')} ({count(data.get('rows', 0), 'row')}), {task['kind']} of {task['target']}"),
        ("split", (record.get("split") or {}).get("description", "")),
        *(("plan", str(plan.get("sentence", ""))) for plan in (record.get("plan") or {}).values()),
        ("products", products(record.get("program") or {})),
        ("begun", str(record.get("created") or "")),
        ("took", duration(record["seconds"]) if record.get("seconds") is not None else ""),
        ("command", str(record.get("command") or "")),
    ]


@app.command()
def runs(runs: options.Runs = options.RUNS, json: options.Json = False, quiet: options.Quiet = False) -> None:
    """List all runs, the newest first.

    \b
    Examples:
      lamina runs
      lamina runs --runs experiments --json
    """
    from lamina.terminal import Terminal, number, table

    terminal = Terminal(json=json, quiet=quiet)
    found = _all_runs(runs)
    if found:
        names = ("run", "data", "state", "score", "when")
        lines = (
            (
                of["run"],
                of["data"],
                of["state"],
                f"{of['metric'] or ''} {number(of['score'])}".strip(),
                str(of["created"])[:16].replace("T", " "),
            )
            for of in found
        )
        terminal.say(table(names, lines, whole=("run",)))
    else:
        terminal.say(f"No runs in {_shown(runs)} yet. To make one: lamina train sample:penguins --target species")
    terminal.give({"runs": found})


def _all_runs(folder: Path) -> list[dict[str, Any]]:
    found = [_brief(path) for path in folder.glob("*/run.json")]
    return sorted(found, key=lambda of: str(of["created"]), reverse=True)


def _brief(path: Path) -> dict[str, Any]:
    """A run in a line; one that can't be read is listed too, and says why."""
    from lamina.views.record import read_run

    empty = {"run": path.parent.name, "data": "", "metric": None, "score": None, "created": ""}
    try:
        record = read_run(path)
    except LaminaError as error:
        return {**empty, "state": error.given}
    verdict, data = record.get("verdict") or {}, record.get("data") or {}
    brief = {
        "data": Path(str(data.get("path", ""))).name,
        "state": record.get("state"),
        "created": record.get("created"),
    }
    return {**empty, **brief, "metric": verdict.get("metric"), "score": verdict.get("score")}


# -- studio -----------------------------------------------------------------------------------------------------------


@app.command()
def studio(
    run: options.Studied = None,
    port: options.Port = None,
    browser: options.Browser = True,
    runs: options.Runs = options.RUNS,
) -> None:
    """Open the studio: a page on this machine that shows what a trained network does, down to one neuron's arithmetic.

    \b
    Examples:
      lamina studio
      lamina studio penguins
      lamina studio penguins.csv     (the latest run on it; without one, what is in the file)
      lamina studio penguins --port 8080 --no-browser
    """
    from lamina.studio.launch import chosen, serve
    from lamina.terminal import Terminal

    say = Terminal(json=False, quiet=False).say
    serve(chosen(run, runs), port=port, browser=browser, say=say)


# -- check, doctor ----------------------------------------------------------------------------------------------------


@app.command()
def check(
    data: options.DataToCheck,
    target: options.Target = None,
    header: options.Header = None,
    types: options.Types = None,
    drop: options.Drop = None,
    kind: options.Kind = None,
    series: options.Series = None,
    order: options.Order = None,
    label_from_name: options.LabelFromName = None,
    sample_rate: options.SampleRate = None,
    image_size: options.ImageSize = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what Lamina sees in a file: columns, kinds, missing values, classes, warnings. Trains nothing.

    \b
    Examples:
      lamina check penguins.csv
      lamina check measurements.txt --no-header --target -1
    """
    from lamina.data.examples import Reading
    from lamina.data.look import look
    from lamina.terminal import Terminal

    reading = Reading(
        target=target,
        header=header,
        types=options.kinds(types or (), "--types"),
        drop=options.names(drop or ()),
        kind=kind,
        series=series,
        order=order,
        label_from_name=label_from_name,
        rate=sample_rate,
        image_size=options.size(image_size, "--image-size"),
    )
    with _readable(data) as readable:
        seen = look(readable, reading)
    terminal = Terminal(json=json, quiet=quiet)
    _show_seen(terminal, seen)
    terminal.give(seen)


def _show_seen(terminal: Terminal, seen: dict[str, Any]) -> None:
    from lamina.terminal import class_table, count, schema_table

    noun = {"table": "row", "image": "image", "series": "series", "sound": "recording"}[seen["kind"]]
    task = f", {seen['task']} of {seen['target']}" if seen["task"] else ""
    terminal.say(f"{count(seen['rows'], noun)}, {count(len(seen['columns']), 'column')}{task}", "bold")
    terminal.say()
    terminal.say(schema_table(seen["columns"]))
    if seen["classes"]:
        terminal.say()
        terminal.say(class_table(list(seen["classes"].items())))
    terminal.notes("Worth knowing", seen["notes"])
    if not seen["task"]:
        terminal.notes("What to predict", (seen["target"], *seen["mend"].splitlines()))


@app.command()
def doctor(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Say what this machine has, what Lamina found installed, and what runs fast here and why.

    \b
    Examples:
      lamina doctor
      lamina doctor --json
    """
    from lamina.doctor import examine
    from lamina.terminal import Terminal

    terminal = Terminal(json=json, quiet=quiet)
    found = examine()
    for title, facts in found.items():
        terminal.say(title, "bold")
        terminal.pairs((f"  {name}", str(value)) for name, value in facts.items())
        terminal.say()
    terminal.give(found)


# -- the way out ------------------------------------------------------------------------------------------------------


def main() -> None:
    """The console script: run the verb that was typed and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode shows "?" and goes on
    sys.exit(_flushed(run_command(sys.argv[1:])))


def _flushed(code: int) -> int:
    """The exit code, once all of stdout is out: a full disk behind ``>`` is only found then."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again, and shows a traceback
        reader_left = isinstance(error, BrokenPipeError)
        return LAMINAS_FAULT if reader_left or code else _unexpected(error, (), as_json=False)
    return code


def run_command(arguments: Sequence[str]) -> int:
    """Run a verb and give its exit code: 0 done, 2 the input is at fault, 1 Lamina or the machine is, 130 stopped."""
    as_json = "--json" in arguments
    try:
        return typer.main.get_command(app).main(list(arguments) or ["--help"], "lamina", standalone_mode=False) or DONE
    except LaminaError as error:
        return _fail(error.exit_code, error.given, error.expected, error.mend, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return STOPPED
    except Exception as error:
        if os.environ.get("LAMINA_DEBUG") == "1":
            raise
        return _unexpected(error, arguments, as_json)


def _unexpected(error: Exception, arguments: Sequence[str], as_json: bool) -> int:
    if hasattr(error, "format_message"):  # what typer says of a wrong command line
        verb = next((argument for argument in arguments if not argument.startswith("-")), "")
        mend = f"lamina {verb} --help" if verb in VERBS else "lamina --help"
        return _fail(INPUTS_FAULT, _sentence(error.format_message()), mend=mend, as_json=as_json)  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(error, MemoryError):
        return _fail(
            LAMINAS_FAULT,
            "The memory of this machine is used up.",
            mend="a smaller --batch-size, or fewer members",
            as_json=as_json,
        )
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return _fail(
            LAMINAS_FAULT,
            f"The machine refused: {error.strerror}{where}.",
            mend="LAMINA_DEBUG=1 shows where",
            as_json=as_json,
        )
    given = (
        f"Lamina made a mistake: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    )
    return _fail(
        LAMINAS_FAULT, given, mend=f"send the file {_write_traceback(error)} to Lamina's authors", as_json=as_json
    )


VERBS = ("train", "predict", "evaluate", "explain", "show", "runs", "studio", "check", "doctor")


def _sentence(text: str) -> str:
    text = text.strip() or "The command is not whole"
    return text if text.endswith((".", "?", "!", ")")) else f"{text}."


def _write_traceback(error: Exception) -> str:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="lamina-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return file.name


def _fail(code: int, given: str, expected: str = "", mend: str = "", *, as_json: bool) -> int:
    from lamina.terminal import show_error

    show_error(given, expected, mend, as_json=as_json)
    return code
