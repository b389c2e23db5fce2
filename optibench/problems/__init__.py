"""The built-in problems."""

from __future__ import annotations

from optibench.hookspecs import hookimpl
from optibench.pieces import ProblemFactory
from optibench.problems.analytic import quadratic, rosenbrock
from optibench.problems.linear import breast_cancer_logistic, breast_cancer_perceptron, diabetes_linear, digits_softmax
from optibench.problems.networks import digits_mlp, xor_mlp


@hookimpl
def optibench_problems() -> list[ProblemFactory]:
    return [
        quadratic,
        rosenbrock,
        diabetes_linear,
        breast_cancer_logistic,
        breast_cancer_perceptron,
        digits_softmax,
        digits_mlp,
        xor_mlp,
    ]
