"""The summary sheet: what a practitioner looks up, with one worked example whose numbers are computed now.

The example is one published model on one published card, both of the catalog; the sheet is made to fit two
printed pages.
"""

from __future__ import annotations

import course_usage as usage

from course_lib import catalog, text
from course_lib import formulas as f
from course_lib.modelconfig import ModelConfig

MODEL, CARD = "Llama 3 8B", "H100 SXM"
DEVICES, UTILIZATION, DOLLARS, PUE = 1024, 0.4, 2.0, 1.1  # of the example; rent and use are round assumptions
CONTEXT, SERVED = 8192, 1e13
Row = tuple[str, str, str, int]  # what, TeX, the example's number, lesson

SYMBOLS = [
    ("N", "parameters"), ("D", "training tokens"), ("C", "training FLOPs"), ("L", "loss, nats per token"),
    ("d", "width"), ("n_L", "layers"), (r"n_h,\,n_\text{kv}", "query heads, key and value heads"),
    ("d_k", "width of a head"),
    (r"d_\text{ff}", "hidden width"), ("V", "vocabulary"),
    ("T", "tokens in a sequence (keys: $T$, or $(T+1)/2$ with a causal mask)"), ("n", "devices"),
    ("P", "dense peak of a device, FLOP/s"), ("u", "utilization (MFU), 0 to 1"),
    ("W", "memory bandwidth, bytes/s"), ("b_w,\\,b_\\text{kv}", "bytes of a weight, of a cached value"),
    (r"D_\text{inf}", "tokens served"),
]  # fmt: skip


def _model() -> tuple[catalog.Model, float, float]:
    """The model of the example with N and D."""
    model = catalog.model(MODEL)
    return model, float(model.params or 0), float(model.tokens or 0)


def _config(model: catalog.Model) -> ModelConfig:
    """The shape of the example; a ValueError if the catalog lacks it."""
    if model.config is None:
        raise ValueError(f"the catalog has no shape for {model.name}; the summary sheet needs one")
    return model.config


def count_rows() -> list[Row]:
    """Parameters and arithmetic of training."""
    model, n, d = _model()
    cfg = _config(model)
    rough = f.approx_params(cfg.n_layers, cfg.d_model)
    attention = f.attention_params(cfg.d_model, cfg.n_heads, cfg.n_kv_heads, cfg.d_head)
    flops = f.training_flops(n, d)
    keys = f.causal_keys(CONTEXT)
    share = f.attention_share(n, cfg.n_layers, cfg.n_heads * cfg.d_head, keys)
    return [
        ("Parameters of the blocks, classic shape", "12\\,n_L d^2", f"{text.si(rough)} of {text.si(n)}", 3),
        ("Attention of one layer", r"2 d\,d_k (n_h + n_\text{kv})", text.si(attention), 12),
        ("Feed-forward of one layer (3 if gated)", r"2\text{ or }3 \cdot d\,d_\text{ff}",
         text.si(f.ffn_params(cfg.d_model, cfg.d_ff, 3)), 12),
        ("Embedding; the head again unless tied", "V d",
         text.si(f.embedding_params(cfg.vocab, cfg.d_model)), 3),
        ("Training compute", r"C \approx 6 N D", f"{text.sci(flops)} FLOPs", 4),
        ("Forward pass, per token", r"2N + 4 n_L n_h d_k \cdot \text{keys}",
         f"attention {text.pct(share)} at T = {text.commas(CONTEXT)}", 4),
    ]  # fmt: skip


def train_rows() -> list[Row]:
    """Time, energy and money."""
    _, n, d = _model()
    card = catalog.gpu(CARD)
    flops, peak = f.training_flops(n, d), card.peak("bf16")
    seconds = f.training_seconds(flops, DEVICES, peak, UTILIZATION)
    hours = f.device_hours(flops, peak, UTILIZATION)
    energy = f.energy_kwh(hours, float(card.watts or 0), PUE)
    return [
        ("Training time", "C / (n P u)", text.duration(seconds), 4),
        ("GPU-hours", r"C / (3600\,P u)", text.commas(hours), 4),
        ("Electricity, kWh", r"\text{GPU-hours} \cdot \text{watts}/1000 \cdot \text{PUE}",
         f"{text.commas(energy)} kWh", 4),
        ("Rent", r"\text{GPU-hours} \cdot \text{price}", text.money(f.cost_usd(hours, DOLLARS)), 4),
    ]  # fmt: skip


def split_rows() -> list[Row]:
    """How to split a budget, by the refitted constants."""
    _, n, d = _model()
    law, flops = f.BESIROGLU, f.training_flops(n, d)
    best = f.chinchilla_params(flops, law)
    ratio = f.tokens_per_param(best, f.chinchilla_tokens(flops, law))
    constants = f"{law['E']:g} + {law['A']:g}/N^{{{law['alpha']:g}}} + {law['B']:g}/D^{{{law['beta']:g}}}"
    ours, optimal = f.chinchilla_loss(n, d, law), f.chinchilla_loss(best, flops / 6 / best, law)
    life = f.lifetime_flops(n, d, SERVED)
    worth = f.effective_tokens(1.0, 4.0)
    return [
        ("Loss law (Chinchilla, refitted 2024)", f"L = {constants}", f"{text.fixed(ours, 3)} nats", 6),
        ("Best size for a budget, $G = (\\alpha A / \\beta B)^{1/(\\alpha+\\beta)}$",
         r"N^* = G (C/6)^{\beta/(\alpha+\beta)}",
         f"{text.si(best)}, L = {text.fixed(optimal, 3)}", 6),
        ("Rule of thumb", r"D = 20 N,\; N = \sqrt{C/120}",
         f"{text.si(f.rule_of_20_params(flops))}; the fit says {text.sig(ratio, 2)}", 6),
        ("Tokens per parameter", "D/N", text.commas(f.tokens_per_param(n, d)), 9),
        ("Compute of a whole life", r"6 N D + 2 N D_\text{inf}",
         f"{text.sci(life)} with {text.si(SERVED)} tokens served", 9),
        (f"Worth of text read k times, in readings; $R_D^* = {f.MUENNIGHOFF_R_D:.4g}$",
         r"1 + R_D^*\!\left(1 - e^{-(k-1)/R_D^*}\right)",
         f"{text.fixed(worth, 2)} for 4 readings", 10),
    ]  # fmt: skip


