"""The other laws: each recovers itself, agrees with its scalar formula, and says what data leave open."""

import math
from typing import Any

import numpy as np
import pytest
from fitting_checks import check_derivatives

from course_lib import fitting, formulas
from course_lib.fitting.power import _KaplanModel
from course_lib.fitting.repeats import _Model
from course_lib.fitting.runs import read_runs

GADRE = {"E": 1.8, "a": 140.0, "b": 190.0, "eta": 0.12}


def table(formula: Any, law: dict[str, float], *columns: np.ndarray) -> np.ndarray:
    """A scalar formula over columns."""
    return np.array([formula(*(float(x) for x in row), law) for row in zip(*columns, strict=True)])


def noise(size: int, scale: float = 0.003) -> np.ndarray:
    return np.exp(scale * np.random.default_rng(0).standard_normal(size))


N, D = (x.ravel() for x in np.meshgrid(np.geomspace(1e6, 1e9, 6), np.geomspace(1e7, 1e10, 6)))
U = np.tile(np.repeat([1e8, 4e8, 1.5e9, 9e9], 12), 2)
SIZES = np.repeat(np.geomspace(6e6, 6e9, 16), 6)
READ = U * np.tile([1.0, 2, 4, 8, 16, 32], 16)
C, M = np.repeat(np.geomspace(1e18, 1e21, 5), 6), np.tile([5.0, 20, 80, 160, 320, 640], 5)


# --- Power laws ---


def test_power_laws_give_themselves_back() -> None:
    x = np.geomspace(1e6, 1e10, 12)
    loss = np.array([formulas.kaplan_loss_n(float(v)) for v in x])
    fit = fitting.fit_power(x, loss)
    assert fit.exponent == pytest.approx(formulas.KAPLAN_ALPHA_N, rel=1e-9) and fit.floor == 0
    assert fit.scale == pytest.approx(formulas.KAPLAN_N_C, rel=1e-6) and fit.converged
    law = fitting.fit_power(x, 1.7 + 400 * x**-0.34, floor=True)
    assert (law.floor, law.exponent, law.amplitude) == pytest.approx((1.7, 0.34, 400), rel=1e-6)
    expected = formulas.power_law(3e8, law.scale, law.exponent, law.floor)
    assert law.predict(3e8) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(law.predict(x), 1.7 + 400 * x**-0.34, rtol=1e-9)


def test_one_outlier_does_not_turn_a_power_law() -> None:
    x = np.geomspace(1e6, 1e10, 15)
    loss = 12 * x**-0.08
    loss[4] *= 1.3
    assert fitting.fit_power(x, loss).exponent == pytest.approx(0.08, abs=1e-4)


def test_power_fits_say_what_they_do_not_know() -> None:
    x = np.geomspace(1e6, 1e8, 10)
    rising = fitting.fit_power(x, x**0.1)
    assert rising.exponent == pytest.approx(-0.1) and "does not fall" in rising.message
    bare = fitting.fit_power(x, 12 * x**-0.08 * noise(10), floor=True)
    assert "floor" in bare.unidentified
    flat = fitting.fit_power(x, 2 + 0.1 * np.log(x), floor=True)
    assert not flat.identified
    with pytest.raises(ValueError, match="at least 3 runs"):
        fitting.fit_power([1e6, 1e7], [3.0, 2.5])
    boot = fitting.bootstrap(fitting.fit_power(x, 12 * x**-0.08 * noise(10)), n=40)
    low, mid, high = boot.interval("exponent")
    assert low < 0.08 < high and low < mid < high
    assert boot.predict(1e10).low < 12 * 1e10**-0.08 < boot.predict_run(1e10).high


def test_kaplans_joint_law_gives_itself_back() -> None:
    fit = fitting.fit_kaplan(N, D, table(formulas.kaplan_joint_loss, formulas.KAPLAN_JOINT, N, D))
    assert fit.constants() == pytest.approx(formulas.KAPLAN_JOINT, rel=1e-6)
    assert fit.converged and fit.share_at_best == 1.0 and fit.identified
    assert fit.predict(1e9, 1e10) == pytest.approx(
        formulas.kaplan_joint_loss(1e9, 1e10, fit.constants()), rel=1e-12
    )
    noisy = fitting.fit_kaplan(N, D, fit.loss * noise(36))
    low, _, high = fitting.bootstrap(noisy, n=30).interval("alpha_d")
    assert noisy.share_at_best == 1.0 and low < 0.103 < high
    one_sided = fitting.fit_kaplan(N, D, 11 * N**-0.076)
    assert not one_sided.identified and (
        "not identified" in one_sided.message or "bound" in one_sided.message
    )


