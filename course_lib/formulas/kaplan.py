"""The laws of Kaplan et al. 2020, arXiv 2001.08361."""

from course_lib import guard
from course_lib.formulas.checks import positive
from course_lib.formulas.powers import power_law
from course_lib.formulas.work import petaflop_days

# Kaplan et al. 2020, arXiv 2001.08361, eq. 1.1-1.3. N leaves the embeddings out; no floor in any of them.
KAPLAN_ALPHA_N = 0.076
KAPLAN_N_C = 8.8e13  # non-embedding parameters
KAPLAN_ALPHA_D = 0.095
KAPLAN_D_C = 5.4e13  # tokens
KAPLAN_ALPHA_C = 0.050
KAPLAN_C_C = 3.1e8  # petaflop/s-days, compute spent at the best batch size
KAPLAN_JOINT = {"alpha_n": 0.076, "n_c": 6.4e13, "alpha_d": 0.103, "d_c": 1.8e13}


# --- Kaplan et al. 2020, arXiv 2001.08361 -------------------------------------------------------------------


def kaplan_loss_n(params: float) -> float:
    """L(N) in nats for N non-embedding parameters, data and training unlimited: (8.8e13/N)^0.076."""
    return power_law(params, KAPLAN_N_C, KAPLAN_ALPHA_N)


def kaplan_loss_d(tokens: float) -> float:
    """L(D) in nats for D tokens, a model large enough and stopped early: (5.4e13/D)^0.095."""
    return power_law(tokens, KAPLAN_D_C, KAPLAN_ALPHA_D)


def kaplan_loss_c(flops: float) -> float:
    """L(C_min) in nats for compute spent at its best: (3.1e8 PF-days/C)^0.050; `flops` in FLOPs."""
    return power_law(petaflop_days(flops), KAPLAN_C_C, KAPLAN_ALPHA_C)


def kaplan_loss_nd(params: float, tokens: float) -> float:
    """L(N, D) in nats: [(N_c/N)^(a_N/a_D) + D_c/D]^a_D, constants of the joint fit (eq. 1.5, table 2)."""
    return kaplan_joint_loss(params, tokens, KAPLAN_JOINT)


def kaplan_joint_loss(params: float, tokens: float, law: dict[str, float]) -> float:
    """The same form in nats with any constants: `law` is KAPLAN_JOINT or your own fit (eq. 1.5)."""
    by_size = power_law(params, law["n_c"], law["alpha_n"] / law["alpha_d"])
    return (by_size + law["d_c"] / positive("tokens", tokens)) ** law["alpha_d"]


def kaplan_data_needed(params: float) -> float:
    """Tokens that keep a model of N parameters from overfitting: 5e3 N^0.74 (eq. 4.4)."""
    return 5e3 * positive("params", params) ** 0.74


def kaplan_min_flops(flops: float) -> float:
    """C_min, what the same loss costs in small batches: half of what is spent at the critical batch (5.1)."""
    return positive("flops", flops) / 2


def kaplan_params(flops: float) -> float:
    """N advised for C FLOPs at the critical batch, no embeddings: 1.3e9 (C_min in PF-days)^0.73 (app. A)."""
    return 1.3e9 * petaflop_days(kaplan_min_flops(flops)) ** 0.73


def kaplan_tokens(flops: float) -> float:
    """Tokens that C = 6 N D leaves for the advised N; their own fit, 2e10 C_min^0.27, is a tenth lower."""
    return flops / 6.0 / kaplan_params(flops)


def kaplan_critical_batch(loss: float) -> float:
    """Critical batch size in tokens at a loss in nats: 2e8 / L^(1/0.21) (eq. 1.4, section 5.1)."""
    return 2e8 / positive("loss", loss) ** (1.0 / 0.21)


guard.module(globals())
