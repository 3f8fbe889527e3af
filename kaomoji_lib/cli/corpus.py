"""The living corpus of synthesized faces: what it holds, how often each upload repeats another, how its faces cluster.

Bundles come from a Hugging Face dataset or from a folder: a copy of the dataset, one bundle, or your own ~/.llmoji.
"""

import json

from kaomoji_lib import html as escape

HELP = "read the corpus of synthesized faces, or your own bundle"
EXAMPLES = """examples:
  kaomoji corpus                                  the dataset a9lim/llmoji
  kaomoji corpus --dataset someone/llmoji-fork
  kaomoji corpus --local ~/.llmoji                your own bundle, nothing leaves this machine
  kaomoji corpus --local bundles --json

the page on it: papermill notebooks/33_published_claude_uses.py is the template; its parameter `corpus` takes the
dataset's name or the folder.
"""


def configure(parser):
    parser.add_argument(
        "--dataset",
        default="a9lim/llmoji",
        metavar="OWNER/NAME",
        help="Hugging Face dataset (default: a9lim/llmoji)",
    )
    parser.add_argument(
        "--revision", default=None, help="commit or tag of the dataset (default: its newest)"
    )
    parser.add_argument(
        "--local", default="", metavar="FOLDER", help="read this folder instead; no network"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--seed", type=int, default=0, help="of resamples and permutations (default: 0)"
    )


def run(arguments):
    from kaomoji_lib.published import corpus_report

    found = corpus_report.gather(
        arguments.local or arguments.dataset, arguments.revision, local=bool(arguments.local)
    )
    report = corpus_report.summary(found, seed=arguments.seed)
    if arguments.json:
        print(json.dumps(report, indent=1, ensure_ascii=True, allow_nan=False))
        return 0
    say = lambda text: print(escape.terminal(text))  # noqa: E731
    say(
        f"{found.origin}: {report['bundles']} bundles, {report['kept_bundles']} kept, {report['descriptions']} descriptions of {report['faces']} faces"
    )
    for item in report["versions"]:
        where = "prose" if item["lexicon_version"] == 0 else f"lexicon {item['lexicon_version']}"
        say(
            f"  {where}: {item['descriptions']} descriptions of {item['faces']} faces, typed {item['count']} times"
        )
    for item in report["left_out"]:
        say(f"  left out: {item['contributor']}/{item['bundle']}: {item['why']}")
    for item in report["skipped"]:
        say(f"  skipped: {item['where']}: {item['rows']} rows: {item['why']}")
    if report["clusters"]:
        say(
            f"  {report['clusters']} clusters; PC1 {report['pc1']:.1%}, PC2 {report['pc2']:.1%} of the variance between faces"
        )
    else:
        say(f"  no clusters: {report['no_clusters']}")
    return 0
