"""optibench report DIR: make the report again from the results in a folder."""

from __future__ import annotations

import click

from optibench.cli.options import find, plugin_options


@click.command("report")
@click.argument("folder", metavar="DIR")
@plugin_options
def command(folder: str, folders: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """Make the report in DIR again from the results that lie there."""
    figures = list(find(folders, modules)["figure"].values())
    from optibench.results import load  # brings pandas

    click.echo(f"report: {load(folder).report(figures=figures)}")
