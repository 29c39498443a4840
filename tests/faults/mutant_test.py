"""
Does the torture find what it looks for? Programs in which one line is wrong must break within a few seeds; the right one does not.

Each is the gcc build with one object in front of its library's. MUTANTS=all tries every one (make soak), else those that are found at once.
"""
import json
import os
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = TOP / 'build/gcc'
ALL = os.environ.get('MUTANTS') == 'all'

# name: file, what stands there, what the mutant has instead, from which seed on, how many, what the torture must say of it, is it among the few
MUTANTS = {
    'a consent is not looked at again at the release': (
        'src/consent/consents.c', 'if (view != NULL && (!view->is_read || !consent_cache_is_current(&consents->cache, view))) {',
        'if (view != NULL && !view->is_read) {', 7, 20, 'consent that did not hold', True),
    'a withdrawal overtakes when it is durable, not when it is submitted': (
        'src/consent/logging.c', '    overtake_locked(consents, keys, key_count);\n    while (taken', '    (void)keys;\n    (void)key_count;\n    while (taken', 7, 20,
        'consent that did not hold', False),
    'a batch is acknowledged before it is synced': (
        'src/evidence/log.c', '    fault = fault != 0 ? fault : log->private->functions->sync(log->private, log->segments.file);\n',
        '', 1, 10, '', True),
    'uses are not counted': (
        'src/consent/consents.c', '    if (release->counts != NULL) {\n        counters_count_release', '    if (release->counts != NULL && release->counts->use_count > 99) {\n        counters_count_release', 1, 20,
        '', False),
    'limits are not looked at at the release': (
        'src/consent/consents.c', '!counters_prepare_release(consents->counters, release->counts, NULL)',
        '(!counters_prepare_release(consents->counters, release->counts, NULL) && release->counts->use_count > 99)', 33, 60, 'time (', False),
    'a request that was seen is taken again': (
        'src/gateway/holder.c', '        return exchange_refuse(x, REASON_REPLAY_SEEN, NULL);', '        return GO_ON;', 1, 10, '', True),
    'a service is called before the decision is durable': (
        'src/gateway/holder.c', '    return exchange_wait_logged(x, ENTRY_REQUEST);', '    return GO_ON;', 1, 10, 'behind', True),
    'nothing is cut from an answer': (
        'src/gateway/holder_service.c', 'if (!x->decision.is_whole && body_size(x->reply->body) > 0) {', 'if (!x->decision.is_whole && body_size(x->reply->body) > 999) {', 1, 10,
        'data', True),
    'a refusal carries what the service said': (
        'src/gateway/holder_answer.c', '    x->answer_body = body.failed ? NULL : body_of(buffer_bytes(&body));', '    x->answer_body = x->reply != NULL && x->reply->body != NULL ? x->reply->body : body_of(buffer_bytes(&body));\n'
        '    if (x->reply != NULL) { x->reply->body = NULL; }', 1, 20, 'data', False),
    'a pause leaves what was decided on before': (
        'src/consent/transaction.c', '!add_key(t, &all, e)) {', 'all.person.size > 999) {', 39, 60, 'consent that did not hold', False),
    'an answer is told before it is in the log': (
        'src/gateway/consumer_answer.c', '        if (!exchange_log(x, ENTRY_ANSWER, RECORD_ANSWER_RECEIVED, x->answer_statement, attachment)) {\n            return REFUSE;\n        }\n    }\n    return exchange_wait_logged(x, ENTRY_ANSWER);',
        '    }\n    return GO_ON;', 1, 5, 'without all of its evidence', True),
}


def compile_command(source):
    for entry in json.loads((BUILD / 'compile_commands.json').read_text()):
        if Path(BUILD, entry['file']).resolve() == (TOP / source).resolve():
            return shlex.split(entry['command'])
    raise AssertionError(f'{source} is not in {BUILD}')


def link_command():
    told = subprocess.run(['ninja', '-C', BUILD, '-t', 'commands', 'comity'], capture_output=True, text=True, check=True)
    return shlex.split(told.stdout.strip().splitlines()[-1])


class Mutants(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run([TOP / 'tools/build', 'gcc', 'comity'], check=True, capture_output=True)

    def make(self, folder, source, old, new):
        text = (TOP / source).read_text()
        self.assertEqual(text.count(old), 1, f'{source}: what the mutant changes is not there, or more than once: {old}')
        changed, made, command = Path(folder, Path(source).name), Path(folder, 'mutant.o'), Path(folder, 'comity')
        changed.write_text(text.replace(old, new))
        words = compile_command(source)
        for option, value in (('-o', made), ('-MF', Path(folder, 'mutant.d')), ('-MQ', made), ('-c', changed)):
            words[words.index(option) + 1] = str(value)
        subprocess.run([*words, '-Wno-error', '-w'], cwd=BUILD, check=True)
        words = link_command()
        words[words.index('-o') + 1] = str(command)
        words.insert(words.index('-o') + 2, str(made))
        subprocess.run(words, cwd=BUILD, check=True)
        return command

    def test_the_torture_finds_each(self):
        for name, (source, old, new, first, seeds, said, is_quick) in MUTANTS.items():
            if not is_quick and not ALL:
                continue
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                command = self.make(folder, source, old, new)
                done = subprocess.run([command, '--json', 'torture', '--seed', str(first), '--runs', str(seeds), '--actions', '400'], capture_output=True,
                                      text=True, check=False)
                self.assertEqual(done.returncode, 1, f'nothing was found in {seeds} seeds:\n{done.stdout}{done.stderr}')
                told = json.loads(done.stdout)
                self.assertIn(said, told['broken'])
                if ALL:
                    print(f'{name}: seed {told["seed"]}: {told["broken"]}')


if __name__ == '__main__':
    unittest.main()
