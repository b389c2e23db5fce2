"""optibench run: run a suite, a selection or an experiment file, and report."""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from optibench.analysis.stats.adjust import replicates_needed
from optibench.cli.options import (
    GroupedCommand,
    OptionValue,
    find,
    plugin_options,
    read_settings,
    setting_options,
    training_options,
)
from optibench.errors import SettingError, UnknownName
from optibench.experiment.plan import cells
from optibench.experiment.resolve import resolve
from optibench.experiment.settings import Experiment
from optibench.plugin.registry import Registry
from optibench.plugin.suite import Suite
from optibench.plugin.types import Facts
from optibench.runner.progress import Progress as Progressed
from optibench.runner.run import execute

if TYPE_CHECKING:
    import pandas as pd

FAILURES = ("failed", "timeout", "crashed")


@click.command("run", cls=GroupedCommand)
@click.argument("suite", metavar="[SUITE | FILE.toml]", default="")
@setting_options
@training_options
@click.option("--out", metavar="DIR", help="Folder of results and report.  [default: reports/NAME]")
@click.option("--no-report", is_flag=True, help="Make no report; print counts.")
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
    **options: OptionValue,
) -> None:
    """Run SUITE (classic by default) or an experiment file; each option replaces one of its settings.

    Runs that the output folder already has are not repeated: the same command resumes where it was stopped.
    """
    registry = find(folders, modules)
    experiment = resolve({**_base(suite, options, registry), **read_settings(options)}, registry)
    folder = Path(out or Path("reports") / experiment.name)
    console = Console(stderr=True, quiet=quiet)
    for line in _ignored(experiment, options, registry) + _too_few(experiment, registry):
        console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
    begin = time.perf_counter()
    statuses = watch(experiment, registry, folder, console, workers, timeout)
    if not quiet:
        took = time.perf_counter() - begin
        click.echo(f"{counts(statuses)} in {took:.1f} s: {folder}")
    failed = sum(statuses[status] for status in FAILURES)
    if not no_report:
        page = _report(folder, registry, quiet)
        if not quiet:
            click.echo(f"report: {page}")
    elif failed:
        say_failures(folder)
    context.exit(1 if failed else 0)


def _base(suite: str, options: Mapping[str, OptionValue], registry: Registry) -> Facts:
    """The facts that the options change: of a file, of a suite, or of `classic` under the name `custom`."""
    if suite.endswith(".toml"):
        return _read_file(Path(suite))
    suites: Mapping[str, Suite] = registry["suite"]
    if suite and suite not in suites:
        raise UnknownName("suite", suite, suites)
    chosen = suites[suite or _default_suite(options["compare"], suites)]
    facts = dict(chosen.facts)
    if options["optimizers"]:
        facts.pop("reference", None)  # it need not be among those
    if options["tune"] == "none":
        facts.pop("lr", None)  # declared defaults, unless --lr says otherwise
    selected = not suite and (options["problems"] or options["optimizers"])
    return {**facts, "name": "custom" if selected else chosen.name}


def _read_file(path: Path) -> Facts:
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"cannot read '{path}': {error.strerror}; give an experiment file or a suite") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"'{path}' is not valid TOML: {error}") from error
    return {"name": path.stem, **facts}


def _default_suite(factor: OptionValue, suites: Mapping[str, Suite]) -> str:
    """The suite where none is named: one that compares the factor that is asked for."""
    comparing = [name for name, suite in suites.items() if suite.facts.get("compare", "optimizer") == factor]
    return comparing[0] if comparing else "classic"


def _ignored(experiment: Experiment, options: Mapping[str, OptionValue], registry: Registry) -> list[str]:
    """Nothing is overruled in silence."""
    if options["batch"] is None:
        return []
    fixed = [name for name, _ in experiment.optimizers if registry.get("optimizer", name).batch is not None]
    return [f"--batch is ignored by {', '.join(fixed)}: fixed batch size"] if fixed else []


def _too_few(experiment: Experiment, registry: Registry) -> list[str]:
    """Whether no difference can become significant, said before anything is run."""
    counts = Counter(cell.problem_label for cell in cells(experiment, registry))
    rates = 1 if experiment.tunes else max(len(experiment.lr), 1)
    methods, problems = max(counts.values()) * rates, len(counts)
    needed = replicates_needed(methods, problems)
    if methods < 2 or experiment.seeds >= needed:
        return []
    on = f"{problems} problem{'s' * (problems != 1)}"
    return [
        f"{experiment.seeds} replicate{'s' * (experiment.seeds != 1)} (--seeds) are too few to test {methods} methods "
        f"on {on}: at least {needed} are needed; the results will be described, and no difference claimed"
    ]


def watch(
    experiment: Experiment, registry: Registry, folder: Path, console: Console, workers: int | None, timeout: float
) -> Counter[str]:
    """Run an experiment into a folder with a progress bar; how its runs ended. Ctrl-C ends the command."""
    if not timeout > 0:
        raise SettingError(f"--timeout {timeout:g}: must be more than 0 seconds")
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

    with _stoppable(folder), bar:
        task = bar.add_task("planning", total=1.0, runs="")
        execute(
            experiment,
            registry,
            folder,
            workers=workers,
            timeout=timeout,
            on_progress=show,
            on_warning=lambda line: console.print(f"warning: {line}", markup=False, highlight=False, soft_wrap=True),
        )
    from optibench.runner.store import Store

    statuses, _ = Store(folder).statuses()
    return statuses


@contextmanager
def _stoppable(folder: Path) -> Iterator[None]:
    """Ctrl-C stops in one line."""
    try:
        yield
    except KeyboardInterrupt as stop:
        click.echo(f"\nstopped; finished runs are in {folder}: run the same command again to go on", err=True)
        raise click.exceptions.Exit(130) from stop


def counts(statuses: Counter[str]) -> str:
    """How many runs there are, and how they ended."""
    return f"{sum(statuses.values())} runs: " + ", ".join(f"{count} {status}" for status, count in statuses.items())


def _report(folder: Path, registry: Registry, quiet: bool) -> Path:
    from optibench.results import load  # brings pandas

    results = load(folder)
    if not quiet:
        from optibench.analysis.budgets import budgets_differ
        from optibench.cli.table import print_leaderboard

        for line in budgets_differ(results.compare()):
            click.echo(line)
        print_leaderboard(results)
        click.echo(f"{results.verdict()['sentence'][0]}")
        for line in results.compare().caveats:
            click.echo(f"note: {line}")
    _failures(results.runs)
    return results.report(known=registry)


def say_failures(folder: Path) -> None:
    """Say how runs in the folder failed, if any did."""
    from optibench.results import load  # brings pandas

    _failures(load(folder).runs)


def _failures(runs: pd.DataFrame) -> None:
    """One line for each way that runs of an optimizer failed on a problem."""
    bad = runs[runs["status"].isin(FAILURES)]
    for (problem, optimizer, status, reason), group in bad.groupby(["problem", "optimizer", "status", "reason"]):
        click.echo(f"{status}: {optimizer} on {problem}, {len(group)} runs: {reason}", err=True)