def test_slopes_of_the_joint_law() -> None:
    model = _KaplanModel(
        read_runs(params=N, tokens=D, loss=table(formulas.kaplan_joint_loss, formulas.KAPLAN_JOINT, N, D))
    )
    check_derivatives(model, np.array([[-0.5, -0.9, 0.8, 0.12]]))


# --- Repeated data ---


def test_the_data_constrained_law_gives_itself_back() -> None:
    law = formulas.MUENNIGHOFF
    loss = table(formulas.data_constrained_loss, law, SIZES, U, READ)
    free = fitting.fit_data_constrained(SIZES, U, READ, loss)
    assert free.constants() == pytest.approx(law, rel=1e-4) and free.share_at_best == 1.0
    fixed = fitting.fit_data_constrained(SIZES, U, READ, loss, base=law)
    assert pytest.approx((law["R_D"], law["R_N"]), rel=1e-6) == (fixed.R_D, fixed.R_N)
    assert pytest.approx((law["E"], law["A"]), rel=1e-9) == (fixed.E, fixed.A)
    np.testing.assert_allclose(free.formula(law, SIZES, U, READ), loss, rtol=1e-12)
    assert free.predict(1e9, 1e9, 4e9) == pytest.approx(
        formulas.data_constrained_loss(1e9, 1e9, 4e9, free.constants()), rel=1e-12
    )
    noisy = fitting.fit_data_constrained(SIZES, U, READ, loss * noise(96), base=law)
    low, _, high = fitting.bootstrap(noisy, n=40).interval("R_D")
    assert low < noisy.R_D < high and pytest.approx(law["R_D"], rel=0.25) == noisy.R_D


@pytest.mark.parametrize("tied", [True, False])
def test_slopes_of_the_data_constrained_law(tied: bool) -> None:
    loss = table(formulas.data_constrained_loss, formulas.MUENNIGHOFF, SIZES, U, READ)
    runs = read_runs(params=SIZES, tokens=READ, loss=loss)
    model = _Model(runs, U, tied, None)
    exponents = [0.4] if tied else [0.3, 0.4]
    check_derivatives(model, np.array([[0.6, 0.5, 0.2, *exponents, 2.0, 1.0]]))
    log_m, _ = model.evaluate(np.array([[0.6, 0.5, 0.2, *exponents, 2.0, 1.0]]))
    law = {
        k: float(v[0]) for k, v in model.outside(np.array([[0.6, 0.5, 0.2, *exponents, 2.0, 1.0]])).items()
    }
    mean = math.exp(model.plain.center[2])
    np.testing.assert_allclose(
        np.exp(log_m[0]) * mean, table(formulas.data_constrained_loss, law, SIZES, U, READ), rtol=1e-10
    )


def test_repeats_worth_everything_are_not_pinned_down() -> None:
    law = formulas.MUENNIGHOFF
    loss = np.array(
        [formulas.chinchilla_loss(float(n), float(d), law) for n, d in zip(SIZES, READ, strict=True)]
    )
    fit = fitting.fit_data_constrained(SIZES, U, READ, loss, base=law)
    assert fit.unidentified == ("R_D", "R_N") and "as much as the first" in fit.message
    with pytest.raises(ValueError, match="no run repeats"):
        fitting.fit_data_constrained(SIZES, READ, READ, loss)
    with pytest.raises(ValueError, match="base needs positive"):
        fitting.fit_data_constrained(SIZES, U, READ, loss, base={"E": 1.0})


# --- Over-training ---


def test_the_overtraining_law_gives_itself_back() -> None:
    loss = table(formulas.overtraining_loss, GADRE, C, M)
    fit = fitting.fit_overtraining(C, M, loss)
    assert fit.constants() == pytest.approx(GADRE, rel=1e-6) and fit.share_at_best == 1.0
    assert fit.predict(1e22, 100) == pytest.approx(
        formulas.overtraining_loss(1e22, 100, fit.constants()), rel=1e-12
    )
    best = fit.best_ratio
    assert fit.predict(1e20, best) < min(fit.predict(1e20, best * 1.1), fit.predict(1e20, best / 1.1))
    boot = fitting.bootstrap(fitting.fit_overtraining(C, M, loss * noise(30)), n=40)
    assert boot.interval("eta").low < 0.12 < boot.interval("eta").high
    pure = fitting.fit_overtraining(C, M, 1.8 + 140 * (M / C) ** 0.12)
    assert pure.b / pure.a < 1e-6


# --- IsoFLOP parabolas ---


