"""Lesson 17: routers, capacity, balance; total and active parameters; what a mixture saves and what not."""

import dataclasses

from course_lib import accounting, catalog, formulas, switch, text
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

MIXTRAL, DEEPSEEK = "Mixtral 8x7B", "DeepSeek-V3"
GAIN = 0.03  # nats by which our mixture beats the dense model, in round numbers (the tests compare)


def build() -> Lesson:
    """The questions, with keys computed from accounting, catalog and formulas."""
    return Lesson(
        id="17_mixture_of_experts",
        title="17. Mixture of experts",
        predictions=(_equal_flops(), _switch()),
        questions=(
            _active(),
            _name(),
            _falls(),
            _room(),
            _touched(),
            _bias(),
            _top_one(),
            _slip(),
            _clock(),
            _order(),
        ),
        exercises=(_ten_times(), _crowd()),
    )


def _equal_flops() -> Question:
    return single(
        "equal-flops",
        "Two tiny models read the same 500,000 characters with the same arithmetic for each. One has an ordinary feed-forward part, the other eight small ones of which each character uses two: nearly three times the parameters in all. Whose loss is lower?",
        wrong("The dense model’s, since each of its weights sees every character", "An expert sees a quarter of the characters. But it also has to be good at only a quarter of them."),
        wrong("Neither’s: equal arithmetic buys equal loss, to within the seeds", "That is the law for *one* architecture. Idle parameters cost no arithmetic and still hold something."),
        right("The mixture’s, by a few hundredths of a nat", "About what the dense model would gain from a tenth more characters."),
        wrong("The mixture’s, by about half a nat", "That is the distance between a good and a bad tiny model. Parameters alone do not buy it in so short a run."),
        why=f"Measured below: about {text.fixed(GAIN, 2)} nats, at every length that we tried.",
    )  # fmt: skip


def _switch() -> Question:
    total, active = switch.params()["total"], switch.params(active=True)["total"]
    return single(
        "switch-active",
        f"The largest Switch Transformer has {text.si(total, 3)} parameters: 2,048 experts in each layer, one of them for a token. How many parameters does a token use?",
        right(f"about {text.sig(active / 1e9, 2)} billion", "Of the experts one in 2,048; the attention of all layers weighs as much as the expert that is used."),
        wrong("about 16 billion, one per cent", "One in 2,048 is 0.05 %."),
        wrong("about 100 billion", "So says text 2. It is off by a factor of nearly sixty."),
        wrong("about 800 billion, one half", "Half of the layers’ experts would be a very different machine."),
        why=f"{text.commas(active)} of {text.commas(total)}: {text.pct(active / total, 2)}.",
        fixed_order=True,
    )  # fmt: skip


def _active() -> Question:
    parts = accounting.groups(accounting.params(catalog.config_of(MIXTRAL)))
    experts, rest = parts["expert"], sum(parts.values()) - parts["expert"]
    key = (experts / 4 + rest) / 1e9
    return numeric(
        "active", f"Mixtral has {text.sig(experts / 1e9, 3)}B parameters in its experts, 8 in each layer and 2 of them for a token, and {text.sig(rest / 1e9, 3)}B in everything else. How many billions does a token use?",
        key, unit="B", rtol=0.01,
        why=f"{text.sig(experts / 1e9, 3)} × 2/8 + {text.sig(rest / 1e9, 3)} = {text.sig(key, 3)}. What is no expert is always used.",
        traps=[
            trap((experts + rest) / 4e9, "A quarter of everything. Attention and tables are not divided among experts."),
            trap(experts / 4e9, "The experts are right. Add attention, tables and norms, which every token uses."),
            trap(14.0, "Twice 7B, from the name. The shared parts would be counted twice."),
        ],
    )  # fmt: skip


def _name() -> Question:
    parts = accounting.groups(accounting.params(catalog.config_of(MIXTRAL)))
    one = parts["expert"] / 8e9
    rest = sum(parts.values()) / 1e9 - parts["expert"] / 1e9
    return single(
        "name", "Mixtral is called 8x7B and has 46.7B parameters. Where did the other 9B go?",
        wrong("They are router weights, which nobody counts", "The routers are about a million parameters."),
        right("Nowhere: all but the experts exists once", f"An expert has {text.sig(one, 3)}B in all its layers; with the {text.sig(rest, 3)}B that are shared it makes 7.2B."),
        wrong("They were pruned after training", "Nothing was pruned. Count the shape and you get 46.7B."),
        wrong("Experts share their first matrices with each other", "Each expert has three matrices of its own. What is shared is attention, tables and norms."),
    )  # fmt: skip


def _falls() -> Question:
    return multiple(
        "falls", "You replace a dense 47B model by Mixtral, also 47B. What becomes smaller?",
        right("The arithmetic for a token", "About 3.6 times less."),
        right("The bytes read for a lone user’s token", "Two experts of eight have to be fetched."),
        wrong("The memory that the weights need on the cards", "All eight experts must be there: the next token may want another two."),
        wrong("The KV cache", "It belongs to attention, which is as it was."),
        wrong("Adam’s state during training", "Every parameter has its two moments, whether it was used or not."),
    )  # fmt: skip


def _room() -> Question:
    key = formulas.expert_capacity(2048, 8, 1.25)
    return numeric(
        "room", "A batch of 1,024 tokens, 8 experts, top-2, capacity factor 1.25. How many tokens does an expert accept?",
        key, rtol=0.001,
        why="1,024 × 2 choices over 8 experts are 256 each; times 1.25.",
        traps=[
            trap(formulas.expert_capacity(1024, 8, 1.25), "Each token makes two choices."),
            trap(256.0, "That is the even share. Multiply by the factor."),
            trap(1280.0, "That is the factor times all tokens, not divided among the experts."),
        ],
    )  # fmt: skip


