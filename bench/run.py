#!/usr/bin/python3
"""bench/run.py [--quick] [--pairs NAME,...] [--rounds N] [--seconds N] [--no-log] [--out FILE]

Measures the same 1 KiB JSON answer at 1, 32 and 256 connections, in interleaved rounds on this machine: the service alone (direct), behind an
nginx pair, a HAProxy pair (both with mutual TLS 1.3 between) and a Comity pair with everything on; then what the evidence log costs (log.py), with
statements as large as that pair's. Prints two tables and writes build/bench.json.
"""
import argparse
import fcntl
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import log
import measure
import pairs
import policy
import release
import web

TOP = Path(__file__).resolve().parent.parent
CONNECTIONS = [1, 32, 256]
KINDS = {kind.name: kind for kind in (pairs.Direct, pairs.NginxPair, pairs.HaproxyPair, pairs.ComityPair)}


def measure_rounds(running, rounds, seconds, talk):
    """{pair: {c1: [figures of each round]}}; the pairs take turns, so that a slow minute of the machine hits them all."""
    figures = {pair.name: {f'c{n}': [] for n in CONNECTIONS} for pair in running}
    for pair in running:  # connections, caches and pools as they will be
        measure.load(pair.url, pair.headers, max(CONNECTIONS), 1)
    for number in range(rounds):
        for connections in CONNECTIONS:
            for pair in running:
                talk(f'round {number + 1} of {rounds}: {pair.name} at {connections}')
                pids = pair.pids()
                told, spent = measure.load(pair.url, pair.headers, connections, seconds, pids)
                figures[pair.name][f'c{connections}'].append({
                    'rps': told['requests'] / told['duration_us'] * 1e6, 'p50_ms': told['p50_us'] / 1000, 'p99_ms': told['p99_us'] / 1000,
                    'cpu_us': spent / told['requests'] * 1e6})
    return figures


def medians(figures):
    result = {}
    for name, loads in figures.items():
        result[name] = {load: {key: round(statistics.median(one[key] for one in runs), 3) for key in runs[0]} for load, runs in loads.items()}
        result[name]['spread'] = {load: round((max(one['rps'] for one in runs) - min(one['rps'] for one in runs))
                                              / statistics.median(one['rps'] for one in runs), 3) for load, runs in loads.items()}
    return result


def ratio(result, load):
    best = max(result[name][load]['rps'] for name in ('nginx', 'haproxy') if name in result)
    return round(result['comity'][load]['rps'] / best, 3)


def measure_memory(pair, count=1000):
    """RSS of the consumer's side before and while it holds `count` connections that have each had an answer."""
    idle = measure.rss_mib(pair.consumer.pids())
    held = measure.hold_connections('127.0.0.1', pair.port, pair.path, pair.headers, count)
    try:
        return round(idle, 2), round(measure.rss_mib(pair.consumer.pids()), 2)
    finally:
        for connection in held:
            connection.close()


def measure_start(pair, times=5):
    """The holder's side, stopped and started again. After the load a Comity gateway has the ids of the last minutes' exchanges to read."""
    took = []
    for _ in range(times):
        pair.provider.stop()
        began = time.perf_counter()
        pair.provider = pair.start_provider()
        took.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(took), 1)


def binary_mib(folder):
    copy = Path(folder, 'comity.stripped')
    shutil.copy(TOP / 'build/release/comity', copy)
    subprocess.run(['strip', str(copy)], check=True)
    return round(copy.stat().st_size / 1048576, 3)


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0].strip()


