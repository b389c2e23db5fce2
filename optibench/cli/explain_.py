"""optibench explain NAME: the page that teaches a plugin, from its own code."""

from __future__ import annotations

import re
from pathlib import Path

import click

from optibench.cli.options import find, plugin_options
from optibench.errors import SettingError


@click.command("explain")
@click.argument("name", metavar="NAME", required=False)
@click.option("--all", "site", metavar="DIR", help="Write a page for every optimizer, and an index, into DIR.")
@click.option("--kind", metavar="TYPE", help="What NAME is, where several plugin types have it.")
@click.option("--out", metavar="FILE", help="The page.  [default: explain-NAME.html]")
@click.option("--measure/--no-measure", default=True, help="Compare an optimizer with its parent.  [default: measure]")
@click.option(
    "--results", metavar="DIR", default="reports/explain", help="Where that is kept.  [default: reports/explain]"
)
@click.option("--workers", type=int, metavar="N", help="Number of worker processes.  [default: one per core]")
@plugin_options
def command(
    name: str | None,
    site: str | None,
    kind: str | None,
    out: str | None,
    measure: bool,
    results: str,
    workers: int | None,
    folders: tuple[str, ...],
    modules: tuple[str, ...],
) -> None:
    """Write a page that explains an optimizer, activation, loss, schedule, or problem with its network.

    An optimizer is explained line by line, and the page lets you step through it; `sam+adam` is an optimizer too.
    Where it wins and loses is measured against its parent, and kept, so that the next time is quick. `relu,tanh,gelu`
    are side by side on one page, and so are losses and schedules. A problem may have settings:
    `quadratic:dimension=2,condition=100`. Formulas and numbers come from the plugin's own code.
    """
    registry = find(folders, modules)
    if (name is None) == (site is None):
        raise SettingError("explain: name what is to be explained, or give --all DIR")
    from optibench.teaching.pages import write_page
    from optibench.teaching.site import write_site

    if site is not None:
        click.echo(f"site: {write_site(Path(site), registry, Path(results) if measure else None, workers)}")
        return
    assert name is not None
    stem = re.sub(r"[^\w.+-]", "_", name)[:100]
    path = Path(out or f"explain-{stem}.html")
    folder = Path(results) / stem if measure else None
    click.echo(f"page: {write_page(name, path, registry, kind, folder, workers)}")
