"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from optibench.plugin.registry import Registry, Sources, registry


def plugin_options(command: Callable[..., Any]) -> Callable[..., Any]:
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
