"""optibench verify: are the rules right? Other libraries' traces, limiting cases, contract, formula; DeepOBS."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from optibench.cli.options import find, plugin_options
from optibench.errors import SettingError
from optibench.plugin.registry import Registry


@click.command("verify")
@click.argument("optimizers", metavar="[OPTIMIZER]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
@click.pass_context
def command(
    context: click.Context,
    /,
    optimizers: tuple[str, ...],
    as_json: bool,
    folders: tuple[str, ...],
    modules: tuple[str, ...],
) -> None:
    """Check OPTIMIZERs, all by default, against traces of other libraries, limiting cases, the contract and formulas.

    The formula of a rule is what its code does, traced on symbols; a rule without one is listed as not traced, with the
    reason. A wrapper is checked around gd and adam. The name `deepobs` runs DeepOBS's quadratic_deep and sets our
    losses beside the published ones. Exit status 1 if a check fails.
    """
    found = find(folders, modules)
    if "deepobs" in optimizers:
        if len(optimizers) > 1:
            raise SettingError("deepobs is not an optimizer; verify it alone")
        context.exit(_deepobs(found, as_json))
    from optibench.verify import verify

    checks = [check for name in _names(optimizers, found) for check in verify(found.get("optimizer", name), found)]
    failed = [check for check in checks if not check.ok]
    if as_json:
        click.echo(json.dumps([{**asdict(check), "ok": check.ok} for check in checks], indent=2, ensure_ascii=False))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("optimizer", "kind", "reference"):
            table.add_column(name, overflow="fold")
        table.add_column("deviation", justify="right", no_wrap=True)
        table.add_column("allowed", justify="right", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
        last = ""
        for check in checks:
            shown = "" if check.optimizer == last else check.optimizer
            last = check.optimizer
            verdict = "ok" if check.ok else "FAILED"
            off = "" if check.note else f"{check.deviation:.1e}" if check.deviation else "0"
            reference = f"{check.reference}: {check.note}" if check.note else check.reference
            style = None if check.ok else "bold red"
            table.add_row(shown, check.kind, reference, off, f"{check.tolerance:g}", verdict, style=style)
        Console().print(table)
        plurals = {"trace": "traces", "identity": "identities", "contract": "promises", "formula": "formulas"}
        kinds = ", ".join(f"{plural} {sum(check.kind == kind for check in checks)}" for kind, plural in plurals.items())
        click.echo(f"{len(checks)} checks ({kinds}): {len(failed) or 'none'} failed")
    context.exit(1 if failed else 0)


def _deepobs(found: Registry, as_json: bool) -> int:
    """The published losses and ours, a line each; the exit status."""
    from optibench.verify.deepobs import compare  # brings pandas

    rows = list(compare(found))
    if as_json:
        click.echo(json.dumps([{**asdict(row), "ok": row.ok} for row in rows], indent=2).replace("NaN", "null"))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("optimizer")
        for name in ("lr", "published", "ours", "apart", "allowed", "verdict"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            lost = row.published != row.published
            ours = f"{row.diverged} of {row.seeds} diverged" if row.diverged else f"{row.mean:.4f}"
            apart = ("", "") if lost or row.diverged else (f"{abs(row.mean - row.published):.4f}", f"{row.allowed:.4f}")
            theirs = "diverged" if lost else f"{row.published:.4f}"
            verdict = "ok" if row.ok else "FAILED"
            table.add_row(row.optimizer, f"{row.lr:g}", theirs, ours, *apart, verdict)
        Console().print(table)
        failed = sum(not row.ok for row in rows)
        click.echo(f"{len(rows)} settings, {rows[0].seeds} seeds each: {failed or 'none'} failed")
    return 0 if all(row.ok for row in rows) else 1


def _names(given: tuple[str, ...], found: Registry) -> list[str]:
    names = []
    for name in given or (*found["optimizer"], *found["wrapper"]):
        names += [f"{name}+{base}" for base in ("gd", "adam")] if name in found["wrapper"] else [name]
    return names
