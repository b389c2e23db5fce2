"""optibench plugins: where plugins come from, and which failed to load."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict

import click

from optibench.cli.options import find, plugin_options
from optibench.plugin.hookspecs import KINDS


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
def command(as_json: bool, folders: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """List where plugins come from, what they register, and which failed to load."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the failures are what this table shows
        registry = find(folders, modules)
    if as_json:
        click.echo(json.dumps([asdict(plugin) for plugin in registry.plugins.values()], indent=2, ensure_ascii=False))
        return
    width = max(len(name) for name in registry.plugins)
    for plugin in registry.plugins.values():
        counts = {kind: len(names) for kind, names in plugin.pieces.items() if names}
        made = ", ".join(f"{n} {kind if n == 1 else KINDS[kind][0]}" for kind, n in counts.items()) or "nothing"
        state = click.style(f"left out: {plugin.error}", fg="red") if plugin.error else made
        click.echo(f"{plugin.name:{width}}  {plugin.origin}: {state}")
