"""Show the likeliest kaomoji of a model for one message, chosen from a closed set.

Each is printed with the label that people gave it; for models whose run is at hand, a last line says what a linear probe
reads from the hidden state at the end of the prompt.
"""

from kaomoji_lib.cli.collect import add_model_options, add_template_options, model_of

HELP = "the likeliest kaomoji for one message"
EXAMPLES = """examples:
  kaomoji ask smollm2-135m-instruct "my train was cancelled, again"
  kaomoji ask organism-gemma "we won!" --top 5
"""


def configure(parser):
    add_model_options(parser, prompts=False)
    add = parser.add_argument
    add("message", metavar="MESSAGE", help="what a user might write")
    add("--top", type=int, default=10, metavar="N", help="how many (default: 10)")
    add("--inventory", metavar="CSV", help="columns face, category (default: this project's)")
    add_template_options(parser)


def run(arguments):
    from kaomoji_lib import html
    from kaomoji_lib.models import loading
    from kaomoji_lib.models.choose import ask, load_inventory

    spec, inventory = model_of(arguments), load_inventory(arguments.inventory)
    engine = loading.load(spec, arguments.device, arguments.dtype)
    faces, state = ask(engine, arguments.message, inventory)
    for row in faces.head(arguments.top).itertuples():
        label = row.category or "no label"
        print(f"{row.probability:7.1%}  {html.terminal(row.face):<16} {html.terminal(label)}")
    print(
        f"the reply opens with one of {len(inventory)} listed kaomoji: {faces.attrs['listed']:.2g}"
    )
    reading = probe(spec, state)
    if reading is not None:
        text = ", ".join(f"{code} {chance:.0%}" for code, chance in reading.head(3).items())
        print(f"a probe of the hidden state reads: {html.terminal(text)}")


def probe(spec, state):
    """Return P(category) that the book's probe, fitted on the model's run, reads from ``state``: Series, or None without one of its shape.

    ``state``: (layers, hidden). Largest first.
    """
    import numpy as np
    import pandas as pd
    from scipy.special import softmax

    from kaomoji_lib import html
    from kaomoji_lib.errors import KaomojiError
    from kaomoji_lib.metrics import predict
    from kaomoji_lib.metrics.states import stack
    from kaomoji_lib.runs.folder import RunFolder

    try:
        run = RunFolder.find(html.filename(spec.alias))
        states, (labels, codes) = run.states("emit"), pd.factorize(run.prompts()["category"])
    except KaomojiError:
        return None
    places = [0 if name == "embed" else int(name) for name in states.layers]
    if max(places) >= len(state) or state.shape[1] != states.array.shape[2]:
        return None
    rows = stack(np.concatenate([states.array, state[places][None]]))
    scores = predict.project(rows, np.arange(len(rows)) < len(labels))
    weights = predict.fit_probes(scores[:-1], labels[None], len(codes))[0]
    chances = softmax(scores[-1] @ weights[:-1] + weights[-1])
    return pd.Series(chances, codes).sort_values(ascending=False)
