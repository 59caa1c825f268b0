"""`pua demo`: everything in one process, in plain words."""

import re
import signal

from harness.case import LabCase


class Demo(LabCase):
    def test_the_demo_prints_a_notify_in_plain_words_and_what_to_paste(self):
        demo = self.start("demo", [self.pua, "demo"], env={"NO_COLOR": "1"})
        words = re.compile(r"CPU.*MEM|cpu.*mem", re.IGNORECASE)
        demo.wait_ready("a notification in plain words", lambda: words.search(demo.output()), 60)
        said = demo.output()
        self.assertNotIn("<presence", said, "plain words, not XML")
        for way in ("curl ", "pua publish ", "fifo"):
            self.assertIn(way, said)
        demo.send(signal.SIGTERM)
        self.assertEqual(demo.wait_exit(15), 0)

    def test_what_the_demo_says_to_paste_works(self):
        demo = self.start("demo", [self.pua, "demo"], env={"NO_COLOR": "1"})
        demo.wait_ready("the line for curl", lambda: re.search(r"^.*curl .*$", demo.output(), re.MULTILINE), 60)
        demo.wait_ready("a notification", lambda: re.search("CPU", demo.output(), re.IGNORECASE), 60)
        line = re.search(r"^\W*(curl .*(?:\\\n.*)*)$", demo.output(), re.MULTILINE).group(1)
        pasted = self.start("pasted", ["sh", "-c", line])
        self.assertEqual(pasted.wait_exit(40), 0)
        self.assertIn("200 OK", pasted.output())
