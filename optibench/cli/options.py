"""Options that several verbs share, and those that are the settings of an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from optibench.experiment.settings import BUDGETS, rows
from optibench.plugin.registry import Registry, Sources, registry
from optibench.plugin.setting import Flag, Setting
from optibench.plugin.types import Facts

Command = TypeVar("Command", bound=Callable[..., object])
#: What an option holds: its text, whether it was given, or the texts of one that may be repeated; None if it was not.
OptionValue = str | bool | tuple[str, ...] | None


class SettingOption(click.Option):
    """An option that stands in a group of the help."""

    def __init__(self, declarations: Sequence[str], *, group: str, **facts: Any) -> None:
        super().__init__(declarations, **facts)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help has a section for each group of settings."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        options = [parameter for parameter in self.get_params(context) if isinstance(parameter, click.Option)]
        sections: dict[str, list[tuple[str, str]]] = {}
        for option in sorted(options, key=lambda option: not isinstance(option, SettingOption)):
            record = option.get_help_record(context)
            if record is not None:
                group = option.group if isinstance(option, SettingOption) else "Options"
                sections.setdefault(group, []).append(record)
        for group, records in sections.items():
            with formatter.section(group):
                formatter.write_dl(records)


def setting_options(command: Command) -> Command:
    """An option for every setting of an experiment that has one."""
    for row in reversed(rows()):
        if row.flag:
            command = click.option(
                row.switch, row.name, cls=SettingOption, group=row.group, metavar=row.metavar or None,
                multiple=row.repeatable, is_flag=isinstance(row.kind, Flag), default=None, help=_help(row),
            )(command)  # fmt: skip
    return command


def _help(row: Setting) -> str:
    default = row.default_text.replace('"', "")
    plain = isinstance(row.kind, Flag) or default in ("none", "required")
    return f"{row.help_text}." if plain else f"{row.help_text}.  [default: {default}]"


def read_settings(options: Mapping[str, OptionValue]) -> Facts:
    """The settings that options give, their texts read; a budget replaces any other."""
    given: Facts = {}
    for row in rows():
        value = options.get(row.name)
        if isinstance(value, bool):
            given[row.name] = value
        elif isinstance(value, str):
            given[row.name] = row.kind.read(value)
        elif value:
            given[row.name] = [row.kind.read(text) for text in value]
    if any(name in given for name in BUDGETS):
        return {**dict.fromkeys(BUDGETS), **given}
    return given


def training_options(command: Command) -> Command:
    """--workers N and --timeout SECONDS."""
    command = click.option(
        "--timeout",
        type=float,
        metavar="SECONDS",
        default=600.0,
        help="Time limit of a cohort of runs.  [default: 600]",
    )(command)
    return click.option(
        "--workers", type=click.IntRange(1), metavar="N", help="Number of worker processes.  [default: all cores]"
    )(command)


def plugin_options(command: Command) -> Command:
    """--plugins DIR and -p MODULE."""
    command = click.option(
        "-p", "modules", metavar="MODULE", multiple=True, help="Also load this plugin module; repeatable."
    )(command)
    return click.option(
        "--plugins", "folders", metavar="DIR", multiple=True, help="Also load a folder's plugin files; repeatable."
    )(command)


def find(folders: tuple[str, ...], modules: tuple[str, ...]) -> Registry:
    """The registry with these plugins; one warning line for each that was left out."""
    absolute = (str(Path(folder).resolve()) if Path(folder).exists() else folder for folder in folders)
    return registry(Sources(tuple(absolute), modules))
