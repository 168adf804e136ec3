"""`python -m course_lib.study run|status|report|repeat|forecast`: the command line of the study."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_lib.study import design, table


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; a wrong request is one line on standard error and exit status 2."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.do(options))
    except (ValueError, OSError) as error:
        print(f"study: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.study", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, do, text in (
        ("run", _run, "make the runs that the table lacks; stop it at any time, start it again"),
        ("status", _status, "what is done, what is under way, what is missing"),
        ("report", _report, "exponents, counting rules, held-out errors, seed noise"),
        ("repeat", _repeat, "make one run of the table again and compare"),
        ("forecast", _forecast, "write the forecast of the held-out runs from the grid"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(do=do)
        command.add_argument("--table", type=Path, default=table.shipped(), help="results (CSV)")
        if name in ("run", "status"):
            command.add_argument("kinds", nargs="*", help=f"of {', '.join(design.KINDS)}; default: all")
            command.add_argument("--only", default="*", help="shell pattern of keys, such as 'grid-C1e10-*'")
            command.add_argument("--work", type=Path, default=Path("_build/study"), help="checkpoints")
        if name == "run":
            command.add_argument("--workers", type=int, help="processes; default: one per core")
            command.add_argument("--backend", default="local", choices=("local", "dask"))
            command.add_argument("--scheduler", help="address of a running Dask scheduler")
            command.add_argument("--every", type=int, default=1000, help="steps between checkpoints")
            command.add_argument("--shortest-first", action="store_true", help="default: the longest first")
            command.add_argument("--quiet", action="store_true", help="no progress bar")
        if name == "repeat":
            command.add_argument("key", help="a key of the table")
    return parser


def _run(options: argparse.Namespace) -> int:
    """Make what is missing."""
    from course_lib.study import runner

    jobs = design.select(options.kinds, options.only)
    made = runner.make(
        jobs, options.table, options.work, workers=options.workers, backend=options.backend,
        scheduler=options.scheduler, shortest_first=options.shortest_first, every=options.every,
        progress=not options.quiet,
    )  # fmt: skip
    print(f"{made} runs made, {len(jobs) - made} were in {options.table} already")
    return 0


def _status(options: argparse.Namespace) -> int:
    """Print how far the study is."""
    from course_lib.study import report

    print("\n".join(report.status(design.select(options.kinds, options.only), options.table, options.work)))
    return 0


def _report(options: argparse.Namespace) -> int:
    """Print what the study found."""
    from course_lib.study import report

    print("\n".join(report.report(options.table)))
    return 0


def _repeat(options: argparse.Namespace) -> int:
    """Make one run again; exit status 1 if its loss is not the table's."""
    from course_lib.study import report

    line, same = report.repeat(options.key, options.table)
    print(line)
    return 0 if same else 1


def _forecast(options: argparse.Namespace) -> int:
    """Write the forecast, unless there is one."""
    from course_lib.study import forecast

    print(f"written: {forecast.write(options.table)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
