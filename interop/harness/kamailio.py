"""Kamailio as a presence server, and as a second publisher."""

import json
import pathlib
import re
import shutil
import sqlite3
import urllib.request

from .ports import free_port, until_free
from .process import Process, program
from .sip import answers_options

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
#: The type of an rls-services document in Kamailio's xcap table.
RLS_SERVICES = 8
SCHEMAS = pathlib.Path("/usr/share/kamailio/db_sqlite")
#: With lists the tables are text files: the rls module calls a function that the SQLite connector does not have.
TEXT_TABLES = pathlib.Path("/usr/share/kamailio/dbtext/kamailio")


def make_database(path, *schemas, edit=lambda sql: sql):
    """A fresh database from the schema files of Debian's kamailio-sqlite-modules."""
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    # Whoever reads keeps nobody from writing. It is kept in the file.
    database.execute("PRAGMA journal_mode = WAL")
    for schema in schemas:
        database.executescript(edit((SCHEMAS / f"{schema}-create.sql").read_text()))
    database.commit()
    database.close()


class PresenceServer:
    """Kamailio with its presence modules, UDP and TCP on one port of loopback.

    `lists` makes it a resource list server: {(watcher, list's URI): [members' URIs]}.
    """

    def __init__(self, run_dir, digest=False, algorithm=None, qop=1, min_expires=1, max_expires=3600, lists=None):
        self.run_dir = pathlib.Path(run_dir)
        self.database = self.run_dir / "presence.db"
        self.port = free_port()
        url = f"sqlite:///{self.database}" if lists is None else f"text://{self.run_dir}/lists"
        self.defines = [f"PORT={self.port}", f'DBURL="{url}"', f'SERVER="sip:127.0.0.1:{self.port}"',
                        f"MIN_EXPIRES={min_expires}", f"MAX_EXPIRES={max_expires}"]
        if digest:
            self.defines += ["AUTH=1", f'QOP="{qop}"']
            if algorithm:
                self.defines.append(f'ALGORITHM="{algorithm}"')
        self.lists = lists
        if lists is not None:
            self.defines += ["RLS=1", f'LISTS="sip:rls@127.0.0.1:{self.port}"']
        self.process = None

    def start(self, empty=True):
        """Starts it, with an empty database unless told otherwise, and waits for its answer to OPTIONS."""
        until_free(self.port)
        if empty:
            for leftover in self.run_dir.glob("presence.db*"):
                leftover.unlink()
            if self.lists is None:
                make_database(self.database, "standard", "presence")
            else:
                self._write_lists()
        rundir = self.run_dir / "kamailio"
        rundir.mkdir(exist_ok=True)
        argv = [program("kamailio"), "-DD", "-E", "-m", "64", "-M", "8", "-f", PEERS / "kamailio-presence.cfg", "-Y", rundir, "-w", rundir]
        for define in self.defines:
            argv += ["-A", define]
        self.process = Process("kamailio-presence", argv, self.run_dir)
        self.process.wait_ready("answers OPTIONS", lambda: answers_options(self.port), 60)
        return self

    def _write_lists(self):
        """One rls-services document (RFC 4826) for each watcher, as an XCAP server would store it."""
        services = {}
        for (watcher, name), members in self.lists.items():
            entries = "".join(f'<entry uri="{member}"/>' for member in members)
            services.setdefault(watcher, []).append(
                f'<service uri="{name}"><list>{entries}</list><packages><package>presence</package></packages></service>')
        directory = self.run_dir / "lists"
        directory.mkdir(exist_ok=True)
        for table in ("version", "presentity", "active_watchers", "watchers", "pua", "xcap", "rls_presentity", "rls_watchers"):
            shutil.copy(TEXT_TABLES / table, directory)
        with open(directory / "xcap", "a") as table:
            for number, (watcher, items) in enumerate(services.items(), 1):
                user, _, domain = watcher.removeprefix("sip:").partition("@")
                document = ('<?xml version="1.0" encoding="UTF-8"?><rls-services xmlns="urn:ietf:params:xml:ns:rls-services">'
                            f'{"".join(items)}</rls-services>')
                fields = (number, user, domain, document, RLS_SERVICES, "lab", 0, f"rls-services/users/{watcher}/index", 0)
                table.write(":".join(str(field).replace("\\", "\\\\").replace(":", "\\:") for field in fields) + "\n")

    def stop(self):
        if self.process:
            self.process.stop()

    def forget(self):
        """Dies without a word, and comes back at the same port without knowing anybody."""
        self.process.kill()
        return self.start()

    def uri(self, transport="udp"):
        return f"sip:127.0.0.1:{self.port}" + (";transport=tcp" if transport == "tcp" else "")

    def rows(self, user):
        """The publications of that user held now: dicts of the presentity table's columns."""
        database = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)
        database.row_factory = sqlite3.Row
        try:
            rows = [dict(row) for row in database.execute("SELECT * FROM presentity WHERE username = ?", (user,))]
        except sqlite3.OperationalError:
            return []
        finally:
            database.close()
        for row in rows:
            if isinstance(row["body"], bytes):
                row["body"] = row["body"].decode("utf-8", "replace")
        return rows

    def seen(self, method="PUBLISH"):
        """The requests that arrived, each once, as dicts, in order."""
        requests = {}
        for line in self.process.output().splitlines():
            found = re.search(r"seen: (\S+) (\S+) (\S+) (call=.*)$", line)
            if found and found.group(1) == method:
                fields = dict(re.findall(r"(\w+)=(\S*)", found.group(4)))
                fields.update(uri=found.group(2), transport=found.group(3).lower())
                requests.setdefault((fields["call"], fields["cseq"]), fields)
        return [{key: "" if value == "<null>" else value for key, value in fields.items()} for fields in requests.values()]


class Publisher:
    """Kamailio's own pua, driven by pua_rpc over HTTP."""

    def __init__(self, run_dir, proxy):
        self.run_dir = pathlib.Path(run_dir)
        self.proxy = proxy
        self.port = free_port()
        self.process = None

    def start(self):
        # pua_rpc without an id stores NULL into a column that the packaged schema declares NOT NULL.
        make_database(self.run_dir / "pua.db", "standard", "presence",
                      edit=lambda sql: re.sub(r"(pres_id VARCHAR\(255\)) NOT NULL", r"\1", sql))
        text = (PEERS / "kamailio-pua.cfg.in").read_text()
        for name, value in (("PORT", self.port), ("RUN", self.run_dir), ("PROXY", self.proxy)):
            text = text.replace(f"@{name}@", str(value))
        config = self.run_dir / "kamailio-pua.cfg"
        config.write_text(text)
        rundir = self.run_dir / "kamailio-pua"
        rundir.mkdir(exist_ok=True)
        self.process = Process("kamailio-pua", [program("kamailio"), "-DD", "-E", "-m", "64", "-M", "8", "-f", config, "-Y", rundir, "-w", rundir], self.run_dir)
        self.process.wait_ready("answers OPTIONS", lambda: answers_options(self.port), 60)
        return self

    def stop(self):
        if self.process:
            self.process.stop()

    def call(self, method, *params):
        """One JSON-RPC call over HTTP; gives the whole answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/RPC",
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
