"""A log that is an old copy: a restored backup, a second copy that ran on, and how it is recovered."""
import functools
import hashlib
import http.server
import shutil
import threading
import unittest

import comity
from comity import Federation
from witness import Witness, size_of, until, wait_cosigned


class RolledBack(unittest.TestCase):
    """An old copy of a log, and a second copy that ran on."""

    def setUp(self):
        self.federation = Federation().make()
        self.addCleanup(self.federation.remove)
        self.addCleanup(self.federation.stop)
        self.gateway = self.federation.consumer
        self.witness = Witness([self.gateway.statement_key])
        self.witness.__enter__()
        self.addCleanup(self.witness.__exit__)
        (self.gateway.folder / 'witnesses.policy').write_text(f'{self.witness.line}quorum w\n')
        self.gateway.configure(log={'witnesses': 'witnesses.policy'}, limits={'witness_wait': '10s'})
        self.federation.holder.start()
        self.federation.give_consent()

    def use(self, count=2):
        for _ in range(count):
            self.assertEqual(self.federation.ask().status, 200)
        size = int(self.gateway.metric('comity_evidence_log_entries'))
        until('it is published', lambda: size_of(self.gateway.log_folder / 'checkpoint') >= size)
        wait_cosigned(self.gateway, size)
        return size

    def back_up(self):
        self.gateway.stop()
        self.backup = self.federation.folder / 'backup'
        shutil.copytree(self.gateway.folder, self.backup)

    def restore(self):
        shutil.rmtree(self.gateway.folder)
        shutil.copytree(self.backup, self.gateway.folder)

    def lose(self):
        """Runs, is backed up, runs on, and is restored. The lost folder is kept as `lost`."""
        self.gateway.start()
        self.use()
        self.back_up()
        self.kept = size_of(self.backup / 'log/checkpoint')
        self.gateway.start()
        self.use(5)
        self.gateway.stop()
        self.lost = self.federation.folder / 'lost'
        shutil.copytree(self.gateway.folder, self.lost)
        self.size = size_of(self.lost / 'log/checkpoint')
        self.restore()

    def start_refused(self):
        with self.assertRaises(comity.Trouble) as refused:
            self.gateway.start()
        self.assertIn('ended with 2', str(refused.exception))
        return str(refused.exception)

    def test_an_old_copy_does_not_start(self):
        self.lose()
        told = self.start_refused()
        self.assertIn('that our key signed', told)
        self.assertIn('it is an old copy', told)
        self.assertIn('comity log recover', told)
        self.assertEqual(size_of(self.gateway.log_folder / 'checkpoint'), self.kept)  # nothing was signed

    def test_without_a_proof_and_with_nobody_to_say_otherwise_it_does_not_start_either(self):
        self.witness.shows = None
        self.lose()
        told = self.start_refused()
        self.assertIn('says to have cosigned', told)
        self.assertIn('it is an old copy', told)
        self.assertIn('take it out of log.witnesses', told)

    def test_it_is_recovered_and_goes_on(self):
        self.lose()
        self.start_refused()
        told = self.gateway.run_json('log', 'recover', '--from', self.lost / 'log')
        self.assertEqual((told['from'], told['to']), (self.kept, size_of(self.lost / 'log/checkpoint')))
        self.assertEqual((self.gateway.log_folder / 'checkpoint').read_bytes(), (self.lost / 'log/checkpoint').read_bytes())
        self.gateway.log_verify()
        self.gateway.start()
        self.use(1)
        self.gateway.stop()
        self.gateway.log_verify()
        again = self.gateway.run('log', 'recover', '--from', self.lost / 'log', expect=None)
        self.assertEqual(again.returncode, 1)
        self.assertIn('nothing is missing', again.stderr)

    def test_it_is_recovered_over_http(self):
        self.lose()
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(self.lost / 'log')))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            self.gateway.run('log', 'recover', '--from', f'http://127.0.0.1:{server.server_address[1]}')
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        self.gateway.log_verify()
        self.gateway.start()

    def test_a_false_copy_recovers_nothing(self):
        self.lose()
        before = (self.gateway.log_folder / 'checkpoint').read_bytes()
        bundle = max((self.lost / 'log/tile/entries/000.p').iterdir(), key=lambda path: int(path.name))
        good = bundle.read_bytes()
        bundle.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        refused = self.gateway.run('log', 'recover', '--from', self.lost / 'log', expect=None)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn('do not belong to the checkpoint', refused.stderr)
        self.assertEqual((self.gateway.log_folder / 'checkpoint').read_bytes(), before)
        bundle.write_bytes(good)
        # another log's folder, and none at all
        refused = self.gateway.run('log', 'recover', '--from', self.federation.holder.folder / 'log', expect=None)
        self.assertEqual(refused.returncode, 1)
        refused = self.gateway.run('log', 'recover', '--from', self.lost / 'nowhere', expect=None)
        self.assertEqual(refused.returncode, 2)

    def test_a_witness_that_comes_back_later_stops_it(self):
        self.lose()
        self.witness.mode = 'hang'
        self.gateway.configure(limits={'witness_wait': '300ms'})
        self.gateway.start()
        self.assertIn('no witness could be asked', self.gateway.stderr())
        self.witness.mode = 'good'
        self.assertEqual(self.gateway.end(), 2)
        self.assertIn('nothing more may be signed', self.gateway.stderr())

    def test_a_second_copy_that_ran_on_is_stopped(self):
        self.lose()
        # The copy ran where no witness reached it, until it had more entries than the witness knows.
        self.witness.mode = 'error'
        self.gateway.start()
        for _ in range(20):
            self.federation.ask()
            if size_of(self.gateway.log_folder / 'checkpoint') > self.size:
                break
        until('it ran on', lambda: size_of(self.gateway.log_folder / 'checkpoint') > self.size)
        self.witness.mode = 'good'
        self.assertEqual(self.gateway.end(), 2)
        self.assertIn('has cosigned another history', self.gateway.stderr())
        self.assertIn('that our key signed', self.gateway.stderr())
        refused = self.gateway.run('log', 'recover', '--from', self.lost / 'log', expect=None)
        self.assertEqual(refused.returncode, 1)

    def test_doctor_sees_it(self):
        self.lose()
        told = self.gateway.run_json('doctor', expect=1)
        [row] = [row for row in told['checks'] if row['check'] == 'witnesses']
        self.assertEqual(row['result'], 'fail')
        self.assertIn('it is an old copy', row['what'])
        self.assertIn('comity log recover', row['todo'])
        self.gateway.run('log', 'recover', '--from', self.lost / 'log')
        told = self.gateway.run_json('doctor', expect=0)
        [row] = [row for row in told['checks'] if row['check'] == 'witnesses']
        self.assertEqual(row['result'], 'ok', row)

    def test_the_newest_cosigned_checkpoint_alone_shows_it(self):
        self.lose()
        shutil.copy(self.lost / 'log/checkpoint.cosigned', self.gateway.log_folder / 'checkpoint.cosigned')
        self.witness.mode = 'hang'
        self.assertIn('it is an old copy', self.start_refused())


    def test_it_is_recovered_from_the_mirror_without_being_told(self):
        holder = self.federation.holder
        holder.stop()
        url = holder.run_json('log', 'mirror', '--make')['url']
        holder.configure(mirror={'logs': ['peers']})
        holder.start()
        self.gateway.configure(log={'witnesses': 'witnesses.policy', 'mirrors': [url]})
        self.lose()
        copy = holder.folder / 'mirrors' / hashlib.sha256(self.gateway.origin.encode()).hexdigest()
        held = size_of(copy / 'checkpoint')
        self.assertGreater(held, self.kept)
        told = self.gateway.run_json('log', 'recover')
        self.assertEqual((told['from'], told['to'], told['source']), (self.kept, held, f'{url}/{copy.name}'))
        self.gateway.log_verify()


if __name__ == '__main__':
    unittest.main()
