"""The stable line of an optimizer: the eigenvalue of the Hessian beyond which its steps along the eigenvector grow."""

import math

from edgehybrid.recipe.training import Adam, Bop, Sgd


def stable_line(optimizer: Sgd | Adam | Bop, learning_rate: float) -> float | None:
    r"""The largest eigenvalue λ with which descent on ``λ w² / 2`` still ends at 0, for the learning rate η:

    - gradient descent: 2 / η;
    - heavy ball with momentum β: (2 + 2β) / η;
    - Nesterov: (2 + 2β) / (η (1 + 2β));
    - Adam: (2 + 2β₁) / ((1 - β₁) η), which is 38 / η at β₁ = 0.9. There λ is an eigenvalue of P⁻¹H, P the diagonal that
      ``Optimizer.gradient_scales`` is the inverse of;
    - Bop: none, as its flips descend no gradient.

    Derivation: one step is a linear map of (w, step before), whose eigenvalues z solve, with a = ηλ,

        heavy ball  z² - (1 + β - a) z + β = 0
        Nesterov    z² - (1 + β)(1 - a) z + β (1 - a) = 0

    As λ grows, z leaves the unit circle at -1; z = -1 put in and solved for λ gives the lines. Adam with P held fixed
    is a heavy ball of β₁ and η (1 - β₁), as its momentum is a mean: m ← β₁ m + (1 - β₁) g.

    Source: Cohen et al. 2021 (arXiv:2103.00065); for Adam, Cohen et al. 2022 (arXiv:2207.14484).
    """
    if isinstance(optimizer, Bop):
        return None
    if isinstance(optimizer, Adam):
        beta = optimizer.beta_1
        # A mean that no gradient enters never moves a weight.
        return math.inf if beta == 1 else (2 + 2 * beta) / ((1 - beta) * learning_rate)
    beta = optimizer.momentum
    line = (2 + 2 * beta) / learning_rate
    return line / (1 + 2 * beta) if optimizer.nesterov else line
