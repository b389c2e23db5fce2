"""optibench list: registered plugins, one line each."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click

from optibench.cli.options import find, plugin_options
from optibench.errors import UnknownName
from optibench.plugin.hookspecs import KINDS

#: What a piece declares besides, in the JSON where it does.
FACTS = ("parent", "reference", "formula", "evaluations", "space", "hyperparameters", "options", "parameters")


@click.command("list")
@click.argument("kind", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
def command(kind: str | None, as_json: bool, folders: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """List registered plugins, one line each: KIND is optimizer, problem, activation, loss, ..."""
    singular = {**{plural: name for name, (plural, _) in KINDS.items()}, **{name: name for name in KINDS}}
    if kind is not None and kind not in singular:
        raise UnknownName("plugin type", kind, KINDS)
    registry = find(folders, modules)
    shown = {name: registry[name] for name in ([singular[kind]] if kind else KINDS)}
    if as_json:
        rows = [
            {"kind": name, "name": piece.name, "summary": piece.summary, "plugin": registry.owner(name, piece.name)}
            | {fact: value for fact in FACTS if (value := getattr(piece, fact, None)) and value == value}
            for name, pieces in shown.items()
            for piece in pieces.values()
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=_plain))
        return
    for name, pieces in shown.items():
        click.secho(f"{KINDS[name][0]} ({len(pieces)})", bold=True)
        width = max((len(piece) for piece in pieces), default=0)
        for piece in pieces.values():
            click.echo(f"  {piece.name:{width}}  {piece.summary}")


def _plain(value: object) -> object:
    """A mapping as a table, a piece by its name."""
    return dict(value) if isinstance(value, Mapping) else getattr(value, "name", str(value))
