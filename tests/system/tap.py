# SPDX-License-Identifier: Apache-2.0
"""tap - a test file in Python that prints TAP, for prove.

    @tap.test("what must be so")
    def any_name(lab):
        tap.equal(got, wanted, "label")

    tap.main(fixture)

proves="block directive" (or the directive alone, or several) says which lines of the configuration the test
would miss: tests/lint/deleted_lines.py deletes them and expects it to fail.

Each test is one TAP line; a failed tap.equal() or tap.check() ends it.  The
fixture, if given, is a context manager whose value is passed to every test.
A test that needs what the machine lacks calls tap.skip("why").
"""

import sys
import time
import traceback

_tests = []


class Failed(Exception):
    """A check did not hold."""


class Skipped(Exception):
    """The test cannot run here."""


def test(label, proves=()):  # noqa: proves is read by deleted_lines.py
    def add(fn):
        _tests.append((label, fn))
        return fn
    return add


def check(cond, text):
    if not cond:
        raise Failed(text)


def equal(got, wanted, text):
    if got != wanted:
        raise Failed("%s: got %r, wanted %r" % (text, got, wanted))


def skip(reason):
    raise Skipped(reason)


def note(text):
    for line in str(text).rstrip("\n").split("\n"):
        print("# " + line, flush=True)


def wait_for(fn, timeout_s, text):
    """Polls fn until it is true; returns its value."""
    end = time.monotonic() + timeout_s
    while True:
        value = fn()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed("not within %g s: %s" % (timeout_s, text))
        time.sleep(0.05)


def _run_one(number, label, fn, args):
    try:
        fn(*args)
    except Skipped as e:
        print("ok %d - %s # SKIP %s" % (number, label, e), flush=True)
        return True
    except Failed as e:
        print("not ok %d - %s" % (number, label), flush=True)
        note(e)
        return False
    except Exception:  # a broken test is a failed test
        print("not ok %d - %s" % (number, label), flush=True)
        note(traceback.format_exc())
        return False
    print("ok %d - %s" % (number, label), flush=True)
    return True


def main(fixture=None):
    only = sys.argv[1:]
    tests = [t for t in _tests if not only or t[1].__name__ in only]
    print("1..%d" % len(tests), flush=True)
    good = True
    try:
        if fixture is None:
            for i, (label, fn) in enumerate(tests):
                good &= _run_one(i + 1, label, fn, ())
        else:
            with fixture() as value:
                for i, (label, fn) in enumerate(tests):
                    good &= _run_one(i + 1, label, fn, (value,))
                if not good and hasattr(value, "keep"):
                    value.keep = True
    except Skipped as e:
        print("Bail out!  %s" % e)
        good = False
    except Exception:
        note(traceback.format_exc())
        print("Bail out!  the fixture failed")
        good = False
    sys.exit(0 if good else 1)
