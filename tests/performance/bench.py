"""Speed side by side with peers, as ratios; fails on nothing. Run: python tests/performance/bench.py

Peers that are not installed (benchopt, jax, torch) are left out. Everything runs on one core, in turn, three times; the
ratio is of medians. One file a process: JAX reads its flags when it is imported.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import numpy as np  # noqa: E402  after the environment that it reads

from optibench.engine.loop import train  # noqa: E402
from optibench.experiment.plan import cells  # noqa: E402
from optibench.experiment.resolve import resolve  # noqa: E402
from optibench.plugin.registry import registry  # noqa: E402

RATES = np.geomspace(1e-4, 1e-1, 100)
STEPS, BATCH = 5 * (1078 // 32), 32
FOUND = registry()
PROBLEM = FOUND.problem(("digits-mlp", {}))


def planned(facts):
    """The cohorts of every rate and seed of an experiment."""
    what = resolve({**facts, "tune": "none"}, FOUND)
    return [
        cohort
        for cell in cells(what, FOUND)
        for cohort in cell.cohorts(
            cell.run({**cell.defaults, "lr": lr}, seed) for seed in range(what.seeds) for lr in what.lr
        )
    ]


def engine(measured=True, **facts):
    """A function that trains an experiment in this process, cohort after cohort, as the executor does."""
    facts = {"dtype": "float32", "seeds": 1, **facts}
    cohorts = planned(facts)
    problem, rule = FOUND.problem(cohorts[0].problem), FOUND.get("optimizer", facts["optimizers"])
    metrics = list(FOUND["metric"].values()) if measured else [FOUND["metric"]["loss"]]

    def work():
        schedule = FOUND.get("schedule", "constant")
        outcomes = [train(cohort, problem, rule, schedule, metrics) for cohort in cohorts]
        return {point["step"] for point in outcomes[0].points}

    return work


def timed(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def compare(what, ours, theirs, target, scale=1.0):
    """Ours and theirs in turn, three times after a warm-up each."""
    ours(), theirs()
    pairs = [(timed(ours), scale * timed(theirs)) for _ in range(3)]
    a, b = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    print(f"{what}: {a:.3f} s against {b:.3f} s, ratio {a / b:.2f} (target {target})", flush=True)


def digits(rate_rng):
    x, y = (array.astype("float32") for array in PROBLEM.train)
    order = np.concatenate([rate_rng.permutation(1078)[: STEPS // 5 * BATCH] for _ in range(5)]).reshape(STEPS, BATCH)
    return x, y, order, PROBLEM.start(rate_rng).astype("float32")


def split(w):
    return w[:2048].reshape(64, 32), w[2048:2080], w[2080:2400].reshape(32, 10), w[2400:]


def plain_numpy(x, y, order, start, recorded, lr=1e-3):
    """One run as one would write it by hand, its loss on 256 examples of each split recorded after the same steps."""
    w, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    parts = [
        [array[:256].astype("float32") for array in part] for part in (PROBLEM.train, PROBLEM.validation, PROBLEM.test)
    ]
    losses, curve = [], []
    for t, rows in enumerate(order, 1):
        xb, yb = x[rows], y[rows]
        w1, b1, w2, b2 = split(w)
        a = np.tanh(xb @ w1 + b1)
        z = a @ w2 + b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        losses.append(-np.log((p * yb).sum(axis=1)).mean())
        delta = (p - yb) / BATCH
        hidden = (delta @ w2.T) * (1 - a**2)
        g = np.concatenate([(xb.T @ hidden).ravel(), hidden.sum(0), (a.T @ delta).ravel(), delta.sum(0)])
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        w = w - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        if t in recorded:
            w1, b1, w2, b2 = split(w)
            for xp, yp in parts:
                z = np.tanh(xp @ w1 + b1) @ w2 + b2
                z = z - z.max(axis=1, keepdims=True)
                curve.append((np.log(np.exp(z).sum(axis=1)) - (z * yp).sum(axis=1)).mean())
    return w, losses, curve


def jax_adam(gradient, steps):
    import jax
    import jax.numpy as jnp

    def run(w, lr, data):
        def step(carry, row):
            w, m, v, t = carry
            t = t + 1
            g = gradient(w, row)
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            w = w - lr * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
            return (w, m, v, t), None

        return jax.lax.scan(step, (w, jnp.zeros_like(w), jnp.zeros_like(w), 0.0), data, length=steps)[0][0]

    return run


def against_jax():
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        print("jax is not installed: left out")
        return
    jax.config.update("jax_enable_x64", True)
    x, y, order, start = digits(np.random.default_rng(0))
    xs, ys = jnp.asarray(x), jnp.asarray(y)

    def loss(w, rows):
        w1, b1, w2, b2 = split(w)
        return -(jax.nn.log_softmax(jnp.tanh(xs[rows] @ w1 + b1) @ w2 + b2) * ys[rows]).sum(-1).mean()

    many = jax.jit(jax.vmap(jax_adam(jax.grad(loss), STEPS), in_axes=(0, 0, 0)))
    starts, rates = jnp.asarray(np.tile(start, (100, 1))), jnp.asarray(RATES, "float32")
    orders = jnp.asarray(np.tile(order, (100, 1, 1)))
    ours = engine(measured=False, problems="digits-mlp", optimizers="adam", lr=list(RATES), epochs=5)
    compiled = timed(lambda: many(starts, rates, orders).block_until_ready())
    compare("digits-mlp, 100 runs, jax", ours, lambda: many(starts, rates, orders).block_until_ready(), "0.8")
    print(f"  jax with its compile time: {compiled:.3f} s")

    def rosenbrock(w, _):
        return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2

    many2 = jax.jit(jax.vmap(jax_adam(jax.grad(rosenbrock), 1000), in_axes=(0, None, None)))
    points = jnp.asarray(np.random.default_rng(0).standard_normal((10_000, 2)))
    ours = engine(problems="rosenbrock", optimizers="adam", lr=1e-2, seeds=10_000, steps=1000, dtype="float64")
    compiled = timed(lambda: many2(points, 1e-2, None).block_until_ready())
    compare("rosenbrock, 10,000 starts, jax", ours, lambda: many2(points, 1e-2, None).block_until_ready(), "2")
    print(f"  jax with its compile time: {compiled:.3f} s")


def against_torch():
    try:
        import torch
    except ImportError:
        print("torch is not installed: left out")
        return
    torch.set_num_threads(1)
    x, y, order, _ = digits(np.random.default_rng(0))
    xs, labels = torch.tensor(x), torch.tensor(y.argmax(1))

    def eager():
        model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
        adam = torch.optim.Adam(model.parameters(), lr=1e-3)
        for rows in torch.tensor(order):
            adam.zero_grad()
            torch.nn.functional.cross_entropy(model(xs[rows]), labels[rows]).backward()
            adam.step()

    ours = engine(problems="digits-mlp", optimizers="adam", lr=list(RATES), epochs=5)
    compare("digits-mlp, 100 runs, torch eager", ours, lambda: [eager() for _ in range(5)], "0.1", scale=20)

    images = FOUND.problem(("digits-cnn", {})).train
    pixels, classes = (
        torch.tensor(images[0], dtype=torch.float32).permute(0, 3, 1, 2),
        torch.tensor(images[1].argmax(1)),
    )

    def eager_cnn():
        nn = torch.nn
        stack = [nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        model = nn.Sequential(*stack, nn.Linear(128, 10))
        adam = torch.optim.Adam(model.parameters(), lr=1e-3)
        for rows in torch.tensor(order):
            adam.zero_grad()
            nn.functional.cross_entropy(model(pixels[rows]), classes[rows]).backward()
            adam.step()

    ours = engine(measured=False, problems="digits-cnn", optimizers="adam", lr=list(RATES[::3][:32]), epochs=5)
    compare("digits-cnn, 32 runs, torch eager", ours, lambda: [eager_cnn() for _ in range(4)], "1, aim 0.7", scale=8)


def outside():
    """The share of the training's time that is neither the problem's nor the rule's."""
    inside = [0.0]

    def watched(function):
        def call(*arguments, **keywords):
            begin = time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                inside[0] += time.perf_counter() - begin

        return call

    from dataclasses import replace

    cohorts = planned({"problems": "digits-mlp", "optimizers": "adam", "lr": list(RATES), "seeds": 1, "epochs": 20})
    problem = replace(
        PROBLEM, value_grad=watched(PROBLEM.value_grad), predict=watched(PROBLEM.predict), score=watched(PROBLEM.score)
    )
    rule = FOUND.get("optimizer", "adam")
    rule = replace(rule, rule=watched(rule.rule))
    metrics = list(FOUND["metric"].values())
    whole = timed(
        lambda: [train(cohort, problem, rule, FOUND.get("schedule", "constant"), metrics) for cohort in cohorts]
    )
    print(f"time outside problem and rule: {1 - inside[0] / whole:.1%} (target 10 %)")


