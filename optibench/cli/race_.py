"""optibench race: optimizers race on one problem of two parameters, in the terminal or into an animation."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from optibench.cli.options import find, plugin_options
from optibench.errors import SettingError
from optibench.experiment.choices import SETTINGS
from optibench.plugin.choice import EQUALS, NAME_ENDS


@click.command("race")
@click.argument("problem")
@click.option(
    "--optimizer",
    "optimizers",
    metavar="a,b,...",
    multiple=True,
    help="Optimizers, as NAME or NAME:KEY=VALUE; repeatable.  [default: gd,momentum,rmsprop,adam]",
)
@click.option(
    "--lr", "rates", metavar="RATE", multiple=True, help="Learning rate of all, or a=RATE,b=RATE; repeatable."
)
@click.option(
    "--tune/--no-tune",
    default=None,
    help="Race at the rate with the lowest final loss, or at declared defaults.  [default: tune]",
)
@click.option("--steps", type=int, metavar="N", help="Number of parameter updates.  [default: each problem's own]")
@click.option("--seed", type=int, default=0, metavar="N", help="Seed of the start and of noise.  [default: 0]")
@click.option("--start", metavar="X,Y", help="Starting point.  [default: drawn with the seed]")
@click.option("--gif", metavar="FILE", help="Write an animated GIF.")
@click.option("--mp4", metavar="FILE", help="Write a video; needs ffmpeg.")
@click.option("--no-animation", is_flag=True, help="Print the last frame only.")
@plugin_options
@click.pass_context
def command(
    context: click.Context,
    /,
    problem: str,
    optimizers: tuple[str, ...],
    rates: tuple[str, ...],
    tune: bool | None,
    steps: int | None,
    seed: int,
    start: str | None,
    gif: str | None,
    mp4: str | None,
    no_animation: bool,
    folders: tuple[str, ...],
    modules: tuple[str, ...],
) -> None:
    """Let optimizers race on PROBLEM, which has two parameters, each at its own learning rate.

    Where the output is not a terminal, the last frame is printed. Exit status 1 if an optimizer failed.
    """
    from optibench.racing.race import hold
    from optibench.racing.terminal import show, table

    registry = find(folders, modules)
    for file in (gif, mp4):
        if file is not None and not Path(file).parent.is_dir():
            raise SettingError(f"cannot write to '{file}': no such folder; give a file in one that exists")
    if mp4 is not None:
        from optibench.racing.animation import require_ffmpeg  # brings matplotlib

        require_ffmpeg()
    race = hold(
        problem,
        [name for text in optimizers or ("gd,momentum,rmsprop,adam",) for name in names(text)],
        registry,
        lr=read_rates(rates, tune),
        steps=steps,
        seed=seed,
        start=None if start is None else read_start(start),
        tune=tune is not False,
    )
    console = Console()
    x, y = race.racers[0].points[0]
    console.print(f"{race.problem.name} from ({x:.4g}, {y:.4g})", style="bold", markup=False, highlight=False)
    if gif is None and mp4 is None:
        animate = console.is_terminal and not console.is_dumb_terminal and sys.stdout.isatty() and not no_animation
        show(race, console, animate)
    else:
        console.print(table(race, race.steps, plain=console.color_system is None))
    for line in race.notes:
        click.echo(f"note: {line}")
    for file, write in ((gif, race.gif), (mp4, race.mp4)):
        if file is not None:
            written = write(file)
            click.echo(f"{written}: {len(race.frames)} frames, {written.stat().st_size / 1e3:,.0f} kB")
    for name, why in race.failed.items():
        click.echo(f"failed: {name} on {race.problem.name}: {why}", err=True)
    context.exit(1 if race.failed else 0)


def names(text: str) -> list[str]:
    """``"gd,adam:beta1=0.8,beta2=0.9"`` as choices: what has a ``=`` and no name belongs to the one before."""
    items: list[str] = []
    for part in SETTINGS.findall(text):
        if items and EQUALS in part.partition(NAME_ENDS)[0]:
            items[-1] += f",{part}"
        else:
            items.append(part)
    return items


def read_rates(texts: tuple[str, ...], tune: bool | None) -> float | dict[str, float] | None:
    """One rate for all, or a rate by name; a label with settings, ``adam:beta1=0.8=0.1``, needs its own ``--lr``."""
    if not texts:
        return None
    rates: dict[str, float] = {}
    for text in texts:
        for part in [text] if NAME_ENDS in text else text.split(","):
            name, equals, rate = part.rpartition(EQUALS)
            try:
                value = float(rate)
            except ValueError:
                raise SettingError(f"--lr {text}: not a learning rate; write RATE, or NAME=RATE,NAME=RATE") from None
            if not equals and len(texts) == 1 and part == text:
                if tune:
                    raise SettingError(f"--lr {text} and --tune given together; choose one")
                return value
            if not name:
                raise SettingError(f"--lr {text}: which optimizer's? write RATE alone, or NAME=RATE,NAME=RATE")
            rates[name] = value
    return rates


def read_start(text: str) -> list[float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise SettingError(f"--start {text}: must be two finite numbers, such as --start=-1.2,1") from None
    return [x, y]
