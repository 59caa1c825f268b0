#!/usr/bin/env python3
"""Runs the interop suite: the daemon as built, against other people's programs. Started by scripts/test.

    run.py --pua PATH --venv DIR [-k NAME]... [-v]
"""

import argparse
import pathlib
import signal
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness import case  # noqa: E402


class Result(unittest.TextTestResult):
    """One line a test with its time; the logs of a failed test's processes at once."""

    def startTest(self, test):
        self.began = time.monotonic()
        self.open = True
        self.stream.write(f"{test.id().removeprefix('tests.')} ... ")
        self.stream.flush()
        unittest.TestResult.startTest(self, test)

    def stopTest(self, test):
        # Of a test in which only parts have failed nobody says that it is over.
        if self.open:
            self._report(test, "FAILED")
        unittest.TestResult.stopTest(self, test)

    def _end(self, word):
        self.open = False
        self.stream.writeln(f"{word} ({time.monotonic() - self.began:.1f} s)")
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self._end("ok")

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self._report(test, "FAILED")

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self._report(test, "ERROR")

    def addSubTest(self, test, subtest, err):
        unittest.TestResult.addSubTest(self, test, subtest, err)
        if err is not None:
            self.stream.writeln(f"  in {subtest._subDescription()}: {err[1]}")

    def _report(self, test, word):
        self._end(word)
        for _, trace in (self.failures + self.errors)[-1:]:
            self.stream.writeln(trace)
        if hasattr(test, "logs"):
            self.stream.writeln(test.logs())
        self.stream.flush()


def select(suite, names):
    chosen = unittest.TestSuite()
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            chosen.addTest(select(item, names))
        elif not names or any(name in item.id() for name in names):
            chosen.addTest(item)
    return chosen


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pua", required=True, type=pathlib.Path, help="the daemon's binary")
    arguments.add_argument("--venv", required=True, type=pathlib.Path, help="the Python environment with opensips and opensipscli")
    arguments.add_argument("-k", dest="names", action="append", default=[], help="only tests whose name holds this")
    given = arguments.parse_args()
    case.configure(given.pua.resolve(), given.venv.absolute())

    def interrupted(number, frame):
        # unittest takes every other exception for a test's.
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, interrupted)

    # Unbuffered lines, so that a run that is watched (or cut off) shows how far it came.
    sys.stdout.reconfigure(line_buffering=True)
    found = unittest.TestLoader().discover(str(HERE / "tests"), top_level_dir=str(HERE))
    suite = select(found, given.names)
    try:
        result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=0).run(suite)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    bad = len({getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors})
    good = result.testsRun - bad
    print(f"{good} passed, {bad} failed")
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
