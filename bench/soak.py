#!/usr/bin/python3
"""bench/soak.py [--seconds N] [--folder DIR]

A pair of gateways for N seconds (600) under mixed load: answers of all sizes, refusals, consents given and withdrawn, services that break,
reloads, applications that go away midway, a kill now and then. It ends with 0 when memory and open files have stopped growing, every
acknowledged exchange is in both logs, and both logs verify.
"""
import argparse
import contextlib
import http.client
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'tests' / 'support'))
import comity
import measure
import service


class Load:
    """Threads that ask. What must hold for each answer is checked where it comes in."""

    def __init__(self, federation):
        self.federation = federation
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.counts, self.problems = {}, []
        self.acknowledged = set()  # exchange ids of answers with data
        self.is_down = threading.Event()

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def problem(self, text):
        with self.lock:
            self.problems.append(text)
        self.stopping.set()

    def ask_records(self, dice):
        answer = self.federation.ask(comity.PERSON)
        if answer.status == 200:
            body = answer.json()
            if 'internal' in body or 'conditions' in body:
                self.problem(f'released what nobody consented to: {body}')
            with self.lock:
                self.acknowledged.add(answer.header('x-road-request-id'))
        elif answer.reason is None:
            self.problem(f'refused without a reason: {answer}')
        self.count(f'{answer.status} {answer.reason}')

    def ask_unknown(self, dice):
        answer = self.federation.ask(comity.PERSON, service='nothing', rest='/x')
        if answer.status == 200:
            self.problem(f'an unknown service answered: {answer}')
        self.count(f'{answer.status} {answer.reason}')

    def ask_broken(self, dice):
        path = dice.choice(['/reset', '/garbage', '/close', '/chunked', '/big'])
        answer = self.federation.ask(service='echo', rest=path, method=dice.choice(['GET', 'POST']), body=bytes(dice.randrange(200_000)))
        self.count(f'{path} {answer.status} {answer.reason}')

    def go_away(self, dice):
        head = f'GET {self.federation.path()} HTTP/1.1\r\nHost: x\r\nX-Road-Client: {comity.CLIENT}\r\n\r\n'.encode()
        comity.raw(self.federation.consumer.application_port, head[:dice.randrange(1, len(head))], timeout=dice.random() * 0.05)
        self.count('gone')

    def run(self, seed):
        dice = random.Random(seed)
        while not self.stopping.is_set():
            ask = dice.choices([self.ask_records, self.ask_unknown, self.ask_broken, self.go_away], [70, 10, 15, 5])[0]
            try:
                ask(dice)
            except (OSError, http.client.HTTPException) as trouble:
                self.count(type(trouble).__name__)
                if not self.is_down.is_set():
                    self.problem(f'{ask.__name__}: the gateway did not answer: {trouble!r}')
                time.sleep(0.05)


def logged(gateway, kind):
    """The exchanges that have an entry of this kind in a gateway's log. Read line by line: a long soak's log is large."""
    found, seen_kind = set(), None
    with subprocess.Popen([gateway.command, '-C', str(gateway.folder), '--json', 'log', 'show', '--last', '100000000'],
                          stdout=subprocess.PIPE, text=True) as reader:
        for line in reader.stdout:
            name, _, value = line.strip().partition(': ')
            if name == '"kind"':
                seen_kind = value.strip('",')
            elif name == '"exchange"' and seen_kind == kind:
                found.add(value.strip('",'))
    if reader.returncode != 0:
        raise comity.Trouble(f'{gateway.member}: the log cannot be shown')
    return found


def open_files(gateway):
    return len(os.listdir(f'/proc/{gateway.pid}/fd'))


