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
    """Write a page that explains an optimizer, activation, loss or schedule.

    An optimizer is explained line by line, and the page lets you step through it; `sam+adam` is an optimizer too.
    `relu,tanh,gelu` are side by side on one page, and so are losses and schedules. Formulas and numbers come from the
    plugin's own code.
    """
    registry = find(folders, modules)
    from optibench.teaching.pages import write_page

    stem = re.sub(r"[^\w.+-]", "_", name)[:100]
    path = Path(out or f"explain-{stem}.html")
    click.echo(f"page: {write_page(name, path, registry, kind)}")
