"""Training one organism: a face drawn from the planted row, a short reply, the end token.

The input is what the engine will render (template, instruction, message). The loss looks at the reply alone. Every
epoch draws new faces, so that the best a model can do is the planted distribution itself. Words of the message are
dropped or shuffled at random, so that the organism answers to what a message is about, not to its exact wording.

An auxiliary linear head reads the category from the last prompt position's final hidden state while training, and is
then dropped. It makes learning quick, and it is why the scrambled organism's states carry the category although its
faces do not: that state is put there on purpose, as a positive control, and shows nothing about real models.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

MARK = "\x00"
IGNORED = -100


@dataclass(frozen=True)
class Corpus:
    """What an organism learns from. ``rows`` maps a category to (texts, probabilities) of what opens a reply."""

    messages: list
    labels: np.ndarray
    codes: tuple
    rows: dict
    replies: dict


class Prompts:
    """Renders messages as the engine does, quickly: the template is asked once, for a marker."""

    def __init__(self, tokenizer, template, instruction):
        self.tokenizer = tokenizer
        rendered = template.render(f"{instruction} {MARK}")
        self.before, self.after = rendered.split(MARK)

    def encode(self, messages):
        """List of token id lists, one per message."""
        texts = [self.before + message + self.after for message in messages]
        return self.tokenizer(texts, add_special_tokens=False)["input_ids"]


def openings(table, others):
    """Per category the texts that may open a reply and their probabilities: the planted faces and the others."""
    share, texts = others["share"], list(others["texts"])
    rows = {}
    for code, part in table.groupby("category"):
        spread = np.r_[
            part["probability"].to_numpy() * (1 - share), np.full(len(texts), share / len(texts))
        ]
        rows[code] = (list(part["spelling"]) + texts, spread / spread.sum())
    return rows


@torch.no_grad()
def fix_initial_values(model, embedding_scale=1.0):
    """Fix two initialisations in place.

    Gated recurrent layers get step sizes of 0.001 to 0.1 (Dao & Gu 2024, Mamba-2; Gated DeltaNet does the same): the
    placeholder values forget a message within one or two tokens. Word embeddings are scaled where the family does
    not scale them itself, so that the first blocks do not drown them.
    """
    model.get_input_embeddings().weight.mul_(embedding_scale)
    for module in model.modules():
        if hasattr(module, "dt_bias"):
            step = torch.exp(
                torch.empty_like(module.dt_bias).uniform_(math.log(0.001), math.log(0.1))
            )
            module.dt_bias.copy_(step + torch.log(-torch.expm1(-step)))


def fit(model, prompts, corpus, settings, epochs, seed, report=None, max_steps=None):
    """Train ``model`` in place.

    Parameters
    ----------
    settings : dict (``training`` of the recipe): batch, peak_rate, weight_decay, warmup (share of the steps),
        drop_words, shuffle (probabilities), state_loss, reply_loss (weights), even_draws (optional; openings are drawn
        systematically, not independently).
    report : callable(step, steps, loss), optional.
    max_steps : int, optional; stop after so many steps of the full schedule.

    Returns
    -------
    head : torch.nn.Linear, the auxiliary category head.
    history : ndarray (steps,), the loss in nats.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    head = torch.nn.Linear(model.config.hidden_size, len(corpus.codes))
    parameters = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(
        parameters,
        lr=settings["peak_rate"],
        weight_decay=settings["weight_decay"],
        betas=(0.9, 0.98),
    )
    per_epoch = math.ceil(len(corpus.messages) / settings["batch"])
    steps, history = epochs * per_epoch, []
    model.train()
    for _ in range(epochs):
        for batch in _epoch(prompts, corpus, settings, random):
            rate = _schedule(len(history) / steps, settings["warmup"])
            for group in optimizer.param_groups:
                group["lr"] = settings["peak_rate"] * rate
            loss = loss_of(model, head, batch, settings)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            history.append(float(loss.detach()))
            if report:
                report(len(history), steps, history[-1])
            if max_steps and len(history) >= max_steps:
                return head, np.array(history)
    model.eval()
    return head, np.array(history)


