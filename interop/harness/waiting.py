"""Waiting for a condition: always a poll with a deadline, never a guess at how long something takes."""

import statistics
import time


class Overdue(AssertionError):
    """What was waited for did not come in time."""


def until(what, condition, seconds=40.0, every=0.02):
    """Calls `condition` until it gives something true, and gives that back."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Overdue(f"not within {seconds:g} s: {what}")
        time.sleep(every)


def stays(what, condition, seconds):
    """Checks that `condition` holds for the whole of a span of time: what must *not* happen has no event to wait for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"did not stay so for {seconds:g} s: {what}")
        time.sleep(0.05)


def punctual(what, taken, seconds):
    """Checks that things of one kind were done in time, as a rule: a single one may have met a moment in which the machine did something else."""
    usual = statistics.median(taken)
    if usual >= seconds:
        raise Overdue(f"{what}: usually {usual:.2f} s in place of {seconds:g} s: {', '.join(f'{each:.2f}' for each in taken)}")
