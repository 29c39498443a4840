"""A disk that is full, fails or is cut off, a process that is killed, a folder that two want: what was acknowledged stays provable."""
import random
import shutil
import subprocess
import threading
import time
import unittest

from comity import IMMUNISATIONS, PATIENCE, PERSON, Federation, Trouble


def inject(rule):
    """A wrapper under which system calls fail (strace's fault injection)."""
    return ['strace', '-f', '-qqq', '-o', '/dev/null', '-e', f'trace={rule.partition(":")[0]}', '-e', f'inject={rule}']


def kinds(gateway, exchange):
    """What the log holds of an exchange."""
    told = gateway.run_json('log', 'show', '--exchange', exchange)
    return sorted(entry['kind'] for entry in told['entries'])


class Faults(unittest.TestCase):
    def setUp(self):
        self.federation = Federation()
        self.federation.__enter__()
        self.addCleanup(self.federation.__exit__, None, None, None)
        self.federation.give_consent(categories=[IMMUNISATIONS])

    def ask(self):
        return self.federation.ask(PERSON)

    def assert_provable(self, exchanges):
        for exchange in exchanges:
            self.assertEqual(kinds(self.federation.holder, exchange), ['answer-sent', 'decision'], exchange)
            self.assertEqual(kinds(self.federation.consumer, exchange), ['answer-received', 'request-sent'], exchange)
        for gateway in (self.federation.holder, self.federation.consumer):
            gateway.log_verify()

    def restart_under(self, gateway, rule):
        gateway.stop()
        gateway.start(wrapper=inject(rule))

    def test_failed_sync_ends_the_process(self):
        holder = self.federation.holder
        self.restart_under(holder, 'fdatasync:error=EIO:when=40+')
        acknowledged = []
        for _ in range(200):
            got = self.ask()
            if got.status != 200:
                break
            acknowledged.append(got.header('X-Road-Request-Id'))
        else:
            self.fail('the sync never failed')
        self.assertNotEqual(holder.end(), 0)
        self.assertIn('log', holder.stderr())
        holder.start()
        self.assertEqual(self.ask().status, 200)
        self.assertGreater(len(acknowledged), 3)
        self.assert_provable(acknowledged)

    def test_full_disk_refuses_and_recovers(self):
        """While nothing can be written nothing is released; then it goes on by itself."""
        holder = self.federation.holder
        holder.stop()
        self.mount_small_disk(holder.records_folder, '3m')
        holder.start()
        acknowledged, refused = [], 0
        deadline = time.monotonic() + PATIENCE
        while refused < 3 and time.monotonic() < deadline:
            got = self.ask()
            if got.status == 200:
                acknowledged.append(got.header('X-Road-Request-Id'))
            else:
                refused += 1
                self.assertIn(got.reason, ('receipt.missing', 'log.unavailable'), got)
                self.assertNotIn(b'immunizations', got.body)
        self.assertGreater(refused, 0)
        self.assertIsNone(holder.process.poll(), 'a full disk must not end it')
        subprocess.run(['mount', '-o', 'remount,size=64m', holder.records_folder], check=True)
        while self.ask().status != 200:
            self.assertLess(time.monotonic(), deadline)
        self.assert_provable(acknowledged[-20:])

    def mount_small_disk(self, folder, size):
        away = folder.with_name('records-away')
        shutil.move(folder, away)
        folder.mkdir(mode=0o700)
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size},mode=0700', 'tmpfs', folder], capture_output=True, check=False).returncode != 0:
            folder.rmdir()
            shutil.move(away, folder)
            self.skipTest('this user may not mount a file system')

        def unmount():
            self.federation.holder.stop()
            subprocess.run(['umount', folder], check=True)
        self.addCleanup(unmount)
        shutil.copytree(away, folder, dirs_exist_ok=True)

    def test_killed_at_any_moment(self):
        seed = random.randrange(1 << 30)
        dice = random.Random(seed)
        acknowledged, stop = [], threading.Event()

        def load():
            while not stop.is_set():
                try:
                    got = self.ask()
                except OSError:
                    time.sleep(0.01)
                    continue
                if got.status == 200:
                    acknowledged.append(got.header('X-Road-Request-Id'))

        threads = [threading.Thread(target=load) for _ in range(4)]
        for one in threads:
            one.start()
        try:
            for _ in range(4):
                victim = dice.choice([self.federation.holder, self.federation.consumer])
                time.sleep(dice.uniform(0.2, 0.8))
                victim.kill()
                victim.start()
        finally:
            stop.set()
            for one in threads:
                one.join()
        self.assertEqual(self.ask().status, 200, f'seed {seed}')
        self.assertGreater(len(acknowledged), 20)
        self.assert_provable(dice.sample(acknowledged, 20))

    def test_two_on_one_folder(self):
        holder = self.federation.holder
        second = subprocess.run([holder.command, '-C', str(holder.folder), 'gateway'], capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertNotEqual(second.returncode, 0)
        self.assertRegex(second.stderr, 'another process|in use|lock')
        self.assertEqual(self.ask().status, 200)

    def test_damaged_record_is_named_and_refused(self):
        """A record that the checkpoint covers was changed on disk: the gateway does not start on it, and says which."""
        holder = self.federation.holder
        for _ in range(5):
            self.assertEqual(self.ask().status, 200)
        holder.stop()
        segment = sorted(holder.records_folder.rglob('*.seg'))[0]
        kept = segment.read_bytes()
        at = kept.index(b'comity-event: decision/1') + 40
        segment.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1:])
        told = holder.run('log', 'verify', expect=1)
        self.assertRegex(told.stdout + told.stderr if hasattr(told, 'stdout') else str(told), 'entry')
        with self.assertRaisesRegex(Trouble, 'entry|record'):
            holder.start()
        segment.write_bytes(kept)
        holder.start()
        self.assertEqual(self.ask().status, 200)

    def test_lost_database_is_not_made_anew_in_silence(self):
        """Without its consents the gateway must not release anything."""
        holder = self.federation.holder
        holder.stop()
        for file in holder.folder.glob('comity.db*'):
            shutil.move(file, file.with_name('away-' + file.name))
        try:
            holder.start()
        except Trouble:
            pass
        else:
            self.assertEqual(self.ask().status, 500)
            holder.stop()
        for file in holder.folder.glob('comity.db*'):
            file.unlink()
        for file in holder.folder.glob('away-*'):
            shutil.move(file, file.with_name(file.name[5:]))
        holder.start()
        self.assertEqual(self.ask().status, 200)


if __name__ == '__main__':
    unittest.main()
