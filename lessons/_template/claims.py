"""Claims of lesson NN: what is checked, in a line."""

from course_lib import formulas
from course_lib.claims import Claim, Finding, agree


def tenfold() -> Finding:
    """0.84 for each tenfold."""
    ratio = formulas.ratio_per_decade(formulas.KAPLAN_ALPHA_N)
    return Finding(agree(0.84, ratio, 2), f"{ratio:.3f}", "10^-0.076, from the paper's exponent.")


CLAIMS = [
    Claim("PNN-1", "papers", "Each tenfold in parameters multiplies the loss by 0.84.", tenfold),
]
