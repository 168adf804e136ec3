"""The numbers the course holds itself to: `make bench`, or `python -m course_lib.bench`.

Training rate over matrix-multiply rate, cached over uncached writing, time and certainty of fits, mixtures,
plans, import time, page weights, time until a page answers, answers of the explorables, execution time of the
lessons. The last four need a built book (`_build`). Details as they come, then one table with targets.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from course_lib.bench_table import Row, table

BUILD = Path("_build")
TEXT_KINDS = {".html", ".css", ".js", ".mjs", ".svg", ".json", ".txt"}  # what servers compress
LINKED = re.compile(r"""<(?:script|img|link)\b[^>]*?\b(?:src|href)=["']([^"'#]+)["'][^>]*>""")
LOADED_LINK = re.compile(r"""\brel=["'](?:stylesheet|icon|shortcut icon|preload|modulepreload)["']""")


def main() -> None:
    """Print every section, then the table."""
    from course_lib.bench_page import answers, frames, plan_in_page
    from course_lib.bench_plans import mixture, planning

    html, rows = BUILD / "html", list[Row]()
    built = (lambda: pages(html), lambda: answers(html), lambda: frames(html), plan_in_page, lessons)
    for section in (training, generation, fits, mixture, planning, imports, *built):
        for line in section():
            if isinstance(line, Row):
                rows.append(line)
            else:
                print(line, flush=True)
        print()
    print("\n".join(table(rows)))


def training() -> Iterator[str | Row]:
    """Rate of a training step of the 85K-parameter shape against matmul, one thread, float32."""
    from dataclasses import replace

    from course_lib.tiny.measure import BENCH, SIDE, training_rate

    yield "Training rate over matmul rate (85K-parameter shape, float32, one thread, CPU time)"
    yield "  whole steps (forward, backward, clipping, AdamW) in turn with one"
    yield f"  {SIDE} x {SIDE} matrix product, medians; FLOPs by course_lib.accounting, head included"
    yield "  context  batch  tokens/s  matmul GFLOP/s  ratio, full attention  ratio, causal attention"
    for context, batch in ((64, 32), (128, 16)):
        rate = training_rate(replace(BENCH, context=context), batch=batch, seconds=6.0)
        yield (
            f"  {context:7}  {batch:5}  {rate.tokens_per_second:8,.0f}  {rate.matmul_per_second / 1e9:14.1f}"
            f"  {rate.ratio_full:21.3f}  {rate.ratio:23.3f}"
        )
        what = f"training step over matrix product (FLOP rate), context {context}"
        yield Row(what, rate.ratio_full, 0.3, below=False)


def generation() -> Iterator[str | Row]:
    """One more token with a cache and without."""
    from course_lib.tiny.measure import generation_times

    yield "One more token after a text (milliseconds, one thread)"
    yield "  text  cached  uncached  ratio"
    for row in generation_times((1, 16, 64, 256, 1023)):
        yield f"  {row.context:4}  {row.cached:6.3f}  {row.uncached:8.3f}  {row.speedup:5.1f}"
        if row.context in (64, 1023):
            what = f"next token after {row.context:,}: recomputed over cached"
            yield Row(what, row.speedup, 1.5 if row.context == 64 else 10, "times", below=False, digits=1)


def fits() -> Iterator[str | Row]:
    """Fit and bootstrap times against a matrix product, and how surely random starts reach the minimum."""
    from course_lib.fitting.measure import SIDE, fit_rate

    rate = fit_rate()
    product = rate.matmul_seconds
    yield "Fitting E + A/N^alpha + B/D^beta to 240 runs (CPU seconds, medians)"
    yield f"  in units of one {SIDE} x {SIDE} float64 matrix product, {product:.4f} s in this run"
    yield "                              seconds  products  limit"
    for name, seconds, limit in (("full fit, every start", rate.fit_seconds, 0.1),
                                 ("1,000 bootstrap refits", 1000 * rate.refit_seconds, 15)):  # fmt: skip
        yield f"  {name:26}  {seconds:7.3f}  {seconds / product:8.1f}  {limit:g} s"
        yield Row(f"loss law on 240 runs: {name}", seconds, limit, "s")
    yield f"  bootstrap rate: {1 / rate.refit_seconds:,.0f} refits per second"
    share = 100 * rate.share_at_best
    yield f"  random starts at the best objective: {share:.1f} % of {rate.random_starts:,}"
    yield Row("random starts that reach the best fit", share, 99, "%", below=False, digits=1)


def imports() -> Iterator[str | Row]:
    """Median of five fresh interpreters."""
    code = "import time; t = time.perf_counter(); import course_lib; print(time.perf_counter() - t)"
    times = sorted(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5))
    yield f"import course_lib: {times[2]:.3f} s (limit 0.300)"
    yield Row("import course_lib", times[2], 0.3, "s", digits=3)


def pages(html: Path = BUILD / "html") -> Iterator[str | Row]:
    """What a first visit to each page transfers: the page and all it links, text compressed."""
    found = sorted(
        p for p in html.glob("**/*.html") if "_static" not in p.parts and "_templates" not in p.parts
    )
    if not found:
        yield "Page weights: no book in _build/html; run `make book` first"
        return
    yield "Page weights (kB on a first visit, gzip -6, with scripts, styles, images, fonts; limit 600)"
    weights = {}
    for page in found:
        files = linked_files(page, html)
        weights[page.stem] = sum(map(compressed, files)) / 1e3
        yield f"  {weights[page.stem]:7.1f}  {len(files):3} files  {page.relative_to(html)}"
    worst = max(weights, key=lambda name: weights[name])
    yield Row("first visit to a page, worst", weights[worst], 600, "kB", digits=0, worst=worst)


def linked_files(page: Path, root: Path) -> set[Path]:
    """The page and the local files that it loads, and those that its style sheets load."""
    files = {page}
    for match in LINKED.finditer(page.read_text(encoding="utf-8")):
        is_link = match.group(0).startswith("<link")
        if not is_link or LOADED_LINK.search(match.group(0)):
            files |= _local(match.group(1), page, root)
    for sheet in [f for f in files if f.suffix == ".css"]:
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)", sheet.read_text(encoding="utf-8")):
            if ".woff2" in address:  # a browser takes the first form it knows
                files |= _local(address, sheet, root)
    return files


def _local(address: str, source: Path, root: Path) -> set[Path]:
    """The file behind an address in `source`, if it is a file of the book."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path:
        return set()
    target = (source.parent / unquote(parts.path)).resolve()
    return {target} if target.is_file() and target.is_relative_to(root.resolve()) else set()


def compressed(path: Path) -> int:
    """Bytes on the wire: text with gzip, anything else as it is."""
    data = path.read_bytes()
    return len(gzip.compress(data, 6)) if path.suffix in TEXT_KINDS else len(data)


def lessons(times: Path = BUILD / "lesson_times.json") -> Iterator[str | Row]:
    """Execution time of each lesson at its last execution."""
    if not times.is_file():
        yield "Execution time per lesson: no record; run `make book` first"
        return
    yield "Execution time per lesson (s, at the last execution; limit 30)"
    spent = json.loads(times.read_text(encoding="utf-8"))
    for name, seconds in sorted(spent.items()):
        yield f"  {seconds:6.1f}  {name}"
    worst = max(spent, key=lambda name: spent[name])
    yield Row("executing a lesson, worst", spent[worst], 30, "s", digits=0, worst=worst)
    what = f"executing all {len(spent)} lessons, the seconds of each together"
    yield Row(what, sum(spent.values()), 600, "s", digits=0)


if __name__ == "__main__":
    main()
