"""Audits while workers, API, scheduler, Redis and PostgreSQL are killed: each must come out once.

python bench/chaos.py --audits 200 --seed 1 --backend sqlite
python bench/chaos.py --audits 200 --seed 1 --backend postgres

Needs the test programs: redis-server and PostgreSQL for the second.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from chaos import storm


def main() -> int:
    """Run one storm; 1 when anything was lost, doubled or changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backend", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--every-s", type=float, default=3.0, help="mean seconds between kills")
    parser.add_argument("--limit-s", type=float, default=3600.0, help="give up after so long")
    given = parser.parse_args()
    report = storm(
        audits=given.audits,
        seed=given.seed,
        backend=given.backend,
        every_s=given.every_s,
        limit_s=given.limit_s,
    )
    print(f"{report.done} of {given.audits} audits done in {report.seconds:.0f} s, {given.backend}")
    print(f"{report.shards} shards, begun {report.attempts} times")
    for kind, times in sorted(report.kills.items()):
        print(f"  killed {kind}: {times}")
    for line in report.wrong:
        print(f"  WRONG {line}")
    return 1 if report.wrong or report.done != given.audits else 0


if __name__ == "__main__":
    sys.exit(main())
