"""Every formula of the course, once: pure scalar functions, floats in, floats out.

Symbols are those of the papers: N parameters, D tokens, C training FLOPs, L loss in nats per token, T context
length. One multiply-add counts as two FLOPs. Each docstring gives the units and the paper.

    from course_lib import formulas

    formulas.training_flops(8.03e9, 15e12)  # 6 N D

They stand in one module for each topic. The explorables translate these to JavaScript, as one, so that a page
can run them without Python. They therefore keep to plain code: `math`, `**`, dicts, positional arguments, no
numpy. The tests run both and compare.
"""

from course_lib.formulas.checks import *
from course_lib.formulas.powers import *
from course_lib.formulas.shapes import *
from course_lib.formulas.work import *
from course_lib.formulas.memory import *
from course_lib.formulas.kaplan import *
from course_lib.formulas.chinchilla import *
from course_lib.formulas.lifetime import *
from course_lib.formulas.answers import *
from course_lib.formulas.machines import *
from course_lib.formulas.repeats import *
