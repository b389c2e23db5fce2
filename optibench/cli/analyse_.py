"""optibench analyse DIR: the numbers of a store, in words and tables."""

from __future__ import annotations

from typing import Any

import click

#: What can be printed: the method of Results, and what it is.
TABLES = {
    "verdict": "who is best, in words",
    "leaderboard": "every problem by rank",
    "ranks": "mean ranks over problems, with intervals",
    "pairwise": "contenders two by two",
    "tuning": "default and tuned settings, and the optimism of tuning",
    "expected": "expected best of k trials",
    "sensitivity": "scores over the grid of rates",
    "time_to_target": "how many runs reach declared targets, and at what cost",
    "profile": "performance profile over problems and targets",
    "stability": "who would lead had something else been chosen",
    "crossings": "who is overtaken along the budget",
    "causes": "why the compared runs ended badly or slowly, and how many",
    "why": "the same of every run, those of tuning too",
}


@click.command("analyse")
@click.argument("folder", metavar="DIR")
@click.argument("tables", metavar="[TABLE]...", nargs=-1)
@click.option("--problem", "problems", metavar="NAME", multiple=True, help="Only this problem; repeatable.")
@click.option("--optimizer", "optimizers", metavar="NAME", multiple=True, help="Only this contender; repeatable.")
@click.option("--seed", "seeds", metavar="N", type=int, multiple=True, help="Only this seed; repeatable.")
@click.option("--tuning", metavar="HOW", help="lr, all, default or given: how the contenders were tuned.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the tables as CSV.")
def command(
    folder: str,
    tables: tuple[str, ...],
    problems: tuple[str, ...],
    optimizers: tuple[str, ...],
    seeds: tuple[int, ...],
    tuning: str | None,
    as_csv: bool,
) -> None:
    """The numbers of the results in DIR: verdict and caveats, or the TABLEs that are named (`all` for every one)."""
    from optibench.cli.table import print_frame
    from optibench.errors import UnknownName
    from optibench.results import load  # brings pandas

    for name in tables:
        if name not in (*TABLES, "all"):
            raise UnknownName("table", name, TABLES)
    results = load(folder)
    chosen = {"problem": problems, "optimizer": optimizers, "seed": seeds}
    filters: dict[str, Any] = {key: list(value) for key, value in chosen.items() if value}
    filters["tuning"] = tuning
    for name in list(TABLES) if "all" in tables else tables or ("verdict", "ranks"):
        if not as_csv:
            click.secho(f"\n{name.replace('_', ' ')}: {TABLES[name]}", bold=True)
        if name == "verdict" and not as_csv:
            for sentence in results.verdict(**filters)["sentence"]:
                click.echo(f"  {sentence}")
            for line in results.compare(**filters).caveats:
                click.echo(f"  note: {line}")
        else:
            frame = getattr(results, name)(**filters)
            factor = {"optimizer": results.compare().factor}
            click.echo(frame.to_csv(index=False), nl=False) if as_csv else print_frame(frame.rename(columns=factor))
