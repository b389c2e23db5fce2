"""optibench report DIR: make the report again from the results in a folder, or chosen figures and tables of it."""

from __future__ import annotations

import click

from optibench.cli.options import find, plugin_options


@click.command("report")
@click.argument("folder", metavar="DIR")
@click.option("--out", metavar="DIR", help="Folder of the report.  [default: DIR; of FILE.csv, reports/FILE]")
@click.option("--only", metavar="a,b,c", default="", help="Write these figures and tables only.  [default: all]")
@click.option(
    "--format",
    "formats",
    metavar="a,b,c",
    default="",
    help="Write these formats only: png, svg, pdf for figures; csv, md, latex for tables; html for the page.  "
    "[default: svg, csv, and html without --only]",
)
@click.option("--style", metavar="NAME", default="screen", help="Style of figures: screen or paper.  [default: screen]")
@plugin_options
def command(
    folder: str, out: str | None, only: str, formats: str, style: str, folders: tuple[str, ...],
    modules: tuple[str, ...],
) -> None:  # fmt: skip
    """Make the report in DIR again from the results that lie there; or that of FILE.csv, a table from elsewhere.

    With --only or --format it writes the figures and tables that are named, in these formats, and nothing else. Style
    paper has the widths of columns, 3.3 and 6.9 inches, and text of 8 points. `optibench list figure` lists the
    figures, `optibench analyse` the tables; runs is a table too, and profiles are all figures and tables of profiles.

    `optibench analyse --help` says which columns a table from elsewhere has.
    """
    known = find(folders, modules)
    from optibench.results import load  # brings pandas

    results = load(folder)
    if not only and not formats and style == "screen":
        click.echo(f"report: {results.report(out, known=known)}")
        return
    for path in results.write(out, _names(only), _names(formats), style, known=known):
        click.echo(path)


def _names(text: str) -> list[str]:
    """What stands between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
