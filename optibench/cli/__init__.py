"""The command line: one file a verb. A verb is imported when it is called, so that --help stays quick."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import TextIO

import click

VERBS = {
    "run": "run a suite or an experiment file, and write the report",
    "report": "write the report of a results folder again, or of a table",
    "analyse": "print the results of a folder or a table: verdict and tables",
    "replicate": "run an experiment again on fresh seeds, and say which claims come out again",
    "explain": "write a page that explains an optimizer line by line, and lets you step through it",
    "race": "let optimizers race on a problem of two parameters, in the terminal or into an animation",
    "list": "list registered plugins, one line each",
    "plugins": "list where plugins come from, and which failed to load",
    "verify": "check optimizers against reference traces, limiting cases and the contract",
}


class Verbs(click.Group):
    """Loads the file of a verb only when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            from optibench.errors import nearest

            raise click.UsageError(f"no command named '{name}'; {nearest(name, VERBS)}")
        command: click.Command = importlib.import_module(f"optibench.cli.{name}_").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="optibench")
def commands() -> None:
    """Compare optimizers honestly: plugins, cohorts of small runs, one report."""


def main() -> None:
    """The console script: errors are one line, exit status 2."""
    from optibench.errors import InputError

    try:
        with warnings.catch_warnings():
            warnings.showwarning = _say
            warnings.simplefilter("always", UserWarning)  # of plugins and files left out
            status = commands.main(standalone_mode=False)
    except InputError as error:
        status = _error(str(error), 2)
    except click.UsageError as error:
        status = _error(error.format_message(), 2)
    except click.ClickException as error:
        status = _error(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        status = 130
    except BrokenPipeError:  # the reader of a pipe has gone: `optibench list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status if isinstance(status, int) else 0)


def _error(text: str, status: int) -> int:
    click.echo(f"error: {' '.join(text.split())}", err=True)
    return status


def _say(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    click.echo(f"warning: {message}", err=True)
