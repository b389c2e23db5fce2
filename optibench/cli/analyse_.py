"""optibench analyse DIR: the numbers of a folder of results, or of a table from elsewhere, in words and tables."""

from __future__ import annotations

import click


class Analyse(click.Command):
    """Its help ends with the analyses that Results declares, which are imported only then."""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        from optibench.analysis.declaration import analyses
        from optibench.results import Results  # brings pandas

        with formatter.section("Tables"):
            formatter.write_dl([(name, what.summary) for name, what in analyses(Results).items()])


@click.command("analyse", cls=Analyse)
@click.argument("folder", metavar="[DIR | FILE.csv]", required=False)
@click.argument("tables", metavar="[TABLE]...", nargs=-1)
@click.option("--problem", "problems", metavar="NAME", multiple=True, help="Only this problem; repeatable.")
@click.option("--optimizer", "optimizers", metavar="NAME", multiple=True, help="Only this method; repeatable.")
@click.option("--seed", "seeds", metavar="N", type=int, multiple=True, help="Only this seed; repeatable.")
@click.option("--tuning", metavar="HOW", help="lr, all, default or given: how the methods were tuned.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the tables as CSV.")
@click.pass_context
def command(
    context: click.Context,
    /,
    folder: str | None,
    tables: tuple[str, ...],
    problems: tuple[str, ...],
    optimizers: tuple[str, ...],
    seeds: tuple[int, ...],
    tuning: str | None,
    as_csv: bool,
) -> None:
    """The results in DIR: verdict, caveats and ranks, or the TABLEs that are named (`all` for every one).

    FILE.csv is a table from elsewhere with the columns problem, optimizer, seed and loss: one row a run, or with a
    column step one row a recorded point. Without DIR, this help, which lists the tables.
    """
    if folder is None:
        click.echo(context.get_help())
        return
    from optibench.analysis.comparison import Filters
    from optibench.analysis.declaration import analyses, flat
    from optibench.cli.table import print_frame
    from optibench.errors import UnknownName
    from optibench.results import Results, load  # brings pandas

    declared = analyses(Results)
    for name in tables:
        if name not in (*declared, "all"):
            raise UnknownName("table", name, declared)
    results = load(folder)
    filters = Filters(tuning=tuning, problem=problems or None, optimizer=optimizers or None, seed=seeds or None)
    for name in declared if "all" in tables else tables or ("verdict", "ranks"):
        frame = getattr(results, name)(**filters)
        if as_csv:
            click.echo(flat(frame).to_csv(index=False), nl=False)
            continue
        click.secho(f"\n{name.replace('_', ' ')}: {declared[name].summary}", bold=True)
        if name == "verdict":
            for sentence in frame["sentence"]:
                click.echo(f"  {sentence}")
            for line in results.compare(**filters).caveats:
                click.echo(f"  note: {line}")
        else:
            print_frame(frame.rename(columns={"optimizer": results.factor}))
