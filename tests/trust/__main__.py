"""Break it, and count what breaks: processes killed, faults injected, hostile and made-up input.

    python tests/trust                      everything (`make trust`)
    python tests/trust collecting fuzzing   some campaigns

Prints the counts and keeps them in tests/trust/counts.csv. Ends with code 1 when a row was
lost, duplicated or changed, or a promise broken.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import faults  # noqa: E402
import fuzzing  # noqa: E402
import kills  # noqa: E402
import outside  # noqa: E402
import pages  # noqa: E402
import report  # noqa: E402

import notebooks  # noqa: E402

KILLS = {"collecting": 20, "scoring": 20, "asking": 20, "batches": 20}
CAMPAIGNS = {
    "collecting": lambda place, scale: [kills.collecting(place, scale(KILLS["collecting"]))],
    "scoring": lambda place, scale: [kills.scoring(place, scale(KILLS["scoring"]))],
    "asking": lambda place, scale: [kills.asking(place, scale(KILLS["asking"]))],
    "batches": lambda place, scale: [kills.asking(place, scale(KILLS["batches"]), batch=True)],
    "faults": lambda place, scale: faults.campaign(place),
    "texts": lambda place, scale: pages.texts(),
    "pages": lambda place, scale: [pages.book(place)],
    "notebooks": lambda place, scale: [notebooks.campaign(place, scale(len(outside.strings())))],
    "fuzzing": lambda place, scale: fuzzing.campaign(place, scale(fuzzing.RUNS)),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "campaigns", nargs="*", metavar="CAMPAIGN", help=f"of {', '.join(CAMPAIGNS)} (default: all)"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the kills and inputs (default: 1)"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.campaigns) - set(CAMPAIGNS):
        parser.error(
            f"unknown campaign {', '.join(sorted(unknown))}; expected some of {', '.join(CAMPAIGNS)}"
        )
    bad = 0
    for name in arguments.campaigns or CAMPAIGNS:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="kaomoji-trust-") as place:
            counts = CAMPAIGNS[name](
                Path(place), lambda number: max(1, round(number * arguments.share))
            )
        for count in counts:
            print(
                f"{count.group}: {count.what}: {count.tried} tried, {count.rows} rows compared, {count.lost} lost, {count.duplicated} duplicated, "
                f"{count.changed} changed, {count.broken} broken",
                flush=True,
            )
            bad += count.bad
        print(f"  ({name}: {time.monotonic() - started:.0f} s)", flush=True)
        report.write(counts)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