def commands():
    """Whole commands, cold."""
    with tempfile.TemporaryDirectory() as folder:
        small = ["run", "--lr", "0.01", "--seeds", "10", "--steps", "100", "--no-report"]
        small += ["--problem", "quadratic:condition=10", "--problem", "quadratic:condition=100"]
        small += ["--optimizer", "gd", "--optimizer", "momentum", "--optimizer", "adam", "--out"]
        loop = (
            "import numpy as np\nfor c in (10, 100):\n  H = np.diag(np.geomspace(1, c, 10))\n"
            "  for rule in range(3):\n    for seed in range(10):\n"
            "      w = np.random.default_rng(seed).normal(size=10)\n"
            "      m = v = 0\n      for t in range(1, 101):\n        g = H @ w; m = .9 * m + g; v = .999 * v + g * g\n"
            "        w = w - .01 * (g if rule == 0 else m if rule == 1 else m / (np.sqrt(v) + 1e-8))\n"
        )

        def call(*arguments):
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

        cold = [timed(lambda n=n: call("-m", "optibench", *small, f"{folder}/{n}")) for n in range(3)]
        again = [timed(lambda n=n: call("-m", "optibench", *small, f"{folder}/{n}")) for n in range(3)]
        raw = [timed(lambda: call("-c", loop)) for _ in range(3)]
        print(f"60 small runs, cold: {median(cold):.2f} s; a raw NumPy loop {median(raw):.2f} s (target: 1 s more)")
        if importlib.util.find_spec("benchopt"):
            shutil.copytree(Path(__file__).with_name("benchopt_quadratic"), f"{folder}/benchopt")
            peer = ["-m", "benchopt", "run", f"{folder}/benchopt", "-r", "1", "--no-plot", "--no-html", "--no-display"]
            took = median(timed(lambda: call(*peer)) for _ in range(3))
            print(f"60 small runs, cold, benchopt: {took:.2f} s, ratio {median(cold) / took:.2f} (target 0.25)")
        print(f"60 small runs, all in the store: {median(again):.2f} s (target 0.5 s)")
        imports = median(timed(lambda: call("-c", "import numpy")) for _ in range(7))
        for verb in ("--help", "list"):
            took = median(timed(lambda verb=verb: call("-m", "optibench", verb)) for _ in range(7))
            print(f"optibench {verb}: {took / imports:.2f} times `import numpy` (target 2.5)")


def analysis():
    """Every table of more than 10,000 runs, bootstrap included."""
    import optibench as ob

    names = ["beale", "booth", "branin", "himmelblau", "six-hump-camel", "matyas", "rosenbrock", "sphere", "ellipsoid"]
    optimizers = ["gd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "lion", "signum"]
    results = ob.run([*names, "ackley", "rastrigin", "levy"], optimizers, steps=100)
    took = timed(results.tables)
    print(f"{len(results.runs)} runs analysed: {took:.1f} s (target 10 s)")


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        x, y, order, start = digits(np.random.default_rng(0))
        one = engine(measured=False, problems="digits-mlp", optimizers="adam", lr=1e-3, epochs=5)
        points = one()
        compare("digits-mlp, one run, plain NumPy", one, lambda: plain_numpy(x, y, order, start, points), "1.3")
        outside()
        analysis()
        commands()
        against_torch()
        against_jax()
