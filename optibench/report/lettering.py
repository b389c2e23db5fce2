"""Texts in pictures: how wide they are, short enough, with no mathematics read into them, in fonts that have them."""

from __future__ import annotations

from functools import lru_cache

from matplotlib import font_manager

#: Fonts with Chinese, Japanese and Korean characters, which matplotlib's own has not; those that are installed help.
MORE_FONTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
    "Droid Sans Fallback", "Hiragino Sans", "PingFang SC", "Yu Gothic", "Microsoft YaHei", "MS Gothic", "Malgun Gothic",
)  # fmt: skip
OWN = "DejaVu Sans"
#: From here on it has few characters.
FIRST_FOREIGN = "\u2e80"
LONGEST = 28


def families(text: str) -> list[str]:
    """The fonts that a text takes: matplotlib's own, so that pictures are the same everywhere, and others if needed."""
    if text.isascii() or max(text) < FIRST_FOREIGN:
        return [OWN]
    installed = {*font_manager.get_font_names()}
    return [OWN, *(name for name in MORE_FONTS if name in installed)]


def plain(text: str) -> str:
    """A text that matplotlib shows as it is: dollars are no mathematics, and control characters are spaces."""
    return "".join(character if character.isprintable() else " " for character in text).replace("$", r"\$")


def shortened(text: str, most: int = LONGEST) -> str:
    """A text of at most so many characters: of a longer one beginning and end, where labels differ."""
    return text if len(text) <= most else f"{text[: most - most // 3 - 1]}…{text[-(most // 3) :]}"


def fitted(text: str, room: float, size: float) -> str:
    """A text shortened until it is at most so many inches wide at a font size in points."""
    most = len(text)
    while most > 4 and width_of(shortened(text, most), size) > room:
        most = min(most - 1, 120)
    return shortened(text, most)


def width_of(text: str, size: float) -> float:
    """The width of a text in inches at a font size in points."""
    return _ems(text) * size / 72


@lru_cache(maxsize=4096)
def _ems(text: str) -> float:
    """The width in font sizes: measured at a large one, without the rounding of small ones; wide characters have 1."""
    font = font_manager.get_font(font_manager.findfont(OWN))
    font.set_size(100, 72)
    font.set_text("".join(character for character in text if character.isprintable() and character < FIRST_FOREIGN))
    return float(font.get_width_height()[0]) / 64 / 100 + sum(character >= FIRST_FOREIGN for character in text)
