"""What decisions on consents cost: `python3 bench/policy.py [--quick]` runs it alone; bench/run.py has it in `make bench`.

Keys of `policy` in build/bench.json:
  decide_memory_p99_us  finding the consents in memory and deciding on them, one person of all at random, 99th percentile, the clock's own cost included
  decide_sqlite_p99_us  the same with reading them from the database (warm: the file is in the machine's page cache)
  bytes_per_consent     all that the cache takes, its table of generations too, by the records in it
  decide_sqlite_quiet_p99_us  the least of the 99th percentiles of twenty parts of that run: what is left when others' work on the machine is taken out
  withdraw_ms           from asking to the acknowledgement, median: one wait for the disk
  import_per_s          `comity consent import` of a file sorted by person, five notices each, into an empty database: lines by the time until it ends, durable
  import_cpu_per_s      the same by the CPU time of the process, which others' work on the machine changes little
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = TOP / 'build/release/bench/policy_bench'
sys.path.insert(0, str(TOP / 'tests' / 'support'))
import comity

TARGETS = {'decide_memory_p99_us': 1.0, 'decide_sqlite_p99_us': 10.0, 'bytes_per_consent': 64.0}
LEAST = {'import_per_s': 200_000}
NOTICES = 5


def measure_policy(folder=None, quick=False, talk=lambda text: None):
    """Runs the program in a temporary folder under `folder`, and returns what it printed."""
    consents, stored = (200_000, 20_000) if quick else (10_000_000, 1_000_000)
    talk(f'decisions on {consents:,} consents in memory, {stored:,} in the database')
    with tempfile.TemporaryDirectory(dir=folder) as place:
        done = subprocess.run([PROGRAM, place, str(consents), str(stored)], stdout=subprocess.PIPE, check=True)
        result = json.loads(done.stdout)
        lines = 20_000 if quick else 1_000_000
        talk(f'importing {lines:,} consents')
        return result | measure_import(pathlib.Path(place) / 'import', lines)


def measure_import(folder, count):
    """On a gateway's folder, with no gateway running, under the law `strict`."""
    folder.mkdir()
    federation = comity.Federation(folder=folder, command=TOP / 'build/release/comity')
    federation.make()
    for community in (federation.aurora, federation.baobab):
        community.set_law('strict')
    federation.publish()
    for number in range(NOTICES):
        federation.publish_notice(f'n-{number}', recipient=f'KE/MED/CLINIC{number}')
    path = folder / 'consents.csv'
    with open(path, 'w', encoding='ascii') as out:
        out.write('person,notice,born,decided_at,separate,method\n')
        for line in range(count):
            day = line * 7919 % 28 + 1
            out.write(f'p-{line // NOTICES:011},n-{line % NOTICES},1980-03-01,2026-10-{day:02}T12:00:00Z,sensitive provide border,portal\n')
    before, begin = os.times(), time.monotonic()
    told = federation.holder.run_json('consent', 'import', str(path), timeout=3600)
    seconds, after = time.monotonic() - begin, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    if told['records'] != count:
        raise SystemExit(f'policy.py: {told}, not {count} records')
    return {'import_per_s': count / seconds, 'import_cpu_per_s': count / cpu}


def table(result):
    """The figures beside what they should be at most."""
    lines = []
    for key in ('decide_memory_p99_us', 'decide_sqlite_p99_us', 'decide_sqlite_quiet_p99_us', 'bytes_per_consent', 'withdraw_ms', 'import_per_s',
                'import_cpu_per_s'):
        target = f'  (at most {TARGETS[key]:g})' if key in TARGETS else f'  (at least {LEAST[key]:,})' if key in LEAST else ''
        lines.append(f'{key:27} {result[key]:12,.3f}{target}')
    return '\n'.join(lines)


if __name__ == '__main__':
    print(table(measure_policy(quick='--quick' in sys.argv[1:], talk=print)))
