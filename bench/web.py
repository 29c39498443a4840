"""What the console costs (bench/run.py): the processor time of an exchange at the holder with somebody looking at live figures, against the same without."""
import http.client
import json
import secrets
import statistics
import threading
from hashlib import sha256

import measure
import pairs

CONNECTIONS, WATCHERS = 64, 5


class WatchedPair(pairs.ComityPair):
    """A Comity pair whose holder has the REST API, for a viewer."""
    name = 'comity-console'

    def start(self):
        self.federation.make()
        folder = self.federation.holder.folder
        self.token = secrets.token_urlsafe(24)
        self.api_port, = measure.free_ports(1)
        (folder / 'api.yaml').write_text(json.dumps({'clients': [{'name': 'viewer', 'role': 'viewer', 'tokens': [sha256(self.token.encode()).hexdigest()]}]}))
        path = folder / 'gateway.yaml'
        path.write_text(path.read_text().replace('listen:\n', f'listen:\n  api: {{ address: "127.0.0.1:{self.api_port}" }}\n', 1))
        self.federation.make = lambda: None  # it is made
        super().start()


class Watcher(threading.Thread):
    """Reads /v1/live until it is closed; counts what comes."""

    def __init__(self, pair):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection('127.0.0.1', pair.api_port, timeout=30)
        self.connection.request('GET', '/v1/live', headers={'Authorization': 'Bearer ' + pair.token})
        self.answer = self.connection.getresponse()
        self.events = 0

    def run(self):
        try:
            while line := self.answer.readline():
                self.events += line.startswith(b'data: ')
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # closed

    def close(self):
        self.connection.sock.close()


def cost(pair, seconds):
    """CPU microseconds of the holder for an exchange, and exchanges a second."""
    told, spent = measure.load(pair.url, pair.headers, CONNECTIONS, seconds, pair.provider.pids())
    return spent / told['requests'] * 1e6, told['requests'] / told['duration_us'] * 1e6


def measure_console(folder, quick, talk):
    """Starts a service and a pair of its own."""
    service = pairs.Direct(folder)
    service.start()
    try:
        return measure_watched(folder, service, 3, 3 if quick else 8, talk)
    finally:
        service.stop()


def table(result):
    return (f'The console, {result["console_watchers"]} looking at live figures, at {result["console_exchanges_per_s"]:,} exchanges/s: '
            f'{result["console_cost_percent"]:.2f} % of the holder\'s CPU time an exchange')


def measure_watched(folder, service, rounds, seconds, talk):
    """{'console_cost_percent', ...}: medians over rounds that take turns, so that a slow minute hits both."""
    pair = WatchedPair(folder, service)
    ratios, rates, events = [], [], 0
    pair.start()
    try:
        measure.load(pair.url, pair.headers, CONNECTIONS, 1)
        for number in range(rounds):
            talk(f'console: round {number + 1}')
            without, rate = cost(pair, seconds)
            watchers = [Watcher(pair) for _ in range(WATCHERS)]
            for watcher in watchers:
                watcher.start()
            watched, _ = cost(pair, seconds)
            again = [watcher.events for watcher in watchers]
            for watcher in watchers:
                watcher.close()
            if min(again) < seconds - 1:
                raise RuntimeError(f'{again} events in {seconds} s: nobody was watching')
            after, _ = cost(pair, seconds)
            ratios.append(watched / ((without + after) / 2))
            rates.append(rate)
            events += sum(again)
    finally:
        pair.stop()
    return {'console_cost_percent': round((statistics.median(ratios) - 1) * 100, 2), 'console_exchanges_per_s': round(statistics.median(rates)),
            'console_watchers': WATCHERS, 'console_events': events}
