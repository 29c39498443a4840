"""Cosigned checkpoints read by the Go project's x/mod/sumdb/note, which knows nothing of Comity: ours, and those that ours made of others'."""
import json
import time
import unittest
from pathlib import Path

from comity import Federation
from logcheck import logcheck
from witness import Witness

KNOWN = json.loads((Path(__file__).resolve().parent.parent / 'vectors/tlog-kat.json').read_text())


class Cosigned(unittest.TestCase):
    def test_the_known_answer(self):
        told = logcheck('cosigned', KNOWN['log_vkey'], KNOWN['wit_vkey'], stdin=KNOWN['cosigned_checkpoint_7'])
        self.assertEqual(told, {'size': 7, 'times': {'witness.example/w1': KNOWN['cosig_time']}})
        logcheck('cosigned', KNOWN['log_vkey'], KNOWN['wit_vkey'], stdin=KNOWN['checkpoint_7'], expect=1)
        logcheck('cosigned', KNOWN['log_vkey'], KNOWN['wit_vkey'], stdin=KNOWN['cosigned_checkpoint_7'].replace('AAAABl', 'AAAABm'), expect=1)

    def test_ours(self):
        """The consumer's log, cosigned by the holder's gateway over mutual TLS and by a witness in Python."""
        federation = Federation().make()
        self.addCleanup(federation.remove)
        with Witness([federation.consumer.statement_key]) as foreign:
            line = federation.holder.run_json('log', 'witness')['policy_line']
            names = [line.split(' ')[1], foreign.line.split(' ')[1]]
            (federation.consumer.folder / 'witnesses.policy').write_text(
                f'{line}\n{foreign.line}group both all {" ".join(names)}\nquorum both\n')
            federation.consumer.configure(log={'witnesses': 'witnesses.policy'})
            with federation:
                federation.give_consent()
                self.assertEqual(federation.ask().status, 200)
                path, deadline = federation.consumer.log_folder / 'checkpoint.cosigned', time.monotonic() + 30
                while not path.exists() or path.read_text().split('\n')[1] != (federation.consumer.log_folder / 'checkpoint').read_text().split('\n')[1]:
                    self.assertLess(time.monotonic(), deadline, federation.consumer.stderr())
                    time.sleep(0.05)
                note, ours = path.read_text(), line.split(' ')[2]
                told = logcheck('cosigned', federation.consumer.statement_key, ours, foreign.vkey, stdin=note)
                self.assertEqual(sorted(told['times']), sorted([ours.split('+')[0], foreign.name]))
                for seconds in told['times'].values():
                    self.assertAlmostEqual(seconds, time.time(), delta=120)
                logcheck('cosigned', federation.consumer.statement_key, KNOWN['wit_vkey'], stdin=note, expect=1)
                # What the holder keeps for others to read is a note of the same kind.
                [state] = (path for path in (federation.holder.folder / 'witness').iterdir() if len(path.name) == 64)
                logcheck('cosigned', federation.consumer.statement_key, ours, stdin=state.read_text())


if __name__ == '__main__':
    unittest.main()
