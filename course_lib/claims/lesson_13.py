"""Claims of lesson 13, memory: gigabytes of weights, a calculator that cannot be right, cards needed."""

from course_lib import accounting, catalog, formulas, memory
from course_lib.claims import Claim, Finding, agree, by_cases, config_of, worst

GPT3 = 175e9
PRINTED = {
    "weights": 325.0,
    "kv": 24.6,
    "activations": 32.5,
    "total": 382.1,
}  # under the calculator of text 4


def calculator(params: float, value_bytes: float = 2, tokens: int = 2048, batch: int = 1) -> dict[str, float]:
    """The arithmetic of text 4's calculator: layers, width, and GiB of weights, kv, activations and total."""
    share = params / GPT3
    width, layers = int(share * 12288), int(share * 96)
    weights = formulas.gib(params * value_bytes)
    kv = formulas.gib(2 * width * tokens * batch * value_bytes * layers)
    parts = {"weights": weights, "kv": kv, "activations": 0.1 * weights}
    return {"layers": layers, "width": width, **parts, "total": sum(parts.values())}


def printed_output() -> Finding:
    """325.0, 24.6, 32.5, 382.1."""
    run = calculator(GPT3)
    verdict = worst(*(agree(said, run[key], len(str(said)) - 1) for key, said in PRINTED.items()))
    value = ", ".join(f"{key} {run[key]:.1f}" for key in PRINTED)
    exact = memory.kv_cache(config_of("GPT-3"), 2048, 1, "fp16")["total"]
    why = f"What its own lines give, in GiB. GPT-3's cache at 2,048 tokens is {formulas.gib(exact):.1f} GiB."
    return Finding(verdict, value, why)


def linear_scaling() -> Finding:
    """Width and depth in proportion to N."""
    sizes = (124e6, 7e9, 1.8e12)
    shapes = {n: calculator(n) for n in sizes}
    held = {n: 12 * s["layers"] * s["width"] ** 2 for n, s in shapes.items()}
    seven = shapes[7e9]
    value = f"7B: {seven['layers']} layers of width {seven['width']}, {held[7e9] / 1e6:.1f}M parameters"
    root = (7e9 / GPT3) ** (1 / 3)
    mended = f"{96 * root:.0f} layers of width {12288 * root:,.0f}"
    why = f"N = 12 n_L d^2 grows with the cube of a common factor; the cube root gives {mended}."
    return Finding(by_cases([abs(held[n] / n - 1) < 0.1 for n in sizes]), value, why)


def kv_formula() -> Finding:
    """2 x width x tokens x batch x bytes in each layer."""
    names = ("GPT-3", "Llama 2 7B", "Llama 3 8B", "DeepSeek-V3")
    over = {}
    for name in names:
        cfg = config_of(name)
        claimed = cfg.n_layers * 2 * cfg.d_model * 2048 * 2
        over[name] = claimed / memory.kv_cache(cfg, 2048, 1, "bf16")["total"]
    value = ", ".join(f"{name} x {ratio:.3g}" for name, ratio in over.items())
    why = "Claimed over real. Right when every query head has its own key and value; else count cached heads."
    return Finding(by_cases([abs(ratio - 1) < 0.01 for ratio in over.values()]), value, why)


def label() -> Finding:
    """Says GB, divides by 1024^3."""
    count = formulas.weight_bytes(GPT3, 16)
    printed = calculator(GPT3)["weights"]
    as_gib, as_gb = (agree(printed, unit(count), 4) for unit in (formulas.gib, formulas.gb))
    verdict = "caveat" if as_gib == "confirmed" and as_gb == "wrong" else worst(as_gib, as_gb)
    why = f"The numbers are GiB; in GB they are {formulas.gb(count) / printed - 1:.1%} higher."
    return Finding(verdict, f"{formulas.gib(count):.1f} GiB = {formulas.gb(count):.0f} GB", why)


def tenth() -> Finding:
    """Activations are a tenth of the weights."""
    cfg = config_of("GPT-3")
    weights = memory.weights(cfg, "fp16")["total"]
    shares = {b: memory.working(cfg, 2048 * b, b) / weights for b in (1, 16, 128)}
    value = ", ".join(f"{share:.2%} with {b} at once" for b, share in shares.items())
    why = "Prompts of 2,048 tokens. Working space follows the tokens in flight, not the parameters."
    return Finding(by_cases([abs(share - 0.1) < 0.05 for share in shares.values()]), value, why)


def seventy_b() -> Finding:
    """280, 140 and 35 GB."""
    claimed = {32: 280, 16: 140, 4: 35}
    parts = [
        agree(gb, formulas.gb(formulas.weight_bytes(70e9, bits)), len(str(gb)))
        for bits, gb in claimed.items()
    ]
    packed = formulas.gb(memory.weights(config_of("Llama 3 70B"), "int4", 32)["total"])
    value = ", ".join(f"{formulas.gb(formulas.weight_bytes(70e9, bits)):.0f} GB" for bits in claimed)
    why = f"Weights alone. With a scale for each 32 weights Llama 3 70B in 4 bits is {packed:.1f} GB."
    return Finding(worst(*parts), value, why)


