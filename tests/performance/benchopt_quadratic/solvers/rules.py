import numpy as np
from benchopt import BaseSolver


class Solver(BaseSolver):
    name = "rules"
    parameters = {"rule": ["gd", "momentum", "adam"], "seed": [*range(10)]}  # noqa: RUF012  as benchopt has it
    sampling_strategy = "callback"

    def set_objective(self, H):
        self.H = H

    def run(self, callback):
        self.w, m, v = np.random.default_rng(self.seed).normal(size=10), 0, 0
        steps = 0
        while callback() and steps < 100:  # a point of the curve, as ours records them
            steps += 1
            g = self.H @ self.w
            m, v = 0.9 * m + g, 0.999 * v + g * g
            step = g if self.rule == "gd" else m if self.rule == "momentum" else m / (np.sqrt(v) + 1e-8)
            self.w = self.w - 0.01 * step

    def get_result(self):
        return {"w": self.w}
