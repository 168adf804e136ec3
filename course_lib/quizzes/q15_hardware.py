"""Lesson 15: bytes against arithmetic, readers who share weights, peaks, joules and dollars."""

from course_lib import accounting, catalog, formulas, market, roofline, text
from course_lib.quizzes.questions import (
    Lesson,
    Question,
    multiple,
    numeric,
    ordering,
    right,
    single,
    trap,
    wrong,
)

BF16 = 2.0  # bytes


def build() -> Lesson:
    """The questions, with keys computed from roofline and catalog."""
    return Lesson(
        id="15_hardware",
        title="15. Hardware",
        predictions=(_eight_readers(), _faster_memory()),
        questions=(
            _ridge(),
            _alone(),
            _nearly_free(),
            _what_helps(),
            _long_talk(),
            _sheet(),
            _order(),
            _prompt(),
            _kilowatt_hours(),
            _experts(),
        ),
        exercises=(_ridge_batch(), _cheapest()),
    )


def _roof(gpu: str, form: str = "bf16") -> tuple[float, float]:
    """Peak and bandwidth of a device."""
    return catalog.gpu(gpu).peak(form), catalog.gpu(gpu).bandwidth_gbs * 1e9


def _eight_readers() -> Question:
    return single(
        "eight-readers",
        "A GPU writes for one reader and spends 5 ms on each token. Seven more readers join, each with a short conversation of their own. How long does a step for all eight take?",
        wrong("about 40 ms: eight times the work", "It is eight times the arithmetic. But the arithmetic was never what took the 5 ms."),
        wrong("about 20 ms: some of it is shared", "More is shared than you think: every weight is fetched once for all eight."),
        right("a little more than 5 ms", "The time goes into fetching the weights, and one fetch serves all. The seven are nearly free."),
        wrong("less than 5 ms: GPUs like batches", "The weights still have to be fetched once. Eight do not make that faster."),
        why="A step lasts as long as the slower of two things. For few readers that is reading the weights, which does not depend on how many readers there are.",
        fixed_order=True,
    )  # fmt: skip


def _faster_memory() -> Question:
    faster = catalog.gpu("H200").bandwidth_gbs / catalog.gpu("H100").bandwidth_gbs
    return single(
        "faster-memory",
        f"An H200 has exactly the arithmetic of an H100, and memory that is {text.sig(faster, 3)} times as fast. One reader moves from the one to the other. How many more tokens a second?",
        wrong("none: it computes no faster", "One token for one reader uses less than a per cent of the arithmetic. It is not what the reader waits for."),
        wrong("about 10 %: memory is a part of the time", "It is nearly all of the time: weights are read for each token, and little is done with them."),
        right(f"about {text.pct(faster - 1, 0)}", "In proportion to the bandwidth: the step is the reading of the weights."),
        why="Nobody would sell a faster memory beside the same arithmetic if arithmetic were the limit of everything.",
        fixed_order=True,
    )  # fmt: skip


def _ridge() -> Question:
    peak, bandwidth = _roof("RTX 4090")
    key = roofline.ridge(peak, bandwidth)
    return numeric(
        "ridge", f"An RTX 4090 does {text.sig(peak / 1e12, 4)} TFLOP/s (bf16, dense) and moves {text.commas(bandwidth / 1e9)} GB/s. How many FLOPs must a program do with each byte to be limited by arithmetic?",
        key, unit="FLOPs/byte", rtol=0.02,
        why=f"Peak over bandwidth: {text.sig(peak, 4)} / {text.sig(bandwidth, 4)} = {text.sig(key, 3)}.",
        traps=[
            trap(2 * key, "That takes the peak with sparsity, or that of fp8: both are twice the dense one in bf16."),
            trap(key / 1000, "Tera over giga is a thousand."),
            trap(1 / key, "Upside down: those are bytes for each FLOP."),
        ],
    )  # fmt: skip


def _alone() -> Question:
    n = accounting.params(catalog.config_of("Llama 3 70B"))["total"]
    peak, bandwidth = _roof("H200", "fp8")
    key = bandwidth / n
    return numeric(
        "alone", f"Llama 3 70B ({text.si(n, 3)} parameters) is stored in 8 bits on one H200 with {text.sig(bandwidth / 1e12, 2)} TB/s. How many tokens a second can one reader get at most? Leave the cache out.",
        key, unit="tokens/s", rtol=0.04,
        why=f"{text.sig(n / 1e9, 3)} GB have to be read for each token: {text.sig(bandwidth / 1e9, 4)} / {text.sig(n / 1e9, 3)} = {text.sig(key, 3)}.",
        traps=[
            trap(key / 2, "That is 16 bits. Here a weight is one byte."),
            trap(peak / (2 * n), "That is what the arithmetic would allow. The bytes come too slowly for it."),
            trap(_roof("H100")[1] / n, "That is an H100."),
        ],
        hint="Every weight has to come by once for each token.",
    )  # fmt: skip


