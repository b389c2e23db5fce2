"""Which plugin types have a page that explains them, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from optibench.errors import SettingError, StoreError, UnknownName
from optibench.plugin.registry import Registry
from optibench.runner.store import write_whole
from optibench.teaching.measured import measure
from optibench.teaching.page import optimizer_page, write_optimizer

#: The page of a plugin by its type, the type that a name means first.
PAGES: dict[str, Callable[[str, Registry], str]] = {"optimizer": optimizer_page}


def kind_of(name: str, registry: Registry, kind: str | None = None) -> str:
    """The plugin type that a name means. UnknownName if no plugin has it, SettingError if several types have."""
    if kind is not None:
        if kind not in PAGES:
            raise UnknownName("plugin type with a page", kind, PAGES)
        registry.get(kind, name)
        return kind
    found = []
    for one in PAGES:
        try:
            registry.get(one, name)
        except UnknownName:
            continue
        found.append(one)
    if len(found) > 1:
        raise SettingError(f"'{name}' is {' and '.join(found)}; say which by --kind {found[0]}")
    if not found:
        raise UnknownName(" or ".join(PAGES), name, sorted({known for one in PAGES for known in registry[one]}))
    return found[0]


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
