"""`pua demo`: everything in one process, in plain words."""

import re
import signal

from harness.case import LabCase


class Demo(LabCase):
    def demo(self):
        """The demo, once its watcher was told of this machine; and what it said first: (introduction, notifications)."""
        demo = self.start("demo", [self.pua, "demo"], env={"NO_COLOR": "1"})
        demo.wait_ready("a notification in plain words", lambda: re.search(r"CPU.*memory", demo.output()), 60)
        said = demo.output()
        end = said.index("plain words:")
        return demo, said[:end], said[end:]

    def test_the_demo_tells_each_notification_in_plain_words(self):
        demo, _, told = self.demo()
        self.assertNotIn("<", told)
        self.assertIn("system@example.com is open", told)
        demo.send(signal.SIGTERM)
        self.assertEqual(demo.wait_exit(15), 0)

    def test_what_the_demo_says_to_paste_works(self):
        demo, introduction, _ = self.demo()
        pasted = re.findall(r"^# (.*)\n(.+(?:\\\n.+)*)$", introduction, re.MULTILINE)
        publishing = ["through the FIFO", "with curl", "with the command line"]
        self.assertEqual([way for way, _ in pasted], [*publishing, "watch from another terminal, too"])
        watch = self.start("pasted-watch", ["sh", "-c", f"exec {pasted.pop()[1]}"])
        for number, (way, line) in enumerate(pasted):
            before = demo.output().count("alice@example.com is open")
            shell = self.start(f"pasted-{number}", ["sh", "-c", line])
            self.assertEqual(shell.wait_exit(40), 0, way)
            self.assertIn("200 OK", shell.output(), way)
            demo.wait_ready(f"the watcher tells what came {way}", lambda: demo.output().count("alice@example.com is open") > before)
            hello = {"through the FIFO": "hello through the FIFO", "with curl": "hello from curl"}.get(way, "hello from the command line")
            watch.wait_ready(f"the other terminal tells what came {way}", lambda: hello in watch.output())
