"""How often whole experiments claim what is not so: six tuned copies of one rule, each with noise of its own.

    python tests/analysis/simulate_experiments.py [PAGES]

trains them on six problems, PAGES (20) times on other seeds, and prints how many pages name any difference, for each
way of tuning; docs/statistics.md has the figures. Some ten seconds a page; test_claims.py runs a small one.
"""

from __future__ import annotations

import sys

import numpy as np

import optibench as ob

PROBLEMS = ["rosenbrock", "xor-mlp", "diabetes-linear", "beale", "wine-mlp", "moons-mlp"]
COLUMNS = ("default", "lr", "all")


def copy(number):
    """Momentum whose velocity is disturbed by a hash of the parameters and the number: as noise as another seed."""

    @ob.optimizer(name=f"copy{number}", space={"lr": (1e-4, 1, "log"), "beta": (0.5, 0.99, "1 - log")})
    def rule(w, g, m=0, *, lr=0.03, beta=0.9, s=0.3):
        noise = np.abs(np.sin(w * 12345.678 * (number + 1)) * 43758.5453) % 1 - 0.5
        m = beta * m + (1 - beta) * g
        return (w - lr * (m + s * noise * np.sqrt((m**2).mean(axis=-1, keepdims=True)))).astype(w.dtype), m

    return rule


def claims(number, problems=PROBLEMS, copies=6, seeds=20, steps=60, lr="1e-3:0.3:5"):
    """How many differences page number ``number`` names, by how it was tuned."""
    rules = [copy(i) for i in range(copies)]
    results = ob.run(problems, rules, lr=lr, seeds=seeds, first_seed=number * seeds, steps=steps)
    return {tuning: int(results.pairwise(tuning=tuning)["better"].ne("").sum()) for tuning in COLUMNS}


def main(pages=20):
    made = [claims(number) for number in range(pages)]
    for tuning in COLUMNS:
        wrong = sum(one[tuning] > 0 for one in made)
        print(f"tuning {tuning}: {wrong} of {pages} pages name a difference between copies")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
