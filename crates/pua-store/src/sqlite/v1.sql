-- Who uses the file.
CREATE TABLE owner (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    epoch  INTEGER NOT NULL,            -- grows with each start of a daemon
    events INTEGER NOT NULL,            -- events up to this number may have been told
    pid    INTEGER NOT NULL
);

-- Times are milliseconds since 1970-01-01, written by one of these clocks.
CREATE TABLE clock (
    id        INTEGER PRIMARY KEY,
    boot      TEXT NOT NULL,            -- which boot of the machine
    offset_ms INTEGER NOT NULL,         -- wall clock less time since boot
    seen_ms   INTEGER NOT NULL          -- the latest time seen by it
);

-- What applications want published.
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

-- What the server has granted: the small part, which each refresh changes.
CREATE TABLE granted (
    key        INTEGER PRIMARY KEY,
    etag       TEXT,
    expires_ms INTEGER,
    clock      INTEGER NOT NULL,
    revision   INTEGER NOT NULL,        -- the revision that the server has
    cseq       INTEGER NOT NULL
);

-- What applications want watched.
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

-- The dialog usages of subscriptions (RFC 6665).
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

-- For people: select presentity, state, etag, expires_at from publication;
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

-- select presentity, watcher, state, expires_at from subscription;
CREATE VIEW subscription AS
SELECT w.key, w.presentity, w.watcher, w.package, w.id,
       CASE WHEN d.subscription IS NULL THEN 'waiting'
            WHEN d.active THEN 'active' ELSE 'pending' END AS state,
       strftime('%Y-%m-%dT%H:%M:%SZ', d.expires_ms / 1000, 'unixepoch') AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', w.until_ms / 1000, 'unixepoch') AS until,
       w.members, w.headers, w.proxy,
       d.n AS dialog, d.call_id, d.from_tag, d.remote_tag, d.target, d.routes, d.cseq, d.etag
FROM wanted AS w LEFT JOIN dialog AS d ON d.subscription = w.key;