def _nearly_free() -> Question:
    cfg, (peak, bandwidth) = catalog.config_of("Llama 3 8B"), _roof("H100")
    one, many = (roofline.decode(cfg, 256, b, peak, bandwidth, BF16)["seconds"] for b in (1, 32))
    return single(
        "nearly-free", "Llama 3 8B on an H100, conversations of 256 tokens. The batch grows from 1 to 32. What happens to the bound on a decode step?",
        right(f"It grows by {text.pct(many / one - 1, 0)}", "The weights are read once in both cases; what is added is 32 short caches."),
        wrong("It grows 32-fold, as the FLOPs do", "The FLOPs do. They are far below the roof in both cases."),
        wrong("It stays exactly the same, up to the ridge", "Nearly, but each reader brings a cache that has to be read as well."),
        wrong("It falls, because the units are better used", "They are better used, in the same time or a little more. Time for each *token* falls."),
    )  # fmt: skip


def _what_helps() -> Question:
    return multiple(
        "what-helps", "One reader waits for a long answer. What makes the tokens come faster?",
        right("Weights in 8 bits instead of 16", "Half the bytes to fetch."),
        right("A device with faster memory", "The step is the fetching."),
        right("Two devices, each with half of every matrix", "Both fetch their halves at once. (What they then have to tell each other is lesson 16.)"),
        wrong("Matrix units with twice the peak", "They would wait twice as patiently."),
        wrong("A larger batch", "That serves more readers for the same money. It does not hurry this one."),
        wrong("A cache for the keys and values, where there is one already", "The cache avoids recomputing the past. Without it, things would be far worse; with it, the weights remain."),
    )  # fmt: skip


def _long_talk() -> Question:
    cfg = catalog.config_of("Llama 3 8B")
    cache, weights = accounting.kv_bytes_per_token(cfg, BF16), roofline.weights_read(cfg, 1) * BF16
    return single(
        "long-talk", "With short conversations more readers lift decoding towards the ridge. With long ones the dot stops half-way. Why?",
        right("Each reader brings a cache that nobody else can use", f"Weights are shared, caches are not. For Llama 3 8B, {text.commas(weights / cache)} tokens of cache weigh as much as the weights."),
        wrong("Attention costs more FLOPs than the weights do", "More FLOPs would lift the intensity. It is the bytes that come along."),
        wrong("The card is full, and batches cannot grow", "That also happens, but the intensity would stop rising on a card of any size."),
        wrong("Softmax is not a matrix product and runs at a low rate", "It is small beside the reading of the cache."),
    )  # fmt: skip


def _sheet() -> Question:
    gpu = catalog.gpu("H100")
    printed = 2 * gpu.peak("fp8") / 1e12
    return single(
        "sheet", f"A data sheet promises {text.commas(printed)} TFLOP/s in fp8 for an H100 SXM. Which number belongs into a plan for an ordinary model in bf16?",
        wrong(text.commas(printed), "That counts the zeros of 2:4 sparsity as work, and it is fp8."),
        wrong(text.commas(gpu.peak("fp8") / 1e12), "Dense, but still fp8."),
        right(text.commas(gpu.peak("bf16") / 1e12), "Dense, in the format in use. Halved once for sparsity, and once more for the format."),
        wrong(text.commas(gpu.peak("fp32") / 1e12), "That is fp32 outside the matrix units."),
        fixed_order=True,
    )  # fmt: skip


def _order() -> Question:
    cfg, (peak, bandwidth) = catalog.config_of("Llama 3 8B"), _roof("H100")
    sizes = {
        "Adding two vectors": roofline.elementwise("add", 1, BF16)["intensity"],
        "Decode, batch 1": roofline.decode(cfg, 512, 1, peak, bandwidth, BF16)["intensity"],
        "Decode, batch 64": roofline.decode(cfg, 512, 64, peak, bandwidth, BF16)["intensity"],
        "Prefill of 2,048 tokens": roofline.prefill(cfg, 2048, 1, peak, bandwidth, BF16)["intensity"],
    }
    names = sorted(sizes, key=lambda name: sizes[name])
    return ordering(
        "order", "Llama 3 8B in bf16. Order by FLOPs for each byte, least first.", names,
        why=", ".join(f"{name.lower()}: {text.sig(sizes[name], 2)}" for name in names) + f". The ridge of an H100 lies at {text.sig(roofline.ridge(peak, bandwidth), 3)}.",
        hint="How many tokens does a weight serve before it is fetched again?",
    )  # fmt: skip


