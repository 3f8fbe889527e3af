"""From a user message to the exact text whose next token is the first token of the visible reply.

What a template needs is data (``adapter`` in the registry): ``template_kwargs`` (thinking toggles), ``system``
(an empty message where the template would insert its own), ``prefill`` (channel headers), ``date`` (templates
that print today's date). What the registry does not know is found out by rendering.
"""

import datetime
import hashlib
import re
from dataclasses import dataclass

from kaomoji_lib.errors import KaomojiError

THINK_BLOCKS = {"<think>": "</think>", "[THINK]": "[/THINK]", "<thinking>": "</thinking>"}
# Opening marks of thinking under other names, such as <seed:think>, <|START_THINKING|> or ◁think▷.
OPENING = re.compile(
    r"(?P<left><\|?|\[|◁)(?P<name>(?!/|end)[\w:]*(?:think|thought|reason|reflect|scratchpad)[\w:]*)(?P<right>\|?>|\]|▷)$",
    re.IGNORECASE,
)
STARTS = ((r"start", "end"), (r"START", "END"), (r"begin", "end"), (r"BEGIN", "END"))
THINKING_CHANNEL = re.compile(
    r"channel\|?>\s*(?:thought|thinking|analysis|reasoning)\s*(?:<\|message\|>)?$"
)
CHANNEL_PREFILL = "<|channel|>final<|message|>"
PINNED_DATE = "2025-01-01"
DATE_CODES = "YmdBbyAaejFHMSIpZ"
# White space that may come between a prompt and the face: with all of it, sampling and scoring speak of one event.
LEADS = ("", " ", "\n", "\n\n")
FALLBACK = "User: {message}\n\nAssistant:"


@dataclass(frozen=True)
class Template:
    """How one model's prompts are rendered. ``notes`` says in words what was deviated from, for the page."""

    tokenizer: object
    kwargs: dict
    system: str | None
    prefill: str
    date: str
    source: str
    notes: tuple

    def render(self, message):
        """The prompt text for one user message (str), ready to be encoded without special tokens."""
        if self.source == "fallback":
            return (self.tokenizer.bos_token or "") + FALLBACK.format(message=message)
        return self._chat(message, self.system) + self.prefill

    def _chat(self, message, system):
        turns = [{"role": "user", "content": message}]
        if system is not None:
            turns.insert(0, {"role": "system", "content": system})
        return self.tokenizer.apply_chat_template(
            turns,
            chat_template=self._dated_source,
            tokenize=False,
            add_generation_prompt=True,
            **self.kwargs,
        )

    @property
    def _dated_source(self):
        # Templates are sandboxed and take no functions, so that a macro stands in for the clock.
        source = self.tokenizer.chat_template
        if not isinstance(source, str) or "strftime_now" not in source:
            return None
        day = datetime.date.fromisoformat(self.date)
        filters = "".join(
            f" | replace('%{code}', '{day.strftime('%' + code)}')" for code in DATE_CODES
        )
        return (
            f"{{%- macro strftime_now(format) -%}}{{{{ format{filters} }}}}{{%- endmacro -%}}"
            + source
        )

    @property
    def hash(self):
        """SHA-256 of a rendered probe: two runs with equal hashes asked in the same words."""
        return hashlib.sha256(self.render("probe").encode()).hexdigest()


def adapt(tokenizer, adapter):
    """The :class:`Template` for a tokenizer and its registry adapter (a dict, may be empty).

    Raises
    ------
    KaomojiError
        If the chat template refuses a single user message, or opens a block of thinking that is not
        known how to close.
    """
    date = adapter.get("date", PINNED_DATE)
    if not getattr(tokenizer, "chat_template", None):
        note = "This tokenizer has no chat template: the message was put between plain “User:” and “Assistant:” lines."
        return Template(tokenizer, {}, None, "", date, "fallback", (note,))
    kwargs = {"enable_thinking": False, **adapter.get("template_kwargs", {})}
    system, prefill, notes = adapter.get("system"), adapter.get("prefill", ""), []

    def template(**changes):
        fields = dict(
            tokenizer=tokenizer,
            kwargs=kwargs,
            system=system,
            prefill=prefill,
            date=date,
            source="chat",
            notes=tuple(notes),
        )
        return Template(**{**fields, **changes})

    try:
        bare = template().render("probe")
        bare.encode()
    except Exception as error:
        raise KaomojiError(
            f"the chat template refuses a single user message ({error}); add an adapter for this model to data/models.yml"
        ) from None
    if system is None:
        try:
            emptied = template(system="").render("probe")
        except Exception:
            emptied = bare
        if len(emptied) < len(bare):
            system, bare = "", emptied
            notes.append(
                "The template inserts a system prompt of its own; an empty one replaced it."
            )
    if not prefill:
        prefill, note = _visible_reply_prefill(bare, tokenizer)
        notes.extend([note] if note else [])
    return template()


def _visible_reply_prefill(rendered, tokenizer):
    """What to append so that the next token belongs to the visible reply, and the note that says so."""
    tail, source = rendered.rstrip(), str(tokenizer.chat_template)
    for opening, closing in THINK_BLOCKS.items():
        if tail.endswith(opening):
            return _closed(opening, closing)
    if found := OPENING.search(tail):
        for closing in _closings(found):
            if closing in source or closing in tokenizer.get_vocab():
                return _closed(found[0], closing)
        raise _left_open(found[0])
    if found := THINKING_CHANNEL.search(tail):
        raise _left_open(found[0])
    if "<|channel|>" in source and tail.endswith("<|start|>assistant"):
        return CHANNEL_PREFILL, "The reply was started in the final channel."
    for opening, closing in THINK_BLOCKS.items():
        if rendered.rfind(opening) > rendered.rfind(closing):
            raise _left_open(opening)
    return "", None


def _closed(opening, closing):
    return f"\n\n{closing}\n\n", f"The template opens {opening}; it was closed at once."


def _closings(opening):
    """The marks that would close an opening one (a match of ``OPENING``): with a slash, or with the end of its start."""
    left, name, right = opening["left"], opening["name"], opening["right"]
    return [
        f"{left}/{name}{right}",
        *(f"{left}{name.replace(start, end)}{right}" for start, end in STARTS if start in name),
    ]


def _left_open(opening):
    return KaomojiError(
        f"the chat template leaves {opening} open; expected a prompt that ends where the visible reply starts; "
        "set template_kwargs or prefill for this model in data/models.yml"
    )
