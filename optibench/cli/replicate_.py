"""optibench replicate DIR: run the experiment in DIR again on fresh seeds, and say which claims come out again."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from optibench.cli.options import find, plugin_options, training_options
from optibench.cli.run_ import counts, say_failures, watch


@click.command("replicate")
@click.argument("folder", metavar="DIR")
@training_options
@click.option("--out", metavar="DIR", help="Folder of the replication.  [default: DIR-replication]")
@plugin_options
@click.pass_context
def command(
    context: click.Context,
    /,
    folder: str,
    workers: int | None,
    timeout: float,
    out: str | None,
    folders: tuple[str, ...],
    modules: tuple[str, ...],
) -> None:
    """Run the experiment in DIR again, on seeds that are not used there, and compare the claims of the two.

    A claim is a significant pair of methods. It is confirmed if the same method is significantly better again, and
    contradicted if the other one is: the exit status is then 1. The same command resumes where it was stopped.
    """
    registry = find(folders, modules)
    from optibench.analysis.replication import CONTRADICTED, summary
    from optibench.api import to_replicate
    from optibench.cli.table import print_frame
    from optibench.results import load  # brings pandas

    first, experiment, target = to_replicate(Path(folder), out, registry)
    statuses = watch(experiment, registry, target, Console(stderr=True), workers, timeout)
    say_failures(target)
    click.echo(f"{counts(statuses)}, seeds from {experiment.first_seed}: {target}")
    claims = first.claims(load(target))
    if len(claims):
        print_frame(claims)
    click.echo(summary(claims))
    context.exit(1 if (claims["outcome"] == CONTRADICTED).any() else 0)
