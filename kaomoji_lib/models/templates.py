"""From a user message to the exact text whose next token is the first token of the visible reply.

The template itself is asked: an exchange of a message and a reply is rendered, and the prompt ends where the reply
begins there. What else a model needs is data (``adapter`` in the registry): ``template_kwargs``, ``system``,
``prefill``, ``date``. Everything that was done is one plain sentence in ``notes``.
"""

import ast
import datetime
import hashlib
import re
from dataclasses import dataclass, replace

from kaomoji_lib.errors import KaomojiError

# White space that may come between a prompt and the face: with all of it, sampling and scoring speak of one event.
LEADS = ("", " ", "\n", "\n\n")
MESSAGE, REPLY = "Probe message 7", "Probe reply 7"
CONTINUED = (
    "message: {text}\nkaomoji:",
    "{text}\n\nThe kaomoji that fits this message best:",
    "Text: {text}\nMood as a kaomoji:",
    "Someone writes: “{text}” They add the kaomoji",
    "A list of messages, each followed by a kaomoji.\n\n{text}",
    "Q: Which kaomoji shows the feeling in “{text}”?\nA:",
)
FALLBACK = "User: {text}\n\nAssistant:"
PINNED_DATE = "2025-01-01"
DATE_CODES = ("-d", "-m", "-I", "-H", *"YmdBbyAaejFHMSIpZ")
THINKING = r"(?:think|thought|reason|reflect|scratchpad|cot\b|analysis)"
LEFT, RIGHT = r"(?:<\|?|\[|◁)", r"(?:\|?>|\]|▷)"
MARK = re.compile(rf"{LEFT}[^<>\[\]◁▷\s]*{RIGHT}")
OPENING = re.compile(
    rf"(?P<left>{LEFT})(?P<name>(?!/|end)[\w:]*{THINKING}[\w:]*)(?P<right>{RIGHT})", re.IGNORECASE
)
CLOSING = re.compile(
    rf"{LEFT}(?:/[\w:]*|[\w:]*end[\w:]*){THINKING}[\w:]*{RIGHT}|<channel\|>", re.IGNORECASE
)
# A channel of thought has no closing mark of its own name.
CHANNEL = re.compile(r"channel\|?>\s*(?:thought|thinking|analysis|reasoning)\s*(?:<\|message\|>)?$")
STARTS = (("start", "end"), ("START", "END"), ("begin", "end"), ("BEGIN", "END"))
OFF = ("none", "off", "no", "no_think", "nothink", "disabled", "disable", "false", "chat", 0)
AMOUNT = re.compile("effort|budget|level|mode|type|style|content", re.IGNORECASE)
NEGATED = re.compile("^(no|disable|skip|without|hide|omit)", re.IGNORECASE)
ROLES = {"system", "user", "human", "assistant", "model", "bot", "im", "start", "end", "role"}


@dataclass(frozen=True)
class Template:
    """How one model's prompts are rendered.

    ``source``: the Jinja template, None where the tokenizer has none and ``plain`` is continued, a text with ``{text}``.
    ``parts``: whether messages are lists of parts. ``cut`` and ``prefill``: what is removed from and added to the end of
    what the template renders.
    """

    tokenizer: object
    source: str | None
    kwargs: dict
    system: str | None = None
    parts: bool = False
    cut: str = ""
    prefill: str = ""
    notes: tuple = ()
    plain: str = ""

    def render(self, message):
        """Return the prompt (str) for one user message, ready to be encoded without special tokens."""
        if self.source is None:
            return self.plain.replace("{text}", message.strip()) + self.prefill
        return self.chat(message).removesuffix(self.cut) + self.prefill

    def chat(self, message, reply=None):
        """Return what the template renders: a prompt, or with ``reply`` the whole exchange."""
        turns = [] if self.system is None else [("system", self.system)]
        turns += [("user", message), *([] if reply is None else [("assistant", reply)])]
        return self.tokenizer.apply_chat_template(
            [
                {"role": role, "content": [{"type": "text", "text": text}] if self.parts else text}
                for role, text in turns
            ],
            chat_template=self.source,
            tokenize=False,
            add_generation_prompt=reply is None,
            **self.kwargs,
        )

    def noting(self, sentence, **changes):
        return replace(self, notes=(*self.notes, sentence), **changes)

    @property
    def hash(self):
        """SHA-256 of a rendered probe: two runs with equal hashes asked in the same words."""
        return hashlib.sha256(self.render("probe").encode("utf-8", "surrogatepass")).hexdigest()


