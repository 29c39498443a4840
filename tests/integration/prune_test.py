"""Retention: what is old goes, what is stated is excused, every receipt is still made; a log folder in bad order is refused."""
import shutil
import subprocess
import time
import unittest

from comity import CATEGORIES, Federation, PERSON, free_ports, http_request
from logcheck import logcheck

EXCHANGES = 330  # two entries each at the holder: two full bundles and a partial one
NOTHING_KEPT = {'retention': '0', 'retention_reason': 'a test keeps nothing'}


class Prune(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """One log, made once; each test works on copies of both folders."""
        cls.federation = Federation()
        cls.federation.make()
        cls.holder = cls.federation.holder
        [cls.port] = free_ports(1)
        cls.holder.configure(listen={'peers': f'127.0.0.1:{cls.holder.peer_port}', 'management': f'127.0.0.1:{cls.holder.management_port}',
                                     'applications': [{'address': f'127.0.0.1:{cls.holder.application_port}'}],
                                     'log': {'address': f'127.0.0.1:{cls.port}'}})
        cls.federation.start()
        cls.federation.give_consent(PERSON, CATEGORIES)
        for _ in range(EXCHANGES):
            assert cls.federation.ask(PERSON).status == 200
        cls.gateways = {cls.holder: cls.federation.folder / 'holder-copy', cls.federation.consumer: cls.federation.folder / 'consumer-copy'}
        for gateway, copy in cls.gateways.items():
            gateway.stop()
            shutil.copytree(gateway.folder, copy)

    @classmethod
    def tearDownClass(cls):
        cls.federation.__exit__(None, None, None)

    def setUp(self):
        """Both sides go back together: alone, the holder would be one whose log has shrunk."""
        for gateway, copy in self.gateways.items():
            gateway.stop()
            shutil.rmtree(gateway.folder)
            shutil.copytree(copy, gateway.folder)
        self.federation.consumer.start()

    def get(self, path):
        return http_request(self.port, 'GET', f'/log/{path}')

    def bundles(self):
        return sorted(path.name for path in (self.holder.log_folder / 'tile/entries').glob('[0-9]*') if path.is_file())

    def test_the_usual_retention_keeps_all(self):
        self.assertEqual(self.holder.run_json('log', 'prune'), {'minimum': 0, 'bundles': 0, 'records_minimum': 0, 'segments': 0})
        self.assertIn('entries of the last 190 days are kept', self.holder.run('log', 'prune', '--before', '2200-01-01', expect=1).stderr)
        self.assertIn('is no time', self.holder.run('log', 'prune', '--before', 'yesterday', expect=2).stderr)
        self.assertEqual(self.holder.run_json('log', 'prune', '--before', '2001-01-01')['bundles'], 0)
        self.assertFalse((self.holder.log_folder / 'pruned').exists())
        self.assertEqual(self.bundles(), ['000', '001'])

    def test_less_than_six_months_needs_a_reason(self):
        self.holder.configure(log={'retention': '179d'})
        self.assertIn("'179d' is less than six months", self.holder.run('log', 'verify', expect=2).stderr)
        self.holder.configure(log={'retention': '179d', 'retention_reason': ''})
        self.assertIn('retention', self.holder.run('log', 'verify', expect=2).stderr)
        for fine in ({'retention': '180d'}, {'retention': '179d', 'retention_reason': 'the data protection authority ordered it'}):
            self.holder.configure(log=fine)
            self.holder.log_verify()

    def test_a_stopped_log_is_pruned_and_verifies(self):
        before = logcheck('receipt', self.holder.statement_key, self.entry(0).hex(), stdin=self.holder.run('log', 'receipt', 0).stdout)
        self.holder.configure(log=NOTHING_KEPT)
        dry = self.holder.run_json('log', 'prune', '--dry-run')
        self.assertEqual((dry['minimum'], dry['bundles']), (512, 2))
        self.assertEqual(self.bundles(), ['000', '001'])
        kept = self.entry(0)
        self.assertEqual(self.holder.run_json('log', 'prune'), dry)
        self.assertEqual(self.bundles(), [])
        note = (self.holder.log_folder / 'pruned').read_text()
        self.assertTrue(note.startswith(f'comity-pruned/1\n{self.holder.origin}\npruned\n512\n'), note)
        self.holder.log_verify()
        self.holder.run('log', 'verify', '--key', self.holder.statement_key, self.holder.log_folder)
        self.assertEqual(logcheck('receipt', self.holder.statement_key, kept.hex(), stdin=self.holder.run('log', 'receipt', 0).stdout), before)
        self.holder.start()
        self.assertEqual(self.federation.ask(PERSON).status, 200)
        self.assertEqual((self.get('tile/entries/000').status, self.get('tile/entries/001').status), (410, 410))
        self.assertIn(b'kept from entry 512 on', self.get('tile/entries/000').body)
        self.assertEqual((self.get('tile/entries/000.p/7').status, self.get('tile/entries/009').status), (410, 404))
        self.assertEqual((self.get('tile/0/000').status, self.get('pruned').body.decode(), self.get('receipt/3').status), (200, note, 200))

    def entry(self, index):
        data = (self.holder.log_folder / f'tile/entries/{index // 256:03}').read_bytes()
        return data[index % 256 * 34 + 2:(index % 256 + 1) * 34]

    def test_a_running_gateway_prunes_by_itself(self):
        self.holder.configure(log=NOTHING_KEPT)
        self.holder.start()
        for _ in range(200):
            if not self.bundles() and self.holder.metric('comity_gateway_pruned_entries') == 512:
                break
            time.sleep(0.05)
        self.assertEqual(self.bundles(), [])
        self.assertEqual(self.holder.metric('comity_gateway_pruned_entries'), 512)
        self.assertIn('pruned old entry bundles', self.holder.stderr())
        self.assertEqual(self.holder.run_json('log', 'prune')['minimum'], 512)  # by the control socket
        self.assertEqual(self.federation.ask(PERSON).status, 200)
        self.holder.stop()
        self.holder.log_verify()

    def test_old_records_go_when_that_is_asked(self):
        """The segments end where the gateway was started anew; the uses that are left are listed."""
        self.holder.start()
        self.holder.kill()  # recovery begins a new segment
        self.holder.start()
        self.assertEqual(self.federation.ask(PERSON).status, 200)
        self.holder.stop()
        self.holder.configure(log=NOTHING_KEPT)
        segments = len(list(self.holder.records_folder.rglob('*.seg')))
        told = self.holder.run_json('log', 'prune', '--records')
        self.assertEqual(len(list(self.holder.records_folder.rglob('*.seg'))), segments - told['segments'])
        self.holder.log_verify()
        self.assertGreater(told['segments'], 0)
        self.assertIn('was pruned', self.holder.run('log', 'show', 0, expect=1).stderr)
        self.holder.run('log', 'show', '--person', '-', stdin=PERSON)
        self.holder.start()
        got = self.federation.ask(PERSON)
        self.assertEqual(got.status, 200)
        self.assertIn('no entry', self.holder.run('evidence', 'export', '--exchange', '00000000-0000-4000-8000-000000000000', expect=1).stderr)
        self.assertIn(got.header('X-Road-Request-Id'), self.holder.run('log', 'show', '--exchange', got.header('X-Road-Request-Id')).stdout)
        time.sleep(1.5)  # published
        self.holder.run('evidence', 'export', '--exchange', got.header('X-Road-Request-Id'))
        # Decisions on consents of the time that is gone can't be made again; none is called different for that.
        told = self.holder.run('log', 'replay').stdout
        self.assertIn('was pruned', told)
        self.assertIn(' 0 different', told)
        self.assertGreater(len(self.holder.run_json('log', 'show', '--person', '-', stdin=PERSON)['uses']), 0)
        self.holder.stop()
        self.holder.log_verify()

    def test_a_bundle_that_only_went_is_missed(self):
        (self.holder.log_folder / 'tile/entries/000').unlink()
        told = self.holder.run('log', 'verify', expect=1)
        self.assertIn('tile/entries/000', told.stdout + told.stderr)
        self.holder.start()
        self.assertEqual(self.get('tile/entries/000').status, 404)

    # ---- a folder in bad order: said at the start and by verify, and nothing is changed

    def refuse(self, *wanted, code=2):
        before = {path: path.read_bytes() for path in self.holder.folder.rglob('*') if path.is_file() and path.parent.name != 'hospital'}
        with self.assertRaises(AssertionError) as caught:
            self.holder.start()
        for text in wanted:
            self.assertIn(text, str(caught.exception))
        self.assertIn(f'ended with {code}', str(caught.exception))
        for path, data in before.items():
            self.assertEqual(path.read_bytes(), data, path)

    def test_a_half_copied_public_folder_is_refused(self):
        for kind in ('0', 'entries'):
            shutil.rmtree(max((self.holder.log_folder / 'tile' / kind).glob('*.p')))
        self.refuse('tile/', 'missing')

    def test_a_hash_tile_of_the_edge_is_made_again(self):
        newest = max((self.holder.log_folder / 'tile/0').glob('*.p'))
        shutil.rmtree(newest)
        self.holder.start()
        self.holder.stop()
        self.holder.log_verify()

    def test_records_without_the_public_folder_are_refused(self):
        shutil.rmtree(self.holder.log_folder)
        self.refuse('there are records, but no checkpoint')

    def test_a_public_folder_without_its_records_is_refused(self):
        for path in self.holder.records_folder.rglob('*.seg'):
            path.unlink()
        self.refuse('the records from entry')

    def test_another_gateways_log_is_refused(self):
        shutil.rmtree(self.holder.log_folder)
        shutil.copytree(self.federation.consumer.log_folder, self.holder.log_folder)
        self.refuse('checkpoint', 'signed by another key')

    def test_another_gateways_records_are_refused(self):
        shutil.rmtree(self.holder.records_folder)
        shutil.copytree(self.federation.consumer.records_folder, self.holder.records_folder)
        self.refuse('another log')

    def test_tiles_that_are_short_long_or_swapped_are_named(self):
        tiles = self.holder.log_folder / 'tile/0'
        first, second = (tiles / '000').read_bytes(), (tiles / '001').read_bytes()
        for change in ({'000': first[:-32]}, {'000': first + b'\0' * 32}, {'000': first[:-1]}, {'000': second, '001': first}, {'000': b''}):
            for name, data in change.items():
                (tiles / name).write_bytes(data)
            told = self.holder.run('log', 'verify', expect=1)
            for name in change:
                self.assertIn(f'tile/0/{name}', told.stdout + told.stderr)
            self.holder.start()
            for name, data in change.items():
                answer = self.get(f'tile/0/{name}')
                # What is not as long as a tile is never sent; which hashes are right is for the reader's own check.
                self.assertEqual(answer.status, 200 if len(data) == 8192 else 503, name)
            self.holder.stop()
            (tiles / '000').write_bytes(first)
            (tiles / '001').write_bytes(second)
        self.holder.log_verify()

    def test_a_newer_form_is_refused(self):
        """A segment and a record of a form that this program does not know are not read as damage to be passed over."""
        segment = max(self.holder.records_folder.rglob('*.seg'))
        data = segment.read_bytes()
        segment.write_bytes(data.replace(b'comity-records/1', b'comity-records/2'))
        self.refuse(segment.name)
        segment.write_bytes(data.replace(b'CmR1', b'CmR2'))
        self.refuse(segment.name)

    def read_only(self, folder):
        if subprocess.run(['mount', '--bind', folder, folder], capture_output=True, check=False).returncode != 0:
            self.skipTest('this user may not mount')
        self.addCleanup(subprocess.run, ['umount', folder], check=True)
        subprocess.run(['mount', '-o', 'remount,ro,bind', folder], check=True)

    def test_a_public_folder_that_is_read_only(self):
        """Reading works, whatever changes it is refused with the place, and nothing was done by halves."""
        self.holder.configure(log=NOTHING_KEPT)
        self.read_only(self.holder.log_folder)
        self.holder.log_verify()
        self.holder.run('log', 'receipt', 3)
        told = self.holder.run('log', 'prune', expect=2).stderr
        self.assertIn('pruned', told)
        self.assertIn('Read-only file system', told)
        self.assertEqual(self.bundles(), ['000', '001'])

    def test_a_private_folder_that_is_read_only(self):
        self.read_only(self.holder.records_folder)
        self.holder.log_verify()
        self.refuse('Read-only file system')


if __name__ == '__main__':
    unittest.main()
