"""Run the benchmarks: `python -m bench --help`."""

import argparse
import sys
from pathlib import Path
from typing import Final

from bench import report
from bench.cast import CAST
from bench.rows import ROWS
from bench.runner import Program, Run

HERE: Final = Path(__file__).parent
REPEATS: Final = {"quick": 1, "full": 5, "deep": 9}
MINUTES: Final = {"quick": 10.0, "full": 15.5, "deep": 240.0}
PATIENCE_S: Final = {"quick": 15.0, "full": 15.0, "deep": 600.0}


def main(arguments: list[str]) -> int:
    """Measure, and write what was found; the status is 1 when a measurement of Skep failed."""
    asked = _parser().parse_args(arguments)
    scale = "quick" if asked.quick else "deep" if asked.deep else "full"
    rivals = CAST if asked.rivals is None else asked.rivals
    contestants = [each for each in CAST.values() if each.is_own or each.name in rivals]
    program = Program(
        contestants=contestants,
        rows=[ROWS[name] for name in asked.rows or ROWS],
        repeats=asked.repeats or REPEATS[scale],
        scale=scale,
        minutes=asked.minutes or MINUTES[scale],
        patience_s=PATIENCE_S[scale],
        on_screen=lambda line: print(line, flush=True),
    )
    run = Run(program)
    try:
        run.play()
    except KeyboardInterrupt:
        run.skipped.append("it was interrupted")
    print(report.table(run.measurements))
    print(report.written(run, asked.json))
    return report.status(run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Skep's rows measured beside its rivals, in one run."
    )
    parser.add_argument("--quick", action="store_true", help="tiny counts: does it work at all?")
    parser.add_argument("--deep", action="store_true", help="more and larger runs, for hours")
    parser.add_argument("--rows", nargs="+", choices=[*ROWS], metavar="ROW", help=", ".join(ROWS))
    parser.add_argument(
        "--rivals",
        nargs="*",
        choices=[name for name, each in CAST.items() if not each.is_own],
        metavar="RIVAL",
        help="the rivals to measure beside Skep; none: --rivals without a name",
    )
    parser.add_argument("--repeats", type=int, help="how often; 5, or 1 with --quick")
    parser.add_argument("--minutes", type=float, help="when to stop; 15.5, or 10 with --quick")
    parser.add_argument("--json", type=Path, default=HERE, help="folder of the results")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
