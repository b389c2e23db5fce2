"""Which plugin types have a page that explains them, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from optibench.errors import SettingError, StoreError, UnknownName
from optibench.plugin.choice import NAME_ENDS
from optibench.plugin.registry import Registry
from optibench.runner.store import write_whole
from optibench.teaching.measured import measure
from optibench.teaching.page import optimizer_page, write_optimizer
from optibench.teaching.piece import activation_page, loss_page, names_of, schedule_page
from optibench.teaching.problem import problem_page

#: The page of a plugin by its type, the type that a name means first.
PAGES: dict[str, Callable[[str, Registry], str]] = {
    "optimizer": optimizer_page,
    "activation": activation_page,
    "loss": loss_page,
    "schedule": schedule_page,
    "problem": problem_page,
}
#: The types of which a page shows several side by side, with commas between their names.
SIDE_BY_SIDE = ("activation", "loss", "schedule")


def kind_of(name: str, registry: Registry, kind: str | None = None) -> str:
    """The plugin type that a name means, or several with commas between.

    UnknownName if no plugin has a name, SettingError if several types have it or the names are of different types, or
    if it has settings and its page takes none. The name of a problem may have some: ``quadratic:dimension=2``.
    """
    bare, _, settings = name.partition(NAME_ENDS)
    found = _kind_of(bare if settings else name, registry, kind)
    if settings and found != "problem":
        raise SettingError(f"{found} '{bare}' is explained without settings; leave out '{settings}'")
    return found


def _kind_of(name: str, registry: Registry, kind: str | None) -> str:
    if kind is not None:
        if kind not in PAGES:
            raise UnknownName("plugin type with a page", kind, PAGES)
        for part in _parts(name, kind):
            registry.get(kind, part)
        return kind
    found = [one for one in PAGES if all(_has(registry, one, part) for part in _parts(name, one))]
    if len(found) > 1:
        raise SettingError(f"'{name}' is {' and '.join(found)}; say which by --kind {found[0]}")
    if found:
        return found[0]
    for part in names_of(name):
        if not any(_has(registry, one, part) for one in PAGES):
            known = sorted({known for one in PAGES for known in registry[one]})
            raise UnknownName(f"{', '.join([*PAGES][:-1])} or {[*PAGES][-1]}", part, known)
    raise SettingError(
        f"'{name}' has no page: side by side are plugins of one type, {', '.join(SIDE_BY_SIDE)}; name one at a time"
    )


def _parts(name: str, kind: str) -> list[str]:
    return names_of(name) if kind in SIDE_BY_SIDE else [name]


def _has(registry: Registry, kind: str, name: str) -> bool:
    try:
        registry.get(kind, name)
    except UnknownName:
        return False
    return True


def write_page(
    name: str, path: Path, registry: Registry, kind: str | None = None, results: Path | None = None,
    workers: int | None = None,
) -> Path:  # fmt: skip
    """Write the page of a plugin; returns its path. StoreError where it cannot be written.

    ``results``: the folder where what is measured of an optimizer is kept; without it nothing is measured.
    """
    kind = kind_of(name, registry, kind)
    if kind == "optimizer" and results is not None:
        text = write_optimizer(name, registry, measure(registry.get(kind, name), registry, results, workers))
    else:
        text = PAGES[kind](name, registry)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise StoreError(f"cannot write the page to '{path}': {error.strerror}; choose another file") from error
    return path
