"""The colours of the page: contrast on their card, and distance for every kind of sight."""

from __future__ import annotations

import itertools
import re
from importlib.resources import files

import numpy as np
import pytest

from optibench.report.panels import COLOURS

CSS = (files("optibench.report") / "static" / "page.css").read_text()


def variables(block):
    return dict(re.findall(r"--([\w]+): (#[0-9a-f]{6});", block))


LIGHT = variables(CSS[CSS.index(":root {") : CSS.index('[data-theme="dark"]')])
DARK = variables(CSS[CSS.index('[data-theme="dark"]') : CSS.index("@media (prefers-color-scheme: dark)")])
SYSTEM = variables(CSS[CSS.index("@media (prefers-color-scheme: dark)") : CSS.index("* {")])


def rgb(text):
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def contrast(a, b):
    """WCAG 2.2."""

    def luminance(colour):
        c = rgb(colour)
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_the_system_s_dark_theme_is_the_one_that_the_button_chooses():
    assert DARK == SYSTEM and len(DARK) == len(LIGHT)


def test_the_pictures_have_the_colours_of_the_light_page():
    assert list(COLOURS) == [LIGHT[f"c{i}"] for i in range(8)]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_has_contrast_on_its_card(theme):
    assert min(contrast(theme[f"c{i}"], theme["card"]) for i in range(8)) >= 2.99
    assert min(contrast(theme[name], theme["card"]) for name in ("ink", "soft", "faint", "accent")) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("sight", [None, "deuteranomaly", "protanomaly", "tritanomaly"])
def test_colours_are_distinct_for_every_kind_of_sight(theme, sight):
    spaces = pytest.importorskip("colorspacious", reason="colorspacious is not installed")
    seen = np.array([rgb(theme[f"c{i}"]) for i in range(8)])
    if sight:
        seen = spaces.cspace_convert(seen, {"name": "sRGB1+CVD", "cvd_type": sight, "severity": 100}, "sRGB1")
    points = spaces.cspace_convert(np.clip(seen, 0, 1), "sRGB1", "CAM02-UCS")
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(points, 2)) >= 19
