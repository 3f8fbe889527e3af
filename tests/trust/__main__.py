"""Break it, and count what breaks: processes killed, faults injected.

    python tests/trust                      everything (`make trust`)
    python tests/trust collecting faults    some campaigns

Prints the counts and keeps them in tests/trust/counts.csv. Ends with code 1 when a row was
lost, duplicated or changed, or a promise broken.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import faults  # noqa: E402
import kills  # noqa: E402
import report  # noqa: E402

CAMPAIGNS = {
    "collecting": lambda place, kill: [kills.collecting(place, kill)],
    "scoring": lambda place, kill: [kills.scoring(place, kill)],
    "asking": lambda place, kill: [kills.asking(place, kill)],
    "batches": lambda place, kill: [kills.asking(place, kill, batch=True)],
    "faults": lambda place, kill: faults.campaign(place),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = f"of {', '.join(CAMPAIGNS)} (default: all)"
    parser.add_argument("campaigns", nargs="*", choices=[*CAMPAIGNS, []], help=names)
    parser.add_argument("--kills", type=int, default=20, help="per campaign (default: 20)")
    arguments = parser.parse_args()
    bad = 0
    for name in arguments.campaigns or CAMPAIGNS:
        with tempfile.TemporaryDirectory(prefix="kaomoji-trust-") as place:
            counts = CAMPAIGNS[name](Path(place), arguments.kills)
        print(*counts, sep="\n", flush=True)
        bad += sum(count.bad for count in counts)
        report.write(counts)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
