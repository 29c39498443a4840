"""What decisions on consents cost: `python3 bench/policy.py [--quick]` runs it alone; bench/run.py has it in `make bench`.

Keys of `policy` in build/bench.json:
  decide_memory_p99_us  finding the consents in memory and deciding on them, one person of all at random, 99th percentile, the clock's own cost included
  decide_sqlite_p99_us  the same with reading them from the database (warm: the file is in the machine's page cache)
  bytes_per_consent     all that the cache takes, its table of generations too, by the records in it
  withdraw_ms           from asking to the acknowledgement, median: one wait for the disk
"""
import json
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = TOP / 'build/release/bench/policy_bench'
TARGETS = {'decide_memory_p99_us': 1.0, 'decide_sqlite_p99_us': 10.0, 'bytes_per_consent': 64.0}


def measure_policy(folder=None, quick=False, talk=lambda text: None):
    """Runs the program in a temporary folder under `folder`, and returns what it printed."""
    consents, stored = (200_000, 20_000) if quick else (10_000_000, 1_000_000)
    talk(f'decisions on {consents:,} consents in memory, {stored:,} in the database')
    with tempfile.TemporaryDirectory(dir=folder) as place:
        done = subprocess.run([PROGRAM, place, str(consents), str(stored)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def table(result):
    """The figures beside what they should be at most."""
    lines = []
    for key in ('decide_memory_p99_us', 'decide_sqlite_p99_us', 'bytes_per_consent', 'withdraw_ms'):
        target = f'  (at most {TARGETS[key]:g})' if key in TARGETS else ''
        lines.append(f'{key:22} {result[key]:10.3f}{target}')
    return '\n'.join(lines)


if __name__ == '__main__':
    print(table(measure_policy(quick='--quick' in sys.argv[1:], talk=print)))