def memory_rows() -> list[Row]:
    """Bytes."""
    model, n, _ = _model()
    cfg = _config(model)
    cache = f.kv_bytes_per_token(cfg.n_layers, cfg.n_kv_heads, cfg.d_head, 2)
    return [
        ("Weights", "N b_w", f"{text.gigabytes(f.weight_bytes(n, 16))} at 16 bits", 13),
        ("Training state (Adam, 16-bit), no activations", "16 N", text.gigabytes(f.adam_bytes(n)), 13),
        ("The same per device, ZeRO 3", "16 N / n",
         f"{text.gigabytes(n * f.zero_bytes_per_param(3, 8))} on 8", 16),
        ("KV cache, per token", r"2 n_L n_\text{kv} d_k b_\text{kv}",
         f"{text.gibibytes(cache)}; {text.gibibytes(cache * CONTEXT)} at T = {text.commas(CONTEXT)}", 14),
    ]  # fmt: skip


def speed_rows() -> list[Row]:
    """What limits a step."""
    card = catalog.gpu(CARD)
    _, n, _ = _model()
    peak, width = card.peak("bf16"), card.bandwidth_gbs * 1e9
    first = f.weight_bytes(n, 16) / width
    return [
        ("Attainable FLOP/s at intensity I", r"\min(P, I W)",
         f"ridge at {text.sig(peak / width)} FLOPs/byte", 15),
        ("Fastest token at batch 1", r"N b_w / W", text.duration(first), 15),
        ("Dollars per million tokens", r"10^6 \cdot \text{price per hour} / (3600 \cdot \text{tokens/s})",
         f"{text.money(f.usd_per_million(DOLLARS, 1000.0))} at 1,000 tokens/s", 15),
        ("Pipeline bubble, p stages, m micro-batches", "(p-1) / (m+p-1)",
         f"{text.pct(f.bubble_share(8, 32))} at p = 8, m = 32", 16),
        ("Ring all-reduce, bytes sent by each device", r"2 (n-1)/n \cdot \text{size}",
         f"{text.gigabytes(f.all_reduce_bytes(2 * n, 8))} for 16-bit gradients, n = 8", 16),
    ]  # fmt: skip


def choice_rows() -> list[Row]:
    """Sparse models, and compute after training."""
    return [
        ("Experts touched by m tokens, k of E chosen", "E (1 - (1 - k/E)^m)",
         f"{text.sig(f.experts_touched(8, 2, 4))} of 8 at k = 2, m = 4", 17),
        ("One of k samples right (p each, independent)", "1 - (1 - p)^k",
         f"{text.pct(f.coverage(0.1, 16))} at p = 0.1, k = 16", 19),
        ("All of a length right", "p^k", f"{text.pct(f.exact_match(0.95, 20))} at p = 0.95, k = 20", 11),
    ]  # fmt: skip


SECTIONS = [("Count", count_rows), ("Train", train_rows), ("Split", split_rows), ("Fit", memory_rows),
            ("Speed", speed_rows), ("Sparse models and answers", choice_rows)]  # fmt: skip


def rows() -> list[Row]:
    """Every row of the sheet."""
    return [row for _, make in SECTIONS for row in make()]


def _table(made: list[Row]) -> str:
    """A table of one section."""
    lines = ["| What | Formula | In the example | Lesson |", "|---|---|---|---|"]
    for what, tex, example, n in made:
        link = f"[{n}](../lessons/{usage.lessons()[n].file}.ipynb)"
        lines.append(f"| {what} | ${tex}$ | {example.replace('$', chr(92) + '$')} | {link} |")
    return "\n".join(lines)


def markdown() -> str:
    """The sheet: the example, the symbols, the sections."""
    _, n, d = _model()
    card = catalog.gpu(CARD)
    example = (
        f"**The example.** {MODEL}: {text.commas(n)} parameters, {text.si(d)} tokens. {CARD}: "
        f"{text.sig(card.peak('bf16') / 1e12)} TFLOP/s in bf16 (dense), "
        f"{text.commas(card.bandwidth_gbs)} GB/s, "
        f"{text.commas(float(card.watts or 0))} W. Assumed: {text.commas(DEVICES)} devices, "
        f"u = {UTILIZATION}, PUE {PUE}, \\${DOLLARS:.0f} an hour."
    )
    symbols = "**Symbols.** " + "; ".join(f"${tex}$ {meaning}" for tex, meaning in SYMBOLS) + "."
    sections = [f"## {title}\n\n{_table(make())}" for title, make in SECTIONS]
    return "\n\n".join([example, symbols, *sections])
