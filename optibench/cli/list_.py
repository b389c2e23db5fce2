"""optibench list: what is registered, with one line each."""

from __future__ import annotations

import json

import click

from optibench.cli.options import find, plugin_options
from optibench.hookspecs import KINDS
from optibench.pieces import InputError, nearest


@click.command("list")
@click.argument("kind", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
def command(kind: str | None, as_json: bool, folders: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """What is registered, with one line each: KIND is optimizer, problem, activation, loss, ..."""
    singular = {**{plural: name for name, (plural, _) in KINDS.items()}, **{name: name for name in KINDS}}
    if kind is not None and kind not in singular:
        raise InputError(f"no kind of piece named '{kind}'; {nearest(kind, KINDS)}")
    found = find(folders, modules)
    shown = {name: found[name] for name in ([singular[kind]] if kind else KINDS)}
    if as_json:
        rows = [
            {"kind": name, "name": piece.name, "summary": piece.summary, "plugin": found.owners[name, piece.name]}
            for name, pieces in shown.items()
            for piece in pieces.values()
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for name, pieces in shown.items():
        click.secho(f"{KINDS[name][0]} ({len(pieces)})", bold=True)
        width = max((len(piece) for piece in pieces), default=0)
        for piece in pieces.values():
            click.echo(f"  {piece.name:{width}}  {piece.summary}")
