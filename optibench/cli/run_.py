"""optibench run: run a suite, a selection or an experiment file, and report."""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from optibench.cli.options import find, plugin_options
from optibench.errors import InputError, nearest
from optibench.experiment.resolve import experiment
from optibench.experiment.settings import Experiment
from optibench.plugin.registry import Registry
from optibench.runner.progress import Progress as Progressed
from optibench.runner.run import execute

FAILURES = ("failed", "timeout", "crashed")


@click.command("run")
@click.argument("suite", metavar="[SUITE | FILE.toml]", default="")
@click.option(
    "--problem", "problems", metavar="NAME", multiple=True, help="A problem, NAME or NAME:KEY=VALUE; repeatable."
)
@click.option("--optimizer", "optimizers", metavar="NAME", multiple=True, help="An optimizer, likewise; repeatable.")
@click.option("--activation", metavar="a,b,c", help="Activations, for every problem that takes one.")
@click.option("--initialisation", metavar="a,b,c", help="Initialisations, for every problem that takes one.")
@click.option("--compare", metavar="FACTOR", help="optimizer, activation, initialisation, batch or schedule.")
@click.option("--tune", metavar="HOW", help="grid, random:K or none; grid by default.")
@click.option("--lr", metavar="LO:HI:COUNT | a,b,c", help="Learning rates: a log grid, or a list.")
@click.option("--seeds", type=int, metavar="N", help="Seeds 0 to N - 1, that are reported.")
@click.option("--tuning-seeds", type=int, metavar="N", help="Other seeds that a trial is tuned on; 5, or N of --seeds.")
@click.option("--reference", metavar="NAME", help="Whose tuned loss is the target where no minimum is known.")
@click.option("--epochs", type=int, metavar="N", help="Budget: passes through the training set.")
@click.option("--steps", type=int, metavar="N", help="Budget: updates.")
@click.option("--evaluations", "gradient_evaluations", type=int, metavar="N", help="Budget: evaluations, each counted.")
@click.option("--batch", metavar="N|full", help="Examples a step, for rules that do not declare it; a list to compare.")
@click.option("--sampler", metavar="NAME", help="full, reshuffle, replacement or fixed.")
@click.option(
    "--schedule", metavar="NAME", multiple=True, help="Learning-rate schedule, NAME:KEY=VALUE; several to compare."
)
@click.option("--l2", type=float, metavar="X", help="Coupled L2: X times the parameters is added to every gradient.")
@click.option("--clip-value", type=float, metavar="X", help="Clip every coordinate of every gradient to X.")
@click.option("--clip-norm", type=float, metavar="X", help="Clip the length of every gradient to X.")
@click.option("--centralise", is_flag=True, help="Take the mean over inputs out of the gradients of matrices.")
@click.option("--dtype", metavar="float32|float64", help="Precision of every run.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes; all cores by default.")
@click.option("--timeout", type=float, metavar="SECONDS", default=600.0, help="Time limit of a cohort of runs; 600.")
@click.option("--out", metavar="DIR", help="Where results and report go; reports/<suite>/ by default.")
@click.option("--no-report", is_flag=True, help="Only run; print counts.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
@plugin_options
@click.pass_context
def command(
    context: click.Context,
    /,
    suite: str,
    out: str | None,
    workers: int | None,
    timeout: float,
    no_report: bool,
    quiet: bool,
    folders: tuple[str, ...],
    modules: tuple[str, ...],
    **flags: Any,
) -> None:
    """Run SUITE (classic by default) or an experiment file; options change it.

    What the output folder already has is not run again: the same command resumes where it was stopped.
    """
    if not timeout > 0:
        raise InputError(f"--timeout {timeout:g}: must be more than 0 seconds")
    found = find(folders, modules)
    what = experiment({**_base(suite, flags, found), **_given(flags)}, found)
    folder = Path(out or Path("reports") / what.name)
    console = Console(stderr=True, quiet=quiet)
    for line in _ignored(what, flags, found):
        console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
    begin = time.perf_counter()
    try:
        statuses = _watch(what, found, folder, console, workers, timeout)
    except KeyboardInterrupt:
        click.echo(f"\nstopped; what was finished is in {folder}: run the same command again to go on", err=True)
        context.exit(130)
    if not quiet:
        took = time.perf_counter() - begin
        click.echo(f"{_counts(statuses)} in {took:.1f} s: {folder}")
    failed = sum(statuses[status] for status in FAILURES)
    if not no_report:
        page = _report(folder, found, quiet)
        if not quiet:
            click.echo(f"report: {page}")
    elif failed:
        _say_failures(folder)
    context.exit(1 if failed else 0)


def _base(suite: str, flags: dict[str, Any], found: Registry) -> dict[str, Any]:
    """The facts that the flags change: of a file, of a suite, or of `classic` under the name `custom`."""
    if suite.endswith(".toml"):
        path = Path(suite)
        try:
            facts = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise InputError(f"cannot read '{suite}': {error.strerror}; give an experiment file or a suite") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"'{suite}' is no TOML: {error}") from error
        return {"name": path.stem, **facts}
    if suite and suite not in found["suite"]:
        raise InputError(f"no suite named '{suite}'; {nearest(suite, found['suite'])}; a file must end in .toml")
    chosen = found.get("suite", suite or _default(flags["compare"], found))
    facts = dict(chosen.facts)
    if flags["optimizers"]:
        facts.pop("reference", None)  # it need not be among those
    if flags["tune"] == "none":
        facts.pop("lr", None)  # declared defaults, unless --lr says otherwise
    selected = not suite and (flags["problems"] or flags["optimizers"])
    return {**facts, "name": "custom" if selected else chosen.name}


