"""The built-in problems."""

from __future__ import annotations

from optibench.plugin.hookspecs import hookimpl
from optibench.plugin.problem import ProblemFactory
from optibench.problems.analytic import quadratic, rosenbrock
from optibench.problems.deepobs import deepobs_quadratic_deep
from optibench.problems.extra import mnist1d_cnn, mnist1d_mlp, mnist_cnn, mnist_mlp
from optibench.problems.factorisation import matrix_factorisation
from optibench.problems.functions import FUNCTIONS
from optibench.problems.linear import (
    breast_cancer_logistic,
    breast_cancer_perceptron,
    breast_cancer_svm,
    diabetes_linear,
    diabetes_poisson,
    diabetes_ridge,
    digits_softmax,
)
from optibench.problems.networks import (
    char_rnn,
    diabetes_mlp,
    digits_autoencoder,
    digits_cnn,
    digits_mlp,
    digits_mlp_deep,
    moons_mlp,
    spirals_mlp,
    tutorial_digits,
    tutorial_xor,
    wine_mlp,
    xor_mlp,
)
from optibench.problems.plane import NOISY, PLANE


@hookimpl
def optibench_problems() -> list[ProblemFactory]:
    return [
        quadratic,
        rosenbrock,
        *FUNCTIONS,
        *PLANE,
        *NOISY,
        deepobs_quadratic_deep,
        *(diabetes_linear, diabetes_ridge, diabetes_poisson, breast_cancer_logistic, breast_cancer_perceptron),
        *(breast_cancer_svm, digits_softmax),
        matrix_factorisation,
        *(xor_mlp, tutorial_xor, tutorial_digits, digits_mlp, digits_mlp_deep, digits_cnn, digits_autoencoder),
        *(wine_mlp, diabetes_mlp, moons_mlp, spirals_mlp, char_rnn),
        *(mnist_mlp, mnist_cnn, mnist1d_mlp, mnist1d_cnn),
    ]
