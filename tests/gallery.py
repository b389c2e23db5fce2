"""The pictures of README and docs, of real pages in the system's Chromium.

    python tests/gallery.py [FOLDER]

FOLDER holds results of the classic suite; without it the suite is run, into reports/classic.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

import optibench as ob

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(folder=None):
    if folder is None:
        folder = ROOT / "reports" / "classic"
        subprocess.run([sys.executable, "-m", "optibench", "run", "--no-report", "--out", str(folder)], check=True)
    page = ob.load(folder).report()
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise SystemExit(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        picture(browser, page, "report.png", (1280, 1000))
        picture(browser, page, "report-narrow.png", (400, 860), theme="dark")
        picture(browser, page, "race.png", (1280, 900), section="#race .race", scale=1)
        browser.close()


def picture(browser, page, name, size, theme="light", section=None, scale=1.5):
    """A screenshot of the top of the page, or of one section."""
    view = {"width": size[0], "height": size[1]}
    tab = browser.new_page(viewport=view, color_scheme=theme, device_scale_factor=scale)
    tab.goto(page.as_uri())
    tab.wait_for_timeout(1500)
    place = tab.locator(section) if section else tab
    place.screenshot(path=IMAGES / name)
    tab.close()
    print(IMAGES / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
