"""What a run of load costs: throughput and latency by wrk, CPU time and memory by /proc."""
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'tests' / 'support'))
from heartbeat import Heartbeat  # noqa: E402

HEARTBEAT = Heartbeat(0.5)
TRIES = 5
TICKS = os.sysconf('SC_CLK_TCK')


def load(url, headers, connections, seconds, pids=()):
    """
    One run of wrk: HTTP/1.1, keep-alive; made anew when the machine stood still in it. A run with any error is no measurement. Returns what
    wrk told, and the CPU time in seconds that `pids` spent meanwhile.
    """
    for attempt in range(1, TRIES + 1):
        began, before = time.monotonic(), cpu_seconds(pids)
        try:
            told = load_once(url, headers, connections, seconds)
        except RuntimeError:
            if attempt == TRIES or HEARTBEAT.stood_still_since(began) == 0:
                raise
            continue
        if attempt == TRIES or HEARTBEAT.stood_still_since(began) == 0:
            return told, cpu_seconds(pids) - before
    raise AssertionError('the last attempt returns or raises')


def load_once(url, headers, connections, seconds):
    command = ['wrk', '-t', str(min(2, connections)), '-c', str(connections), '-d', f'{seconds}s', '--timeout', '10s',
               '-s', str(HERE / 'report.lua')]
    for name, value in headers.items():
        command += ['-H', f'{name}: {value}']
    done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith('{')), None)
    if done.returncode != 0 or line is None:
        raise RuntimeError(f'wrk could not measure {url}: {done.stderr or done.stdout}')
    told = json.loads(line)
    if any(told['errors'].values()) or told['requests'] == 0:
        raise RuntimeError(f'{url} answered with errors under {connections} connections: {told["errors"]}')
    return told


def family(pid):
    """The process and its children, as nginx has them."""
    pids = [pid]
    for task in Path(f'/proc/{pid}/task').iterdir():
        for child in (task / 'children').read_text().split():
            pids += family(int(child))
    return pids


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def rss_mib(pids):
    """Pages that are shared count once for each process, as in every tool that shows RSS."""
    total = 0
    for pid in pids:
        for line in Path(f'/proc/{pid}/status').read_text().splitlines():
            if line.startswith('VmRSS:'):
                total += int(line.split()[1])
    return total / 1024


def hold_connections(host, port, path, headers, count):
    """Opens `count` keep-alive connections, has one answer on each, and leaves them open. The caller closes them."""
    held = []
    for _ in range(count):
        connection = http.client.HTTPConnection(host, port, timeout=30)
        connection.request('GET', path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            raise RuntimeError(f'answer {answer.status} while opening connection {len(held) + 1}: {body[:200]!r}')
        held.append(connection)
    return held


def wait_accept(port, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.001)
    raise RuntimeError(f'nothing listens on port {port} after {seconds} s')


def free_ports(count):
    """Ports below those that the kernel gives to outgoing connections, of which there are many here."""
    found, probes = [], []
    while len(found) < count:
        probe = socket.socket()
        try:
            probe.bind(('127.0.0.1', random.randint(12000, 31999)))
        except OSError:
            probe.close()
            continue
        found.append(probe.getsockname()[1])
        probes.append(probe)
    for probe in probes:
        probe.close()
    return found


def sync_us(folder, writes=200):
    """Median time of a 4 KiB write and fdatasync on a preallocated file: what each durable batch costs at least here."""
    path = Path(folder, 'sync-probe')
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(fd, 0, 4096 * writes)
        os.pwrite(fd, b'\0' * 4096 * writes, 0)
        os.fsync(fd)
        times = []
        for n in range(writes):
            began = time.perf_counter()
            os.pwrite(fd, os.urandom(4096), 4096 * n)
            os.fdatasync(fd)
            times.append(time.perf_counter() - began)
        return sorted(times)[writes // 2] * 1e6
    finally:
        os.close(fd)
        path.unlink()