def conditions(folder, options):
    cpu = next((line.split(':', 1)[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines() if line.startswith('model name')), '')
    told = {
        'cpu': cpu, 'cores': os.cpu_count(), 'kernel': platform.release(), 'workers': pairs.WORKERS, 'rounds': options.rounds,
        'seconds': options.seconds, 'connections': CONNECTIONS, 'answer_bytes': len(pairs.answer_body()),
        'sync_us': round(measure.sync_us(folder), 1), 'load_before': os.getloadavg()[0],
        'nginx': version('/usr/sbin/nginx', '-v'), 'haproxy': version('/usr/sbin/haproxy', '-v'), 'openssl': version('openssl', 'version'),
        'wrk': version('wrk', '-v'), 'commit': version('git', '-C', str(TOP), 'describe', '--always', '--dirty'),
        'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
    }
    return told


def table(result):
    lines = [f'{"":8} {"connections":>11} {"requests/s":>11} {"p50 ms":>8} {"p99 ms":>8} {"CPU us":>8}']
    for name, loads in result['pairs'].items():
        for load in (f'c{n}' for n in CONNECTIONS):
            one = loads[load]
            lines.append(f'{name:8} {load[1:]:>11} {one["rps"]:>11,.0f} {one["p50_ms"]:>8.2f} {one["p99_ms"]:>8.2f} {one["cpu_us"]:>8.0f}')
    if 'ratio' in result:
        lines.append(f'\nComity / the better of nginx and HAProxy: {result["ratio_1"]:.2f} at 1, {result["ratio"]:.2f} at 32, '
                     f'{result["ratio_256"]:.2f} at 256 connections')
    for name, value in result['memory'].items():
        lines.append(f'{name}: {value["rss_idle_mib"]:.1f} MiB idle, {value["rss_1000_mib"]:.1f} MiB with 1,000 connections; '
                     f'ready {value["cold_start_ms"]:.0f} ms after its start, {value["restart_after_load_ms"]:.0f} ms after the load')
    if 'binary_mib' in result:
        lines.append(f'comity, stripped: {result["binary_mib"]:.2f} MiB')
    seen = result['conditions']
    lines.append(f'\n{seen["cpu"]}, {seen["cores"]} cores, Linux {seen["kernel"]}; {seen["workers"]} workers each; median of {seen["rounds"]} rounds of '
                 f'{seen["seconds"]} s; one sync takes {seen["sync_us"]:.0f} us; load before {seen["load_before"]:.2f}')
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--pairs', default=','.join(KINDS))
    parser.add_argument('--rounds', type=int, default=0)
    parser.add_argument('--seconds', type=int, default=0)
    parser.add_argument('--no-log', action='store_true')
    parser.add_argument('--out', default=str(TOP / 'build/bench.json'))
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (2 if options.quick else 5)
    wanted = [name for name in KINDS if name in options.pairs.split(',')]
    if len(wanted) != len(set(options.pairs.split(','))):
        parser.error(f'--pairs: there are {", ".join(KINDS)}')
    if 'comity' in wanted and not options.no_log and not log.PROGRAM.exists():
        print(f'bench: {log.PROGRAM} is not there: run make bench, or tools/build release all bench/log_bench, or leave it out by --no-log', file=sys.stderr)
        return 2

    folder = TOP / 'build/bench'
    folder.parent.mkdir(exist_ok=True)
    with open(TOP / 'build/bench.lock', 'w', encoding='ascii') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print('bench: another run is going on here, and would measure this one; wait for it', file=sys.stderr)
            return 2
        return measure_all(options, wanted, folder)


def measure_all(options, wanted, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    is_terminal = sys.stderr.isatty()

    def talk(text):
        print(f'\r{text:60}' if is_terminal else f'bench: {text}', end='' if is_terminal else '\n', file=sys.stderr, flush=True)

    result = {'conditions': conditions(folder, options), 'memory': {}}
    pairs.make_certificates(folder)
    service = pairs.Direct(folder)
    service.start()
    running = []
    try:
        for name in wanted:
            talk(f'starting {name}')
            if name == 'direct':
                running.append(service)
            else:
                pair = KINDS[name](folder, service)
                running.append(pair)
                pair.start()
        for pair in running:
            if pair is not service:
                idle, many = measure_memory(pair)
                result['memory'][pair.name] = {'rss_idle_mib': idle, 'rss_1000_mib': many, 'cold_start_ms': measure_start(pair)}
        result['pairs'] = medians(measure_rounds(running, options.rounds, options.seconds, talk))
        for pair in running:
            if pair is not service:
                result['memory'][pair.name]['restart_after_load_ms'] = measure_start(pair)
    finally:
        for pair in running:
            if pair is not service:
                pair.stop()
        service.stop()
    if 'comity' in wanted:
        result.setdefault('web', {}).update(web.measure_console(folder, quick=options.quick, talk=talk))
        result.update(result['memory']['comity'])
        result['binary_mib'] = binary_mib(folder)
        if {'nginx', 'haproxy'} & set(wanted):
            result.update({'ratio_1': ratio(result['pairs'], 'c1'), 'ratio': ratio(result['pairs'], 'c32'),
                           'ratio_256': ratio(result['pairs'], 'c256')})
    if 'comity' in wanted and not options.no_log:
        sizes, bytes_per_exchange = log.exchange_sizes(*log.pair_folders(next(pair for pair in running if pair.name == 'comity')))
        result['log'] = log.measure_log(folder / 'log', sizes, bytes_per_exchange, quick=options.quick, talk=talk)
    if release.PROGRAM.exists():
        result.setdefault('policy', {}).update(release.measure_release(quick=options.quick, talk=talk))
    if policy.PROGRAM.exists():
        result.setdefault('policy', {}).update(policy.measure_policy(folder=folder, quick=options.quick, talk=talk))
    if is_terminal:
        print('\r' + ' ' * 60 + '\r', end='', file=sys.stderr)
    print(table(result))
    if 'web' in result:
        print(web.table(result['web']))
    if 'log' in result:
        print(f'\nThe evidence log, on the same disk\n{log.table(result["log"])}')
    if 'policy' in result:
        print(f'\n{release.table(result["policy"])}')
        if 'decide_memory_p99_us' in result['policy']:
            print(f'\n{policy.table(result["policy"])}')
    Path(options.out).write_text(json.dumps(result, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