def adapt(tokenizer, adapter):
    """Return the :class:`Template` of a tokenizer and its registry adapter (a dict, may be empty).

    Raises KaomojiError if the chat template refuses a user message or leaves it out, or opens thinking that is not
    known how to close.
    """
    given, source = adapter.get("prefill", ""), getattr(tokenizer, "chat_template", None)
    notes = []
    if isinstance(source, dict):
        name = "default" if "default" in source else next(iter(source), "")
        notes.append(f"The tokenizer names several chat templates; “{name}” was used.")
        source = source.get(name)
    if not source:
        note = "This tokenizer has no chat template: the message was put between plain “User:” and “Assistant:” lines."
        plain = (tokenizer.bos_token or "") + FALLBACK
        return Template(tokenizer, None, {}, prefill=given, notes=(note,), plain=plain)
    if "strftime_now" in source:
        date = adapter.get("date", PINNED_DATE)
        source = _clock(date) + source
        notes.append(f"The template writes a date; it was pinned to {date}.")
    template = Template(tokenizer, source, {"enable_thinking": False}, adapter.get("system"))
    if MESSAGE not in _rendered(template):
        template = replace(template, parts=True)
        notes.insert(0, "The template reads messages as lists of parts; they were given so.")
    if MESSAGE not in _rendered(template):
        raise KaomojiError(
            "the chat template refuses a single user message, or leaves it out; expected a prompt that contains it; add "
            "an adapter for this model to data/models.yml"
        )
    template = _without_thinking(replace(template, notes=tuple(notes)))
    template = replace(template, kwargs={**template.kwargs, **adapter.get("template_kwargs", {})})
    if template.system is None:
        emptied = _rendered(replace(template, system=""))
        if MESSAGE in emptied and len(emptied) < len(template.chat(MESSAGE)):
            note = "The template inserts a system prompt of its own; an empty one replaced it."
            template = template.noting(note, system="")
    if not given or not MARK.search(given) and given.strip():
        template = _ending_where_replies_begin(template)
    template = replace(template, prefill=template.prefill + given)
    return replace(template, notes=(*template.notes, *_remarks(template)))


def _rendered(template, reply=None):
    """What the template makes of the probe message (and ``reply``), empty where it refuses."""
    try:
        return template.chat(MESSAGE, reply)
    except Exception:
        return ""


def _clock(date):
    """A macro in the place of the clock: what is given to templates as a variable becomes text and cannot be called."""
    day = datetime.date.fromisoformat(date)
    filters = (f" | replace('%{code}', '{day.strftime(f'%{code}')}')" for code in DATE_CODES)
    return (
        f"{{%- macro strftime_now(format) -%}}{{{{ format{''.join(filters)} }}}}{{%- endmacro -%}}"
    )


def _without_thinking(template):
    """The template with every variable that switches thinking set to off."""
    for name in sorted(set(re.findall(rf"\b\w*{THINKING}\w*", template.source, re.IGNORECASE))):
        compared = re.findall(rf"\b{name} *[!=]= *(\d+|(['\"])\w*\2)", template.source)
        off = [one for one in (ast.literal_eval(text) for text, _ in compared) if one in OFF]
        if off or not AMOUNT.search(name):
            value = off[0] if off else bool(NEGATED.search(name))
            tried = replace(template, kwargs={**template.kwargs, name: value})
            if _rendered(tried) not in ("", template.chat(MESSAGE)):
                template = tried.noting(f"Thinking was switched off by the template's “{name}”.")
    return template


