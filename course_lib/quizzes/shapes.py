"""Parameters of shapes, as several quizzes count them."""

import dataclasses

from course_lib import accounting, catalog
from course_lib.modelconfig import ModelConfig


def total(config: ModelConfig, **changes: object) -> int:
    """Parameters of a shape with some fields changed."""
    return accounting.params(dataclasses.replace(config, **changes))["total"]  # type: ignore[arg-type]


def size_of(name: str) -> int:
    """Parameters of a catalog model."""
    return total(catalog.config_of(name))
