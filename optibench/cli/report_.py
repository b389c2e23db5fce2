"""optibench report DIR: make the report again from the results in a folder, or the report of a table from elsewhere."""

from __future__ import annotations

import click

from optibench.cli.options import find, plugin_options


@click.command("report")
@click.argument("folder", metavar="DIR")
@click.option("--out", metavar="DIR", help="Folder of the report.  [default: DIR; of FILE.csv, reports/FILE]")
@plugin_options
def command(folder: str, out: str | None, folders: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """Make the report in DIR again from the results that lie there; or that of FILE.csv, a table from elsewhere.

    `optibench analyse --help` says which columns such a table has.
    """
    known = find(folders, modules)
    from optibench.results import load  # brings pandas

    click.echo(f"report: {load(folder).report(out, known=known)}")