def slices(
    law: dict[str, float], scale: float = 0.0, seeds: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Budget, N and loss of a study with seven sizes a factor 1.3 apart about each optimum."""
    budget = np.repeat(np.geomspace(1e18, 1e22, 6), 7 * seeds)
    best = np.array([formulas.chinchilla_params(float(c), law) for c in budget])
    n = best * np.tile(np.repeat(1.3 ** np.arange(-3.0, 4), seeds), 6)
    loss = table(formulas.chinchilla_loss, law, n, budget / 6 / n)
    return budget, n, loss * np.exp(scale * np.random.default_rng(1).standard_normal(len(n)))


def test_parabolas_find_the_optimum() -> None:
    law = {"E": 1.8, "A": 400.0, "B": 400.0, "alpha": 0.34, "beta": 0.34}
    budget, n, loss = slices(law)
    found = fitting.isoflop(budget, n, loss)
    assert [p.budget for p in found] == pytest.approx(np.geomspace(1e18, 1e22, 6))
    for p in found:
        assert p.ok and not p.reason and p.points == 7 and p.r2 > 0.99 and p.curvature > 0
        assert p.n_opt == pytest.approx(
            formulas.chinchilla_params(p.budget, law), rel=1e-6
        )  # symmetric: no bias
        assert p.edges[0] < p.interval[0] < p.n_opt < p.interval[1] < p.edges[1]
        assert p.predict(p.n_opt) == pytest.approx(p.loss_min)
        assert p.predict(p.edges[0]) == pytest.approx(
            formulas.chinchilla_loss(p.edges[0], p.budget / 6 / p.edges[0], law), rel=1e-3
        )
    line = fitting.optimum_law(found)
    assert line.exponent == pytest.approx(0.5, abs=1e-6) and line.r2 == pytest.approx(1)
    assert line.params(1e24) == pytest.approx(formulas.chinchilla_params(1e24, law), rel=1e-4)


def test_parabolas_refuse_what_is_no_minimum() -> None:
    n = np.geomspace(1e6, 1e8, 5)
    u = np.log(n)
    left, right, dome = (u - 12) ** 2, (u - 20) ** 2, 30 - (u - 16) ** 2
    budget = np.repeat([1e18, 1e19, 1e20, 1e21], 5)
    loss = np.concatenate([left, right, dome, (u - 16) ** 2]) / 100 + 2
    found = fitting.isoflop(budget, np.tile(n, 4), loss)
    assert [p.ok for p in found] == [False, False, False, True]
    assert ["smaller" in found[0].reason, "larger" in found[1].reason, "downward" in found[2].reason] == [
        True
    ] * 3
    with pytest.raises(ValueError, match="two budgets with a true minimum, got 1"):
        fitting.optimum_law(found)
    with pytest.raises(ValueError, match="nominal budget"):
        fitting.isoflop(np.geomspace(1e18, 1e19, 5), n, loss[:5])
    few = fitting.isoflop([1e18] * 3 + [1e19] * 2, [1e6, 2e6, 4e6, 1e6, 2e6], [3, 2.9, 3, 3, 2.9])
    assert [p.ok for p in few] == [True, False] and "fewer than three" in few[1].reason


def test_intervals_of_the_exponent() -> None:
    law = formulas.BESIROGLU
    budget, n, loss = slices(law, scale=0.002, seeds=3)
    boot = fitting.isoflop_bootstrap(budget, n, loss, n=400)
    again = fitting.isoflop_bootstrap(budget, n, loss, n=400)
    low, mid, high = boot.exponent()
    truth = law["beta"] / (law["alpha"] + law["beta"])
    assert low < truth < high and low < mid < high and high - low < 0.1
    assert boot.exponent() == again.exponent() and boot.refused == 0
    assert boot.params(1e24).low < formulas.chinchilla_params(1e24, law) < boot.params(1e24).high
    grouped = fitting.isoflop_bootstrap(budget, n, loss, n=400, groups=[f"{x:.4g}" for x in n])
    assert grouped.unit == "groups" and grouped.exponent().low < grouped.exponent().high
    for parabola in fitting.isoflop(budget, n, loss):
        assert parabola.interval[0] < parabola.n_opt < parabola.interval[1]
    with pytest.raises(ValueError, match="20 to 100,000"):
        fitting.isoflop_bootstrap(budget, n, loss, n=3)
    with pytest.raises(ValueError, match="label for each"):
        fitting.isoflop_bootstrap(budget, n, loss, groups=[1])


def test_fiellers_interval_covers_as_it_says() -> None:
    u = np.linspace(-1, 1, 8)
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(300):
        loss = 3 + 0.2 * (u - 0.2) ** 2 + 0.01 * rng.standard_normal(8)
        (parabola,) = fitting.isoflop(np.full(8, 1e18), 1e8 * np.exp(u), loss)
        inside += parabola.interval[0] <= 1e8 * math.exp(0.2) <= parabola.interval[1]
    assert 0.91 <= inside / 300 <= 0.985
