"""An independent replication: the experiment of a folder again, on seeds that nothing in the folder has used."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from optibench.errors import PluginError, SettingError, StoreError, UnknownName, quoted
from optibench.experiment.resolve import resolve
from optibench.experiment.settings import TUNING, Experiment
from optibench.plugin.hookspecs import KINDS
from optibench.plugin.registry import Registry
from optibench.runner.store import Store


def replication(folder: Path, registry: Registry) -> Experiment:
    """The experiment of the folder with its first seed behind every seed that has been used there."""
    path = folder / "experiment.toml"
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # not there, not UTF-8, not TOML
        raise StoreError(
            f"'{path}' cannot be read, so the experiment cannot be run again; the command that filled the folder "
            "writes it anew"
        ) from error
    try:
        experiment = resolve(facts, registry)
    except UnknownName as error:
        if error.kind not in KINDS:
            raise
        raise PluginError(
            f"'{folder}' needs the {error.kind} {quoted(error.name)}, which no plugin registers now; load its plugin "
            "by --plugins DIR or -p MODULE"
        ) from error
    first = _first_seed(folder, experiment)
    if first + experiment.seeds > TUNING:
        raise SettingError(f"'{folder}' leaves no seeds for a replication: seeds from {TUNING} on are for tuning")
    return replace(experiment, name=f"{experiment.name}-replication", first_seed=first)


def _first_seed(folder: Path, experiment: Experiment) -> int:
    """Behind the seeds of the experiment and of all other runs in the folder, those of tuning too."""
    used = {seed for table in Store(folder).tables()[0] for seed in table["seed"].to_pylist()}
    evaluation = max((seed for seed in used if seed < TUNING), default=-1)
    tuning = max(used, default=0) - TUNING  # negative where nothing was tuned
    after = -(-(tuning + 1) // experiment.tuning_seeds)  # replicate r tunes on seeds TUNING + r * tuning_seeds and on
    return max(experiment.first_seed + experiment.seeds, evaluation + 1, after)


def beside(folder: Path) -> Path:
    """Where the replication of a folder goes: next to it."""
    named = folder if folder.name not in ("", "..") else folder.resolve()
    return named.with_name(f"{named.name}-replication")