def _default(factor: str | None, found: Registry) -> str:
    """The suite where none is named: one that compares the factor that is asked for."""
    suites = [name for name, suite in found["suite"].items() if suite.facts.get("compare", "optimizer") == factor]
    return suites[0] if suites else "classic"


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in flags.items() if value
    }
    for key in ("seeds", "tuning_seeds", "epochs", "steps", "gradient_evaluations", "l2", "clip_value", "clip_norm"):
        if flags[key] is not None:
            given[key] = flags[key]  # 0 too, to be refused
    budgets = [key for key in ("epochs", "steps", "gradient_evaluations") if key in given]
    for key in ("epochs", "steps", "gradient_evaluations"):
        if budgets:
            given.setdefault(key, None)  # a flag's budget replaces the suite's
    for key in ("activation", "initialisation"):
        if key in given:
            given[key] = given[key].split(",")
    if "batch" in given:
        given["batch"] = [_batch(text) for text in given["batch"].split(",")]
    return given


def _batch(text: str) -> int | str:
    if text == "full":
        return text
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--batch '{text}': must be a whole number or full") from None


def _ignored(what: Experiment, flags: dict[str, Any], found: Registry) -> list[str]:
    """Nothing is overruled in silence."""
    if flags["batch"] is None:
        return []
    fixed = [name for name, _ in what.optimizers if found.get("optimizer", name).batch is not None]
    return [f"--batch does not change {', '.join(fixed)}: their batch is what they are"] if fixed else []


def _watch(
    what: Experiment, found: Registry, folder: Path, console: Console, workers: int | None, timeout: float
) -> Counter[str]:
    last: list[Progressed] = []
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[runs]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # a log file wants lines, no bar
    )

    def show(progress: Progressed) -> None:
        last[:] = [progress]
        runs = f"{progress.runs}/{progress.total} runs"
        bad = ", ".join(f"{count} {status}" for status, count in progress.statuses.items() if status != "finished")
        bar.update(task, completed=progress.work, description=progress.now or "the first cohorts", runs=f"{runs} {bad}")

    with bar:
        task = bar.add_task("planning", total=1.0, runs="")
        execute(
            what,
            found,
            folder,
            workers=workers,
            timeout=timeout,
            on_progress=show,
            on_warning=lambda line: console.print(f"warning: {line}", markup=False, highlight=False, soft_wrap=True),
        )
    from optibench.runner.store import Store

    statuses, _ = Store(folder).statuses()
    return statuses


def _counts(statuses: Counter[str]) -> str:
    return f"{sum(statuses.values())} runs: " + ", ".join(f"{count} {status}" for status, count in statuses.items())


def _report(folder: Path, found: Registry, quiet: bool) -> Path:
    from optibench.results import load  # brings pandas

    results = load(folder)
    if not quiet:
        from optibench.cli.table import print_leaderboard

        print_leaderboard(results)
        click.echo(f"{results.verdict()['sentence'][0]}")
        for line in results.compare().caveats:
            click.echo(f"note: {line}")
    _failures(results.runs)
    return results.report(figures=list(found["figure"].values()))


def _say_failures(folder: Path) -> None:
    from optibench.results import load  # brings pandas

    _failures(load(folder).runs)


def _failures(runs: Any) -> None:
    """One line for each way that runs of an optimizer failed on a problem."""
    bad = runs[runs["status"].isin(FAILURES)]
    for (problem, optimizer, status, reason), group in bad.groupby(["problem", "optimizer", "status", "reason"]):
        click.echo(f"{status}: {optimizer} on {problem}, {len(group)} runs: {reason}", err=True)
