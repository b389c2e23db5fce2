"""Which plugin types have a page that explains them, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from optibench.errors import SettingError, StoreError, UnknownName
from optibench.plugin.choice import NAME_ENDS
from optibench.plugin.registry import Registry
from optibench.runner.store import write_whole
from optibench.teaching.page import optimizer_page
from optibench.teaching.problem import problem_page

#: The page of a plugin by its type, the type that a name means first.
PAGES: dict[str, Callable[[str, Registry], str]] = {"optimizer": optimizer_page, "problem": problem_page}


def kind_of(name: str, registry: Registry, kind: str | None = None) -> str:
    """The plugin type that a name means. UnknownName if no plugin has it.

    SettingError if several types have it, or if it has settings and its page takes none. The name of a problem may have
    some: ``quadratic:dimension=2``.
    """
    name, settings = name.partition(NAME_ENDS)[::2]
    if kind is not None:
        if kind not in PAGES:
            raise UnknownName("plugin type with a page", kind, PAGES)
        registry.get(kind, name)
        return _with_settings(kind, name, settings)
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
    return _with_settings(found[0], name, settings)


def _with_settings(kind: str, name: str, settings: str) -> str:
    if settings and kind != "problem":
        raise SettingError(f"{kind} '{name}' is explained without settings; leave out '{settings}'")
    return kind


def write_page(name: str, path: Path, registry: Registry, kind: str | None = None) -> Path:
    """Write the page of a plugin; returns its path. StoreError where it cannot be written."""
    text = PAGES[kind_of(name, registry, kind)](name, registry)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise StoreError(f"cannot write the page to '{path}': {error.strerror}; choose another file") from error
    return path
