"""Pages for the tests of the browser: results made of numbers, and a page that is open and has said nothing wrong."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd

import optibench as ob


def results_of(tables):
    """Results in which method k of problem p has the scores ``tables[p][k]``: None is no run, inf one that diverged."""
    rows = [
        {"problem": problem, "optimizer": method, "seed": seed, "loss": value}
        for problem, methods in tables.items()
        for method, values in methods.items()
        for seed, value in enumerate(values)
        if value is not None
    ]
    return ob.from_frame(pd.DataFrame(rows))


def curved(tables, points=5):
    """Likewise, with a curve for every run: so that targets are reached or missed."""
    frames = []
    for problem, methods in tables.items():
        for method, values in methods.items():
            for seed, value in enumerate(values):
                if value is None:
                    continue
                steps = np.arange(points) * (1 + seed % 3)
                end = 10.0 if np.isinf(value) else value
                loss = np.geomspace(20.0, end, points)
                if np.isinf(value):
                    loss[-1] = np.inf
                frames.append(
                    pd.DataFrame({"problem": problem, "optimizer": method, "seed": seed, "step": steps, "loss": loss})
                )
    return ob.from_frame(pd.concat(frames, ignore_index=True))


@contextlib.contextmanager
def opened(browser, page, *, width=1280, theme="light", scripts=True, ready=True, address=""):
    """The page in a tab of its own; asks at the end that it made no request and had nothing to complain of."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, java_script_enabled=scripts
    )
    tab = context.new_page()
    said, asked = [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(page.as_uri() + address)
    if scripts and ready:
        for _ in range(300):  # not wait_for_function, which needs an eval that the page forbids
            if said or tab.evaluate("window.ready > 0"):
                break
            tab.wait_for_timeout(50)
    yield tab
    assert said == []
    pictures = [] if scripts else [url for url in asked if "/figures/" in url]
    assert [url.partition("#")[0] for url in asked if url not in pictures] == [page.as_uri()]
    context.close()