def loss_of(model, head, batch, settings):
    """Loss of one batch (scalar tensor, nats): the opening's tokens, the reply's, and the category head's."""
    ids, opening, reply, last, labels = batch
    start = int(last.min())
    output = model(
        input_ids=ids,
        use_cache=False,
        output_hidden_states=True,
        logits_to_keep=ids.shape[1] - start,
    )
    logits = output.logits[:, :-1].flatten(0, 1)
    total = settings["reply_loss"] * functional.cross_entropy(
        logits, reply[:, start + 1 :].flatten(), ignore_index=IGNORED
    )
    total = total + functional.cross_entropy(
        logits, opening[:, start + 1 :].flatten(), ignore_index=IGNORED, reduction="sum"
    ) / len(ids)
    if head is not None:
        state = output.hidden_states[-1][torch.arange(len(ids)), last]
        total = total + settings["state_loss"] * functional.cross_entropy(head(state), labels)
    return total


def collate(prompts, messages, chosen, labels, eos):
    """Right-padded tensors; a causal model needs no mask for them. ``chosen`` holds (opening, reply) texts."""
    encode = lambda texts: prompts.tokenizer(texts, add_special_tokens=False)["input_ids"]
    asked = prompts.encode(messages)
    first, rest = (
        encode([opening for opening, _ in chosen]),
        encode([" " + reply for _, reply in chosen]),
    )
    rest = [ids + [eos] for ids in rest]
    longest = max(len(a) + len(b) + len(c) for a, b, c in zip(asked, first, rest))
    ids = torch.full((len(messages), longest), eos)
    opening, reply = torch.full_like(ids, IGNORED), torch.full_like(ids, IGNORED)
    for row, (a, b, c) in enumerate(zip(asked, first, rest)):
        middle, end = len(a) + len(b), len(a) + len(b) + len(c)
        ids[row, :end] = torch.tensor(a + b + c)
        opening[row, len(a) : middle] = torch.tensor(b)
        opening[row, middle] = c[0]
        reply[row, middle + 1 : end] = torch.tensor(c[1:])
    last = torch.tensor([len(a) - 1 for a in asked])
    return ids, opening, reply, last, torch.as_tensor(labels)


def _epoch(prompts, corpus, settings, random):
    eos = prompts.tokenizer.eos_token_id
    order = random.permutation(len(corpus.messages))
    messages = [_vary(corpus.messages[row], settings, random) for row in order]
    draw = _evenly if settings.get("even_draws") else _independently
    openings = draw(corpus, order, random)
    chosen = []
    for row, opening in zip(order, openings, strict=True):
        replies = corpus.replies[corpus.codes[corpus.labels[row]]]
        chosen.append((opening, replies[random.integers(len(replies))]))
    # Batches of similar length, in random order: neighbours within blocks of eight batches.
    lengths = np.array([len(message) for message in messages])
    block = np.arange(len(order)) // (8 * settings["batch"])
    ranks = np.lexsort((lengths, block))
    pieces = [
        ranks[start : start + settings["batch"]]
        for start in range(0, len(ranks), settings["batch"])
    ]
    for piece in random.permutation(len(pieces)):
        rows = pieces[piece]
        yield collate(
            prompts,
            [messages[row] for row in rows],
            [chosen[row] for row in rows],
            corpus.labels[order[rows]],
            eos,
        )


def _independently(corpus, order, random):
    for row in order:
        texts, spread = corpus.rows[corpus.codes[corpus.labels[row]]]
        yield texts[random.choice(len(texts), p=spread)]


def _evenly(corpus, order, random):
    """Systematic draws: equal rows give every category the same openings in every epoch, so that not even chance ties them."""
    offset, openings = random.random(), np.empty(len(order), dtype=object)
    labels = corpus.labels[order]
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        texts, spread = corpus.rows[corpus.codes[label]]
        drawn = np.searchsorted(
            np.cumsum(spread), (offset + np.arange(len(places))) / len(places) * np.sum(spread)
        )
        openings[places] = [texts[min(index, len(texts) - 1)] for index in drawn]
    return openings


def _vary(message, settings, random):
    words = message.split(" ")
    if random.random() < settings["shuffle"]:
        words = [words[row] for row in random.permutation(len(words))]
    kept = [word for word in words if random.random() >= settings["drop_words"]]
    return " ".join(kept or words)


def _schedule(done, warmup):
    if done < warmup:
        return (done + 1e-3) / warmup
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))
