"""Documents to publish."""

import pathlib

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"

#: The text of the admin guide's FIFO example, to the byte, with its empty line at the end.
ADMIN_GUIDE = (PEERS / "admin-guide.txt").read_text()
#: The document in it.
ADMIN_GUIDE_BODY = ADMIN_GUIDE.split("\n")[7]
#: What a watcher can read in it.
ADMIN_GUIDE_NOTE = "CPU:16 MEM:476"
#: Whom it is about.
ADMIN_GUIDE_PRESENTITY = "sip:system@opensips.org"


def pidf(presentity, note, basic="open"):
    """A small presence document."""
    return (f'<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{presentity}">'
            f'<tuple id="t1"><status><basic>{basic}</basic></status><note>{note}</note></tuple></presence>')


def dialog_info(presentity, state, version=0):
    """A small dialog-info document."""
    return (f'<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="full" entity="{presentity}">'
            f'<dialog id="d1" call-id="c1" direction="initiator"><state>{state}</state></dialog></dialog-info>')
