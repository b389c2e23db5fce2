"""optibench explain NAME: the page that teaches an optimizer, from its own code."""

from __future__ import annotations

from pathlib import Path

import click

from optibench.cli.options import find, plugin_options


@click.command("explain")
@click.argument("name", metavar="OPTIMIZER")
@click.option("--out", metavar="FILE", help="The page.  [default: explain-OPTIMIZER.html]")
@plugin_options
def command(name: str, out: str | None, folders: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """Write a page that explains OPTIMIZER line by line, and lets you step through it; `sam+adam` is one too.

    The formulas, the numbers and what the page runs come from the code of the rule itself.
    """
    registry = find(folders, modules)
    from optibench.teaching.page import write_rule

    click.echo(f"page: {write_rule(name, Path(out or f'explain-{name}.html'), registry)}")
