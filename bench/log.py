#!/usr/bin/python3
"""bench/log.py [--quick] [--entries N] [--out FILE]

What the evidence log costs, on the disk that build/ is on: appending, the four statements of an exchange, verifying, proving, starting, and its
size; beside it an append-only table in PostgreSQL. bench/run.py calls this; alone it prints its part and, with --out, writes it as JSON.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import measure
import pairs
import postgres

TOP = Path(__file__).resolve().parent.parent
PROGRAM = Path(os.environ.get('LOG_BENCH', TOP / 'build/release/bench/log_bench'))
SMALL = 16          # bytes of a statement where the log's own work is to be seen, and ten million of them are to fit on a disk
BATCH = 4096
RECORD_HEADER = 80  # docs/formats/records.md
SEGMENT_HEADER = 64
DISK_BLOCK = 4096
EXCHANGE_KINDS = (1, 2, 3, 4)  # request sent, decision, answer sent, answer received


def run(*words):
    done = subprocess.run([str(PROGRAM), *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'log_bench {words[0]}: {done.stderr.strip()}')
    return json.loads(done.stdout)


def records(folder):
    """(kind, statement bytes, attachment bytes) of each record in a folder of segments."""
    for path in sorted(Path(folder).glob('records/*.seg')):
        data, at = path.read_bytes(), SEGMENT_HEADER
        while data[at + 8:at + 12] == b'CmR1':
            statement, attachment = (int.from_bytes(data[at + offset:at + offset + 4], 'big') for offset in (40, 44))
            yield data[at + 12], statement, attachment
            at += record_bytes(statement, attachment)


def record_bytes(statement, attachment):
    return (RECORD_HEADER + statement + attachment + 7) // 8 * 8


def blocks(size):
    return (size + DISK_BLOCK - 1) // DISK_BLOCK * DISK_BLOCK


# An entry's share of a full entry bundle, of a tile of leaves, and of the tiles above, in whole blocks of the disk.
PUBLIC_BYTES = (blocks(256 * 34) + blocks(256 * 32) * (1 + 1 / 256 + 1 / 65536)) / 256


def exchange_sizes(*folders):
    """From the logs of a pair: {kind: (mean statement, mean attachment)}, and the bytes that one exchange takes in both logs together."""
    totals = {kind: [0, 0, 0, 0] for kind in EXCHANGE_KINDS}
    for folder in folders:
        for kind, statement, attachment in records(folder):
            if kind in totals:
                for place, value in enumerate((1, statement, attachment, record_bytes(statement, attachment))):
                    totals[kind][place] += value
    if any(count == 0 for count, *_ in totals.values()):
        raise RuntimeError(f'{folders}: there are not all four kinds of records of exchanges in them')
    sizes = {kind: (round(statement / count), round(attachment / count)) for kind, (count, statement, attachment, _) in totals.items()}
    return sizes, round(sum(size / count + PUBLIC_BYTES for count, _, _, size in totals.values()))


def real_sizes(folder, seconds=2):
    """Of a Comity pair with everything on, under some load, so that receipts are as they are in batches."""
    service = pairs.Direct(folder)
    service.start()
    pair = pairs.ComityPair(folder, service)
    try:
        pair.start()
        measure.load(pair.url, pair.headers, 32, seconds)
    finally:
        pair.stop()
        service.stop()
    return exchange_sizes(*pair_folders(pair))


def pair_folders(pair):
    return [gateway.records_folder for gateway in (pair.federation.consumer, pair.federation.holder)]


def verify_by_command(public, key):
    """`comity log verify` on the public folder; its greatest RSS. (Not ru_maxrss, which begins with this Python's.)"""
    child = subprocess.Popen([pairs.comity.COMMAND, 'log', 'verify', str(public), '--key', key], stdout=subprocess.PIPE, text=True)
    greatest = 0
    while child.poll() is None:
        for line in Path(f'/proc/{child.pid}/status').read_text().splitlines():
            if line.startswith('VmHWM:'):  # a process that has ended has none
                greatest = int(line.split()[1])
        time.sleep(0.01)
    told = child.stdout.read()
    child.stdout.close()
    if child.returncode != 0 or 'good' not in told or greatest == 0:
        raise RuntimeError(f'comity log verify: {told}')
    return greatest / 1024


def measure_appending(folder, entries, sizes, quick, talk):
    result = {}
    talk(f'log: {entries:,} entries through a committer')
    told = run('commit', folder / 'log', entries, SMALL, 0, 4)
    result['append_per_s'], result['published_per_s'] = told['append_per_s'], told['published_per_s']
    talk('log: one thread')
    told = run('append', folder / 'direct', entries // 10, SMALL, 0, BATCH)
    result['append_direct_per_s'] = told['append_per_s']
    talk('log: as large as real ones')
    statement, attachment = (round(statistics.mean(size[place] for size in sizes.values())) for place in (0, 1))
    told = run('commit', folder / 'real', 50_000 if quick else 500_000, statement, attachment, 4)
    result['append_real_size_per_s'] = told['append_per_s']
    told = run('verify', folder / 'real', 'all')
    result['verify_real_size_per_s'] = told['per_s']
    return result


def measure_exchanges(folder, sizes, seconds, talk):
    result = {}
    words = ','.join(f'{statement},{attachment}' for statement, attachment in sizes.values())
    for clients in (1, 32):
        talk(f'log: statements of exchanges, {clients} at a time')
        told = run('exchange', folder / f'exchange-{clients}', clients, seconds, words)
        name = 'client' if clients == 1 else 'clients'
        result[f'exchange_{clients}_{name}_ms'], result[f'exchange_{clients}_{name}_per_s'] = told['ms'], told['per_s']
    return result


def measure_reading(folder, entries, quick, talk):
    log = folder / 'log'
    talk('log: start')
    starts = [run('start', log)['ms'] for _ in range(5)]
    talk('log: verify')
    everything = [run('verify', log, 'all') for _ in range(1 if quick else 2)]
    public = [run('verify', log, 'public') for _ in range(1 if quick else 2)]
    rss = verify_by_command(log / 'public', run('key', log)['key'])
    talk('log: proofs')
    proofs = run('prove', log, 5000 if quick else 50_000)
    if any(told['entries'] < entries // 4 * 4 for told in everything + public):
        raise RuntimeError('not all entries were verified')
    return {
        'start_10m_ms': round(statistics.median(starts), 3), 'verify_per_s': max(told['per_s'] for told in everything),
        'verify_public_per_s': max(told['per_s'] for told in public), 'verify_cpu_us': round(everything[0]['cpu_seconds'] * 1e6 / entries, 3),
        'verify_rss_mib': round(max(rss, *(told['rss_mib'] for told in everything + public)), 1),
        'proof_us': proofs['p50_us'], 'proof_p99_us': proofs['p99_us'], 'proof_bytes': proofs['bytes'],
    }


def measure_log(folder, sizes, bytes_per_exchange, *, entries=0, quick=False, talk=print):
    """All figures, as they go into build/bench.json under "log"."""
    entries = entries or (500_000 if quick else 10_000_000)
    seconds = 1 if quick else 3
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    needed = entries * 300 + (3 << 30)
    if shutil.disk_usage(folder).free < needed:
        raise RuntimeError(f'{folder}: {needed >> 30} GiB must be free for a log of {entries:,} entries; take fewer with --entries')
    try:
        result = {'entries': entries, 'statement_bytes': SMALL, 'bytes_per_exchange': bytes_per_exchange,
                  'exchange_sizes': [list(size) for size in sizes.values()], 'sync_us': round(measure.sync_us(folder), 1),
                  'load_before': os.getloadavg()[0]}
        result.update(measure_exchanges(folder, sizes, seconds, talk))
        result.update(measure_appending(folder, entries, sizes, quick, talk))
        result.update(measure_reading(folder, entries, quick, talk))
        talk('log: PostgreSQL')
        result.update(postgres.measure(folder, batch=BATCH, statement=SMALL, exchange=[sum(size) for size in sizes.values()], seconds=seconds))
        return result
    finally:
        # Not before: removing some ten thousand files keeps a disk busy that discards what is freed.
        talk('log: tidying up')
        shutil.rmtree(folder, ignore_errors=True)


def table(log):
    small = f'statements of {log["statement_bytes"]} bytes'
    rows = [
        (f'entries appended a second, durable and published, {small}', f'{log["append_per_s"]:,.0f}', '200,000'),
        ('  by log_append() alone, batches of 4,096', f'{log["append_direct_per_s"]:,.0f}', ''),
        ('  as large as those of exchanges', f'{log["append_real_size_per_s"]:,.0f}', ''),
        ('four statements of an exchange, ms: 1 client', f'{log["exchange_1_client_ms"]:.2f}', ''),
        ('  32 clients', f'{log["exchange_32_clients_ms"]:.2f}', ''),
        (f'entries verified a second, tree and records, {small}', f'{log["verify_per_s"]:,.0f}', '1,000,000'),
        ('  the public tree alone', f'{log["verify_public_per_s"]:,.0f}', ''),
        ('  tree and records as large as those of exchanges', f'{log["verify_real_size_per_s"]:,.0f}', ''),
        ('  memory, MiB', f'{log["verify_rss_mib"]:.1f}', '64'),
        (f'proof of one of {log["entries"]:,} entries, us', f'{log["proof_us"]:.0f}', '100'),
        (f'start with {log["entries"]:,} entries, ms', f'{log["start_10m_ms"]:.1f}', '100'),
        ('bytes on disk an exchange, both logs together', f'{log["bytes_per_exchange"]:,}', ''),
    ]
    if 'postgres_append_per_s' in log:
        rows += [
            (f'PostgreSQL {log["postgres"].split()[0]}: rows a second, transactions of {BATCH:,}', f'{log["postgres_append_per_s"]:,}', ''),
            ('  one a transaction, 1 and 32 clients', f'{log["postgres_single_1_client_per_s"]:,}, {log["postgres_single_32_clients_per_s"]:,}', ''),
            ('  four in a row, ms: 1 client', f'{log["postgres_exchange_1_client_ms"]:.2f}', ''),
            ('  32 clients', f'{log["postgres_exchange_32_clients_ms"]:.2f}', ''),
        ]
    width = max(len(what) for what, *_ in rows)
    lines = [f'{what:{width}} {value:>14} {aim and "aim " + aim}'.rstrip() for what, value, aim in rows]
    sizes = ', '.join(f'{statement} + {attachment}' for statement, attachment in log['exchange_sizes'])
    return '\n'.join([*lines, f'\nstatements and attachments of an exchange: {sizes} bytes; one sync takes {log["sync_us"]:.0f} us; '
                      f'load before {log["load_before"]:.2f}'])


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--entries', type=int, default=0)
    parser.add_argument('--folder', default=str(TOP / 'build/bench-log'))
    parser.add_argument('--out', default='')
    options = parser.parse_args()
    folder = Path(options.folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def talk(text):
        print(f'bench: {text}', file=sys.stderr, flush=True)

    try:
        talk('log: a pair, for the sizes of statements')
        (folder / 'pair').mkdir()
        sizes, bytes_per_exchange = real_sizes(folder / 'pair')
        shutil.rmtree(folder / 'pair')
        result = measure_log(folder / 'log', sizes, bytes_per_exchange, entries=options.entries, quick=options.quick, talk=talk)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(result))
    if options.out:
        Path(options.out).write_text(json.dumps({'log': result}, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
