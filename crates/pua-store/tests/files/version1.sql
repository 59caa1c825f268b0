-- A store as version 1 of the tables made it. Never changed: files like it are in the field.
PRAGMA application_id = 1886740736;
PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE owner (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    epoch  INTEGER NOT NULL,            -- grows with each start of a daemon
    events INTEGER NOT NULL,            -- events up to this number may have been told
    pid    INTEGER NOT NULL
);
INSERT INTO owner VALUES(1,1780000000000,65536,4711);
CREATE TABLE clock (
    id        INTEGER PRIMARY KEY,
    boot      TEXT NOT NULL,            -- which boot of the machine
    offset_ms INTEGER NOT NULL,         -- wall clock less time since boot
    seen_ms   INTEGER NOT NULL          -- the latest time seen by it
);
INSERT INTO clock VALUES(1,'c0ffee00-0000-4000-8000-000000000001',1779999000000,1780000000000);
CREATE TABLE intent (
    key               INTEGER PRIMARY KEY,
    presentity        TEXT NOT NULL,
    package           TEXT NOT NULL,
    id                TEXT,
    content_type      TEXT,             -- NULL: no document
    body              TEXT,             -- a BLOB if it is no text
    headers           TEXT,
    proxy             TEXT,
    until_ms          INTEGER,          -- NULL: until further notice
    clock             INTEGER NOT NULL,
    removing          INTEGER NOT NULL, -- 1: withdrawn, the server is to be told
    on_stop           TEXT,             -- keep, remove; NULL: as configured
    revision          INTEGER NOT NULL,
    document_revision INTEGER NOT NULL,
    call_id           TEXT NOT NULL
);
INSERT INTO intent VALUES(7,'sip:alice@example.com','presence','desk','application/pidf+xml','<presence/>',replace(replace('Subject: x\r\n','\r',char(13)),'\n',char(10)),'sip:pa.example.com;lr',1780007200000,1,0,'remove',3,2,'call-1@192.0.2.1');
INSERT INTO intent VALUES(8,'sip:bob@example.com','dialog',NULL,NULL,NULL,NULL,NULL,NULL,1,1,NULL,1,0,'call-2@192.0.2.1');
INSERT INTO intent VALUES(9,'sip:carol@example.com','presence',NULL,'application/octet-stream',X'00ff00',NULL,NULL,NULL,1,0,'keep',1,1,'call-3@192.0.2.1');
CREATE TABLE granted (
    key        INTEGER PRIMARY KEY,
    etag       TEXT,
    expires_ms INTEGER,
    clock      INTEGER NOT NULL,
    revision   INTEGER NOT NULL,        -- the revision that the server has
    cseq       INTEGER NOT NULL
);
INSERT INTO granted VALUES(7,'tag-7',1780003600000,1,2,42);
CREATE TABLE wanted (
    key        INTEGER PRIMARY KEY,
    presentity TEXT NOT NULL,
    watcher    TEXT NOT NULL,
    package    TEXT NOT NULL,
    id         TEXT,
    headers    TEXT,
    proxy      TEXT,
    members    TEXT,                    -- a JSON list; NULL: none
    until_ms   INTEGER,
    clock      INTEGER NOT NULL
);
INSERT INTO wanted VALUES(7,'sip:list@example.com','sip:watcher@example.com','presence',NULL,NULL,NULL,'["sip:a@example.com","sip:b@example.com"]',NULL,1);
INSERT INTO wanted VALUES(11,'sip:dan@example.com','sip:watcher@example.com','dialog','x',NULL,NULL,NULL,1780003600000,1);
CREATE TABLE dialog (
    subscription INTEGER NOT NULL,
    n            INTEGER NOT NULL,
    call_id      TEXT NOT NULL,
    from_tag     TEXT NOT NULL,
    remote_tag   TEXT NOT NULL,
    target       TEXT NOT NULL,
    routes       TEXT,                  -- a JSON list; NULL: none
    cseq         INTEGER NOT NULL,
    remote_cseq  INTEGER NOT NULL,
    active       INTEGER NOT NULL,      -- 0: pending
    expires_ms   INTEGER NOT NULL,
    clock        INTEGER NOT NULL,
    etag         TEXT,
    PRIMARY KEY (subscription, n)
) WITHOUT ROWID;
INSERT INTO dialog VALUES(7,0,'call-4@192.0.2.1','ours','theirs','sip:pa.example.com:5070','["<sip:p1;lr>","<sip:p2;lr>"]',5,9,1,1780001800000,1,'etag-1');
INSERT INTO dialog VALUES(7,1,'call-4@192.0.2.1','ours','fork','sip:other.example.com',NULL,2,1,0,1780001800000,1,NULL);
CREATE VIEW publication AS
SELECT i.key, i.presentity, i.package, i.id,
       CASE WHEN i.removing THEN 'removing'
            WHEN g.etag IS NOT NULL AND g.revision = i.revision
                 AND g.expires_ms > strftime('%s', 'now') * 1000 THEN 'published'
            ELSE 'waiting' END AS state,
       g.etag,
       strftime('%Y-%m-%dT%H:%M:%SZ', g.expires_ms / 1000, 'unixepoch') AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', i.until_ms / 1000, 'unixepoch') AS until,
       i.revision, coalesce(g.revision, 0) AS published_revision,
       i.content_type, i.body, i.headers, i.proxy, i.on_stop, i.call_id, g.cseq
FROM intent AS i LEFT JOIN granted AS g ON g.key = i.key;
CREATE VIEW subscription AS
SELECT w.key, w.presentity, w.watcher, w.package, w.id,
       CASE WHEN d.subscription IS NULL THEN 'waiting'
            WHEN d.active THEN 'active' ELSE 'pending' END AS state,
       strftime('%Y-%m-%dT%H:%M:%SZ', d.expires_ms / 1000, 'unixepoch') AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', w.until_ms / 1000, 'unixepoch') AS until,
       w.members, w.headers, w.proxy,
       d.n AS dialog, d.call_id, d.from_tag, d.remote_tag, d.target, d.routes, d.cseq, d.etag
FROM wanted AS w LEFT JOIN dialog AS d ON d.subscription = w.key;
COMMIT;
