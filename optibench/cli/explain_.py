"""optibench explain NAME: the page that teaches a plugin, from its own code."""

from __future__ import annotations

import re
from pathlib import Path

import click

from optibench.cli.options import find, plugin_options


@click.command("explain")
@click.argument("name", metavar="NAME")
@click.option("--kind", metavar="TYPE", help="What NAME is, where several plugin types have it.")
@click.option("--out", metavar="FILE", help="The page.  [default: explain-NAME.html]")
@plugin_options
def command(name: str, kind: str | None, out: str | None, folders: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """Write a page that explains the optimizer NAME line by line, or the problem NAME and its network.

    `sam+adam` is an optimizer too, and a problem may have settings: `quadratic:dimension=2,condition=100`. The
    formulas, the numbers and what the page runs come from the code of the plugin.
    """
    registry = find(folders, modules)
    from optibench.teaching.pages import write_page

    stem = re.sub(r"[^\w.+-]", "_", name)[:100]
    path = Path(out or f"explain-{stem}.html")
    click.echo(f"page: {write_page(name, path, registry, kind)}")