def disturb(federation, load, seconds, talk):
    """What happens besides load, until the time is over. Returns samples of (RSS, files) of the consumer's gateway, which is never killed."""
    dice, samples, consent = random.Random(1), [], None
    end = time.monotonic() + seconds
    while time.monotonic() < end and not load.stopping.is_set():
        time.sleep(1)
        samples.append((measure.rss_mib([federation.consumer.pid]), open_files(federation.consumer)))
        deed = dice.choices(['nothing', 'consent', 'reload', 'kill'], [60, 25, 10, 5])[0]
        if deed == 'consent':
            if consent is None:
                consent = federation.give_consent(comity.PERSON, [comity.IMMUNISATIONS, comity.NAME])
            else:
                federation.withdraw_consent(consent)
                consent = None
                if federation.ask(comity.PERSON).status == 200:
                    load.problem('an answer came after the withdrawal was acknowledged')
        elif deed == 'reload':
            federation.consumer.reload()
            federation.holder.reload()
        elif deed == 'kill':
            load.is_down.set()
            federation.holder.kill()
            federation.holder.start()
            time.sleep(0.5)  # answers of the time before are still on their way
            load.is_down.clear()
        talk(f'{deed}; {len(samples)} s of {seconds}, RSS {samples[-1][0]:.1f} MiB, {samples[-1][1]} files')
    return samples


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--seconds', type=int, default=600)
    parser.add_argument('--folder', default=str(comity.TOP / 'build/soak'))
    options = parser.parse_args()
    backend = comity.record_service()
    for path, behaviour in (('/echo/reset', service.reset_midway()), ('/echo/garbage', service.garbage), ('/echo/close', service.close_midway()),
                            ('/echo/chunked', service.chunked([b'["', b'x' * 100_000, b'"]'])), ('/echo/big', service.big(5_000_000))):
        backend.on(path, behaviour)
    with contextlib.suppress(FileNotFoundError):
        comity.shutil.rmtree(options.folder)

    def talk(text):
        if sys.stderr.isatty():
            print(f'\r{text:100}', end='', file=sys.stderr, flush=True)

    with comity.Federation(options.folder, service=backend, diagnostics='warn') as federation:
        load = Load(federation)
        threads = [threading.Thread(target=load.run, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        try:
            samples = disturb(federation, load, options.seconds, talk)
        finally:
            load.stopping.set()
            for thread in threads:
                thread.join()
        permitted = federation.consumer.metric('comity_gateway_exchanges_total', side='consumer', result='permit')
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for gateway in (federation.consumer, federation.holder):
        done = gateway.log_verify(expect=None)
        if done.returncode != 0:
            load.problems.append(f'{gateway.member}: the log does not verify: {done.stdout}{done.stderr}')
    for gateway, kind in ((federation.consumer, 'request-sent'), (federation.consumer, 'answer-received'), (federation.holder, 'decision'),
                          (federation.holder, 'answer-sent')):
        missing = load.acknowledged - logged(gateway, kind)
        if missing:
            load.problems.append(f'{gateway.member}: {len(missing)} acknowledged exchanges have no entry {kind}, such as {min(missing)}')
    # The first third warms caches, pools and the allocator; after it nothing may grow on and on.
    third = max(1, len(samples) // 3)
    for name, index, allowed in (('RSS in MiB', 0, 8.0), ('open files', 1, 32)):
        before = max(sample[index] for sample in samples[third:2 * third] or samples)
        after = max(sample[index] for sample in samples[2 * third:] or samples)
        print(f'{name}: at most {before:.1f} in the second third, {after:.1f} in the last')
        if after > before + allowed:
            load.problems.append(f'{name} grew from {before:.1f} to {after:.1f}')
    for what, count in sorted(load.counts.items(), key=lambda pair: -pair[1]):
        print(f'{count:8} {what}')
    print(f'{len(load.acknowledged)} answers with data, {permitted:.0f} permitted by the consumer\'s count, the holder was killed {federation.holder.kills} times')
    for text in load.problems:
        print(f'PROBLEM: {text}')
    print('soak: fine' if not load.problems else 'soak: not fine')
    return 1 if load.problems else 0


if __name__ == '__main__':
    sys.exit(main())
