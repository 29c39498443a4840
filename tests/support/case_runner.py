"""Runs one unittest script and tells its results to tests/run: one line of JSON a test method, on the descriptor that is named.

usage: case_runner.py SCRIPT DESCRIPTOR [TEXT]    TEXT: only the methods whose name has it
"""
import importlib.util
import json
import os
import sys
import time
import traceback
import unittest


class Teller(unittest.TestResult):
    """Tells each method once: when it has ended, with what was wrong in it and in its subtests."""

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.wrong = []
        self.skipped_because = None
        self.began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.wrong = []
        self.skipped_because = None
        self.began = time.monotonic()
        self.tell({'begin': self.name(test)})

    def stopTest(self, test):
        super().stopTest(test)
        kind = 'failed' if self.wrong else 'skipped' if self.skipped_because is not None else 'passed'
        self.tell({'end': self.name(test), 'result': kind, 'seconds': time.monotonic() - self.began,
                   'text': '\n'.join(self.wrong) or self.skipped_because or ''})

    @staticmethod
    def name(test):
        return '.'.join(test.id().split('.')[1:]) or test.id()

    def tell(self, event):
        self.out.write(json.dumps(event) + '\n')
        self.out.flush()

    def add_wrong(self, test, err):
        text = ''.join(traceback.format_exception(*err))
        if isinstance(test, unittest.TestCase) or hasattr(test, 'test_case'):
            self.wrong.append(text)
        else:  # setUpClass, setUpModule: no method was begun
            self.tell({'end': str(test), 'result': 'failed', 'seconds': 0, 'text': text})

    def addError(self, test, err):
        super().addError(test, err)
        self.add_wrong(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.add_wrong(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.wrong.append(f'{subtest._subDescription()}\n' + ''.join(traceback.format_exception(*err)))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if isinstance(test, unittest.TestCase):
            self.skipped_because = reason
        else:
            self.tell({'end': str(test), 'result': 'skipped', 'seconds': 0, 'text': reason})

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.wrong.append('an expected failure succeeded')


def cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases(item)
        else:
            yield item


def main():
    script, descriptor = sys.argv[1], int(sys.argv[2])
    wanted = sys.argv[3] if len(sys.argv) > 3 else ''
    out = os.fdopen(descriptor, 'w')
    os.set_inheritable(descriptor, False)
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    name = os.path.splitext(os.path.basename(script))[0]
    spec = importlib.util.spec_from_file_location(name, script)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:  # a script that cannot be read is a failure with a name, whatever it raised
        out.write(json.dumps({'end': 'import', 'result': 'failed', 'seconds': 0, 'text': traceback.format_exc()}) + '\n')
        out.flush()
        return 1
    suite = unittest.TestSuite()
    groups = {}
    for case in cases(unittest.defaultTestLoader.loadTestsFromModule(module)):
        if wanted in case.id():
            groups.setdefault(type(case), unittest.TestSuite()).addTest(case)
    suite.addTests(groups.values())
    result = Teller(out)
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == '__main__':
    sys.exit(main())