def _ending_where_replies_begin(template):
    """The template with the end of its prompt where its own history puts the reply."""
    prompt = template.chat(MESSAGE).rpartition(MESSAGE)[2]
    _, message, history = _rendered(template, REPLY).rpartition(REPLY)[0].rpartition(MESSAGE)
    if message and history.startswith(prompt):
        if gap := history[len(prompt) :].rstrip(" \t"):
            note = f"The template puts {_quoted(gap)} before replies; the prompt ends with it."
            template = template.noting(note, prefill=gap)
        return _closed(template, prompt + gap)
    extra = prompt.removeprefix(history) if history and prompt.startswith(history) else ""
    marks = MARK.search(extra) and not re.search(r"\w", MARK.sub("", extra))
    if extra and not (marks or CLOSING.search(extra) or _open(prompt)):
        cut = prompt[len(history.rstrip(" \t")) :]
        note = f"The template's prompt ends in {_quoted(cut)}, which its history does not put before replies; it was left out."
        return template.noting(note, cut=cut)
    return _closed(template, prompt)


def _open(prompt):
    """The thinking that a prompt (its part after the message) leaves open, as it is written there; else ''."""
    if channel := CHANNEL.search(prompt.rstrip()):
        return channel[0]
    last = [*OPENING.finditer(prompt)][-1:]
    return last[0][0] if last and not CLOSING.search(prompt, last[0].end()) else ""


def _closed(template, prompt):
    """The template with thinking closed at once where ``prompt`` (all after the message) leaves it open."""
    opening = _open(prompt)
    if not opening:
        spaces = re.search(r"[ \t]*$", prompt)[0] if not template.prefill else ""
        return replace(template, cut=spaces)
    mark = OPENING.fullmatch(opening) if prompt.rstrip().endswith(opening) else None
    left, name, right = mark.group("left", "name", "right") if mark else ("", "", "")
    ends = [f"/{name}", *(name.replace(start, end) for start, end in STARTS if start in name)]
    for closing in (f"{left}{end}{right}" for end in ends if mark):
        known = closing in template.source or closing in template.tokenizer.get_vocab()
        if known or closing in ("</think>", "[/THINK]", "</thinking>"):
            note = f"The template opens {opening}; it was closed at once."
            return template.noting(note, prefill=f"{template.prefill}\n\n{closing}\n\n")
    raise KaomojiError(
        f"the chat template leaves {opening} open; expected a prompt that ends where the visible reply starts; "
        "set template_kwargs or prefill for this model in data/models.yml"
    )


def _remarks(template):
    """Notes on what could not be mended (list of str)."""
    before, _, after = template.render(MESSAGE).rpartition(MESSAGE)
    notes = []
    for words, place in ((before, "before"), (after, "after")):
        own = re.findall(r"[^\W\d_]{2,}", MARK.sub(" ", words))
        if sum(word.lower() not in ROLES for word in own) > 3:
            note = f"The template puts words of its own {place} the message: {_quoted(words)}."
            notes.append(note)
    messages = "“a” <b> & 'c' \\n", 'say "d"'
    if changed := [one for one in messages if one not in template.render(one)]:
        note = f"The template changes messages: it does not write {_quoted(changed[0])} as it is."
        notes.append(note)
    end = CLOSING.search(template.source)
    if end and not CLOSING.search(after):
        notes.append(
            f"The template knows {_quoted(end[0])} as the end of thinking, and the prompt neither opens nor closes "
            "it: the model may think before it replies."
        )
    return notes


def _quoted(text):
    shown = text.strip(" ").replace("\n", "\\n")
    return f"“{shown if len(shown) <= 80 else shown[:77] + '…'}”"