def _prompt() -> Question:
    cfg, (peak, bandwidth) = catalog.config_of("Llama 3 8B"), _roof("A100")
    n = accounting.params(cfg)["total"]
    key = 1e3 * roofline.prefill(cfg, 4096, 1, peak, bandwidth, BF16)["seconds"]
    return numeric(
        "prompt", f"Llama 3 8B, a prompt of 4,096 tokens, an A100 with {text.sig(peak / 1e12, 3)} TFLOP/s in bf16. At least how many ms until the first token? An estimate with 2N will do.",
        key, unit="ms", rtol=0.12,
        why=f"2 × {text.si(n, 3)} × 4,096 FLOPs over the peak are {text.sig(2e3 * n * 4096 / peak, 3)} ms. Without the token table and most of the head, with the look back, it is {text.sig(key, 3)}.",
        traps=[
            trap(1e3 * 2 * n / bandwidth, "That is one reading of the weights: a decode step. A prompt is limited by arithmetic."),
            trap(6e3 * n * 4096 / peak, "6N is training. Reading a prompt is a forward pass: 2N."),
            trap(1e3 * n * 4096 / peak, "Either you took the peak with sparsity, or one FLOP for each weight. There are two."),
        ],
    )  # fmt: skip


def _kilowatt_hours() -> Question:
    watts, rate, pue = 700.0, 2500.0, 1.2
    key = formulas.joules_per_token(watts, rate, pue) / 3.6
    return numeric(
        "kilowatt-hours", f"A board draws {text.commas(watts)} W and writes {text.commas(rate)} tokens a second; the building has a PUE of {text.sig(pue, 2)}. How many kWh do a million tokens take?",
        key, unit="kWh", rtol=0.02,
        why=f"{text.commas(watts)} × {text.sig(pue, 2)} / {text.commas(rate)} = {text.sig(3.6 * key, 3)} J a token; a million of them are {text.sig(key, 3)} kWh, since a kWh has 3.6 million joules.",
        traps=[
            trap(key / pue, "You left out the building: cooling and losses, the PUE."),
            trap(3.6 * key, "Those are joules for one token."),
            trap(key / pue / pue, "The PUE multiplies. It is never below 1."),
        ],
    )  # fmt: skip


def _experts() -> Question:
    cfg = catalog.config_of("DeepSeek-V3")
    one, crowd = (formulas.experts_touched(cfg.n_experts, cfg.top_k, b) / cfg.n_experts for b in (1, 64))
    return single(
        "experts", f"DeepSeek-V3 sends each token to {cfg.top_k} of {cfg.n_experts} experts in a layer. 64 readers decode together, and the router spreads them evenly. Which share of the experts has to be read?",
        wrong(text.pct(one, 0), "That is one reader. The others choose for themselves."),
        wrong("100 %", "64 times 8 choices are twice as many as there are experts, but some fall on the same ones."),
        right(text.pct(crowd, 0), "1 − (1 − 8/256)^{64}. A mixture saves arithmetic for everyone; it saves bytes only for the lonely."),
        wrong("50 %", "A guess? An expert is left out with a chance of (1 − 8/256)^{64}, about one in eight."),
    )  # fmt: skip


def _ridge_batch() -> Question:
    cfg, (peak, bandwidth) = catalog.config_of("Llama 3 70B"), _roof("H100")
    key = roofline.ridge_batch(cfg, 128, peak, bandwidth, BF16)
    ridge = roofline.ridge(peak, bandwidth)
    return numeric(
        "ridge-batch", "The smallest batch at which a decode step of Llama 3 70B in bf16 on H100s is limited by arithmetic, with 128 tokens in each conversation?", float(key), rtol=0.001,
        why=f"A little above the ridge of {text.sig(ridge, 3)}: each reader also brings a cache, which has to be made up for.",
        traps=[
            trap(float(round(ridge)), "That is the ridge. It would be the answer if there were no cache."),
            trap(float(key - 1), "One too few: there memory still decides."),
        ],
    )  # fmt: skip


def _cheapest() -> Question:
    found = market.usd_per_million("Llama 3 8B", 32, 2048, 512, least_gib=40)
    name = min(found, key=lambda gpu: found[gpu])
    others = ", ".join(f"{gpu} {text.money(usd)}" for gpu, usd in sorted(found.items(), key=lambda x: x[1]))
    return numeric(
        "cheapest", "Dollars for a million tokens on the cheapest device of 40 GiB or more, by the bound and the median rent of the course’s table: Llama 3 8B in bf16, 32 readers, prompts of 2,048 and answers of 512 tokens?",
        found[name], rtol=0.02, unit="USD",
        why=f"{name}. In order: {others}. The dearest device is seldom the dearest place to make a token.",
        traps=[trap(found["H100 SXM"], "That is the H100 SXM. Look at the others.")],
    )  # fmt: skip
