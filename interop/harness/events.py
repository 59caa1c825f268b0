"""The stream of events as curl reads it: Server-Sent Events in a file, parsed as they grow."""

import json
import urllib.parse

from .process import Process, program
from .waiting import until


class EventStream:
    """`curl -N` on `/v1/events`. Attached once the constructor is over."""

    def __init__(self, run_dir, daemon, name, cursor=None, **query):
        self.name = name
        url = daemon.url + "/v1/events?" + urllib.parse.urlencode(query)
        argv = [program("curl"), "-sN", "--fail-with-body", url]
        if cursor:
            argv += ["-H", f"Last-Event-ID: {cursor}"]
        self.process = Process(name, argv, run_dir)
        # Whoever goes on from a cursor is not greeted: what the server sends first is the time to wait before coming back.
        self.process.wait_ready("attached", lambda: "retry:" in self.process.output())
        if not cursor:
            self.wait("the beginning", lambda event: event["type"] in ("snapshot_end", "attached"))

    def all(self):
        """Everything that came so far, in order."""
        blocks = self.process.output().split("\n\n")[:-1]
        return [json.loads(line.removeprefix("data:")) for block in blocks for line in block.splitlines() if line.startswith("data:")]

    def told(self, kind="state", **members):
        """The events of that type (without a snapshot's rows) whose members have these values."""
        return [event for event in self.all()
                if event["type"] == kind and not event.get("snapshot") and all(event.get(key) == value for key, value in members.items())]

    def states(self, **members):
        return self.told("state", **members)

    def changes(self, **members):
        """What became of subscriptions, as words."""
        return [event["change"] for event in self.told("subscription", **members)]

    def wait(self, what, condition, seconds=40.0):
        """Waits for an event for which `condition` holds, and gives the first."""
        return until(f"{self.name}: {what}", lambda: next((event for event in self.all() if condition(event)), None), seconds)

    def wait_state(self, text, seconds=40.0, **members):
        """Waits for a state whose document or summary holds the text."""
        return self.wait(f"a state with {text!r}", lambda event: event["type"] == "state" and text in json.dumps(event)
                         and all(event.get(key) == value for key, value in members.items()), seconds)

    def wait_change(self, change, seconds=40.0, **members):
        return self.wait(f"a subscription {change}", lambda event: event["type"] == "subscription" and not event.get("snapshot")
                         and event["change"] == change and all(event.get(key) == value for key, value in members.items()), seconds)

    @property
    def cursor(self):
        """Where to go on from."""
        return [event["cursor"] for event in self.all() if "cursor" in event][-1]

    def stop(self):
        self.process.kill()