def _touched() -> Question:
    key = 100 * formulas.touched_share(8, 2, 4)
    return numeric(
        "touched", "Eight experts, top-2, even routing. Four users generate a token each, together. Which share of a layer’s experts is read, in per cent, on average?",
        key, unit="%", rtol=0.01,
        why=f"An expert is missed by one token with probability 6/8, by four with (6/8)^{{4}}: 1 − 0.316 = {text.sig(key / 100, 3)}.",
        traps=[
            trap(100.0, "Eight choices, but some of them coincide."),
            trap(25.0, "That is one user alone."),
            trap(100 * (1 - (7 / 8) ** 4), "That is top-1. Each token takes two of eight."),
            trap(100 * 0.75**4, "That is the share that is *not* read."),
        ],
        hint="With which probability does nobody choose a given expert?",
    )  # fmt: skip


def _bias() -> Question:
    return single(
        "bias", "DeepSeek-V3 balances with a bias for each expert. What does the bias change?",
        right("Who is chosen, and nothing else", "The weights of the chosen come from the scores without it, and no gradient passes through."),
        wrong("The choice and the weights of the output", "That is what the auxiliary loss does, by changing the scores themselves."),
        wrong("The learning rate of overloaded experts", "No learning rate is touched. The bias is added before the top k are taken."),
        wrong("The capacity, so that busy experts have more room", "The room stays. The bias sends some of the tokens elsewhere."),
    )  # fmt: skip


def _top_one() -> Question:
    return single(
        "top-one", "You set k = 1 and weigh with a softmax over the chosen scores, as Mixtral does for k = 2. What happens to the router?",
        wrong("It collapses onto one expert at once", "It has no reason to: nothing pulls it anywhere."),
        right("It learns nothing from the text", "A softmax over one number is 1, whatever the number. Switch uses the softmax over *all* experts for this reason."),
        wrong("It learns twice as fast, having one choice", "Its gradient is not doubled, it is zero."),
        wrong("It becomes even, since ties are broken at random", "Nothing breaks ties here, and nothing moves the scores either."),
    )  # fmt: skip


def _slip() -> Question:
    return single(
        "slip", "Text 1 multiplies expert i’s output by column i of the weights, which have one column for each of the k choices. What is the repair?",
        wrong("Make the weights E columns wide by repeating the two", "The repeated columns would still belong to ranks, not to experts."),
        wrong("Clip i to the last column, so that nothing is out of range", "It would run, with the weight of the second choice for nearly everyone."),
        right("Take the column in which the token chose i", "First choice, first column; second choice, second column. The id of the expert plays no part."),
        wrong("Skip the experts whose id is k or more", "Six of eight experts would never be used."),
    )  # fmt: skip


def _clock() -> Question:
    return single(
        "clock", "On our CPU the mixture does the dense model’s arithmetic and needs more time. Which of these is *not* a reason?",
        wrong("Eight small products run slower than one large one", "They do: less reuse of what has been loaded, more calls."),
        wrong("Tokens are sorted, copied out and added back", "This is pure movement, no arithmetic, and it takes time."),
        wrong("Adam updates nearly three times as many weights", "It does, at every step, used or not."),
        right("Every token visits all eight experts", "It visits two. That is why the arithmetic is equal."),
    )  # fmt: skip


def _order() -> Question:
    shares = {
        name: accounting.active_params(catalog.config_of(name))["total"] / accounting.params(catalog.config_of(name))["total"]
        for name in (MIXTRAL, DEEPSEEK, "Kimi K2")
    }
    shares["Switch-C"] = switch.params(active=True)["total"] / switch.params()["total"]
    names = sorted(shares, key=lambda name: shares[name])
    listed = ", ".join(f"{text.sig(100 * shares[name], 2)} %" for name in names)
    return ordering(
        "order", "Order by the share of parameters that a token uses, smallest first.", names,
        why=f"{listed}. The trend since Mixtral is to more and narrower experts.",
        hint="2 of 8, 8 of 256, 8 of 384, 1 of 2,048.",
    )  # fmt: skip


def _ten_times() -> Question:
    wide = dataclasses.replace(catalog.config_of(MIXTRAL), n_experts=80)
    key = accounting.params(wide)["total"] / 1e9
    once = accounting.params(catalog.config_of(MIXTRAL))["total"] / 1e9
    return numeric(
        "ten-times", "Mixtral with 80 experts instead of 8, still top-2: how many billions of parameters?", key, unit="B", rtol=0.005,
        why=f"Ten times the experts, ten times the routers, once everything else: {text.sig(key, 4)}B. A token uses {text.sig(accounting.active_params(wide)['total'] / 1e9, 4)}B, the old figure and nine million router weights.",
        traps=[trap(10 * once, "Ten times everything. Attention and tables are there once.")],
    )  # fmt: skip


def _crowd() -> Question:
    c = catalog.config_of(DEEPSEEK)
    key = next(b for b in range(1, 10_000) if formulas.touched_share(c.n_experts, c.top_k, b) > 0.9)
    mixtral = next(b for b in range(1, 100) if formulas.touched_share(8, 2, b) > 0.9)
    return numeric(
        "crowd", "From how many tokens at once does a DeepSeek-V3 layer read more than 90 % of its routed experts, with even routing?", float(key), rtol=0.001,
        why=f"1 − (31/32)^{{b}} > 0.9. Mixtral is there with {mixtral}.",
        traps=[
            trap(float(mixtral), "That is Mixtral, 2 of 8."),
            trap(float(key - 1), "One more: this is just below 90 %."),
        ],
    )  # fmt: skip