def four_cards() -> Finding:
    """280 GB are four cards, 35 GB one."""
    cfg, size = config_of("Llama 3 70B"), catalog.gpu("H100").memory_gib
    need = [
        memory.devices_to_serve(memory.serving(cfg, form, 2048, 1, "bf16", 32)["total"], size)
        for form in ("fp32", "int4")
    ]
    verdict = worst(*(agree(said, n, 1) for said, n in zip((4, 1), need, strict=True)))
    why = (
        f"Llama 3 70B on {size} GiB cards, with the cache of 2,048 tokens and a tenth of each card left free."
    )
    return Finding(verdict, f"{need[0]} and {need[1]}", why)


def small_and_huge() -> Finding:
    """7B 14 GB, 1T 2 TB."""
    small, huge = (formulas.gb(formulas.weight_bytes(n, 16)) for n in (7e9, 1e12))
    return Finding(
        worst(agree(14, small, 2), agree(2000, huge, 1)), f"{small:.0f} GB, {huge:,.0f} GB", "N x 2."
    )


def gpt3_weights() -> Finding:
    """About 350 GB."""
    count = formulas.weight_bytes(accounting.params(config_of("GPT-3"))["total"], 16)
    value = f"{formulas.gb(count):.0f} GB = {formulas.gib(count):.0f} GiB"
    return Finding(agree(350, formulas.gb(count), 2), value, "Weights alone, in 16 bits.")


def eight_cards() -> Finding:
    """8 x A100 as the minimum."""
    need = memory.serving(config_of("GPT-3"), "fp16", 2048, 1)["total"]
    fewest = memory.devices_to_serve(need, catalog.gpu("A100").memory_gib)
    even = next(n for n in range(fewest, 97) if 96 % n == 0)
    verdict = "confirmed" if fewest == 8 else "caveat" if 4 < fewest <= 8 else "wrong"
    why = f"{even} divide its 96 heads evenly; eight is the usual server, not the least that holds it."
    return Finding(verdict, f"{fewest} x A100 80GB", why)


def throughput() -> Finding:
    """20 to 50 tokens a second."""
    moved = formulas.weight_bytes(accounting.params(config_of("GPT-3"))["total"], 16)
    bound = 8 * catalog.gpu("A100").bandwidth_gbs * 1e9 / moved
    why = "Reading all weights once a token from 8 A100s: the bound for one conversation alone."
    return Finding("wrong" if bound < 20 else "unconfirmed", f"at most {bound:.0f} a second", why)


def price() -> Finding:
    """$1 to $20 for a million tokens."""
    why = "Prices differ by provider and month, and text 4 names neither: no computation can settle it."
    return Finding("unconfirmed", "no dated source", why, basis="evidence")


def quantization() -> Finding:
    """Two to four times less."""
    cfg = config_of("GPT-3")
    half = memory.weights(cfg, "fp16")["total"]
    by = {form: half / memory.weights(cfg, form)["total"] for form in ("int8", "int4")}
    grouped = half / memory.weights(cfg, "int4", 32)["total"]
    verdict = worst(agree(2, by["int8"], 2), agree(4, by["int4"], 2))
    why = f"Weights against fp16, a scale for each row; {grouped:.2f} with one for each 32. The cache stays."
    return Finding(verdict, f"{by['int8']:.2f} and {by['int4']:.2f} times", why)


def split() -> Finding:
    """Weights 70-80 %, cache 10-20 %."""
    cfg, holds, shares = config_of("GPT-3"), [], {}
    for batch in range(1, 65):
        parts = memory.serving(cfg, "fp16", 2048, batch, "fp16")
        kv = parts["kv/values"] / parts["total"]
        weights = sum(v for k, v in parts.items() if k.startswith("weights")) / parts["total"]
        holds.append(0.1 / 0.8 <= kv / weights <= 0.2 / 0.7)
        shares[batch] = kv
    value = ", ".join(f"{shares[b]:.0%} cache at batch {b}" for b in (1, 8, 64))
    why = f"GPT-3 at 2,048 tokens: cache to weights is as claimed in {sum(holds)} of 64 batch sizes."
    return Finding(by_cases(holds), value, why)


CLAIMS = [
    Claim(
        "E001",
        "text 4",
        "The calculator gives 325.0, 24.6, 32.5 and 382.1 for GPT-3 in fp16.",
        printed_output,
    ),
    Claim("E002", "text 4", "Width and depth both scale in proportion to the parameters.", linear_scaling),
    Claim("E003", "text 4", "The KV cache is 2 x width x tokens x batch x bytes in each layer.", kv_formula),
    Claim("E004", "text 4", "The calculator's results are GB.", label),
    Claim("E005", "text 4", "Activations take about a tenth of the weights.", tenth),
    Claim("B024", "text 1", "70B parameters are 280 GB in fp32, 140 in fp16, 35 in 4 bits.", seventy_b),
    Claim("B025", "text 1", "280 GB are four high-end GPUs; 35 GB fit one.", four_cards),
    Claim("D001", "text 3", "7B parameters need 14 GB in fp16, 1T need 2 TB.", small_and_huge),
    Claim("E029", "text 4", "175B parameters need about 350 GB in fp16.", gpt3_weights),
    Claim("E030", "text 4", "175B parameters need at least eight A100s of 80 GB.", eight_cards),
    Claim("E031", "text 4", "A 175B model writes 20 to 50 tokens a second.", throughput),
    Claim("E032", "text 4", "A million tokens cost $1 to $20.", price),
    Claim("E033", "text 4", "Quantization cuts memory two- to fourfold.", quantization),
    Claim("E034", "text 4", "Memory splits into weights 70-80 %, KV cache 10-20 %.", split),
]
