"""What has been built: published models, devices and training runs, each row with its source.

The data are in `models.csv`, `gpus.csv` and `runs.csv` beside this file. Look-ups forgive case, spaces and
punctuation; a name that is not there is answered with the nearest ones.
"""

from course_lib.catalog.tables import (
    GPU,
    Model,
    Run,
    config_of,
    gpu,
    gpus,
    model,
    models,
    run,
    runs,
    size_and_tokens,
)  # fmt: skip

__all__ = [
    "GPU", "Model", "Run", "config_of", "gpu", "gpus", "model", "models", "run", "runs", "size_and_tokens",
]  # fmt: skip
