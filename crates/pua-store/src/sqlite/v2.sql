-- How long beyond expires_ms the server takes the grant to last, and what holds the next request
-- back: a refusal, or a wait. A success, which writes the row anew, leaves nothing of these.
ALTER TABLE granted ADD COLUMN surplus INTEGER NOT NULL DEFAULT 0;  -- seconds
ALTER TABLE granted ADD COLUMN code INTEGER;                        -- NULL: nothing does
ALTER TABLE granted ADD COLUMN reason TEXT;
ALTER TABLE granted ADD COLUMN told_ms INTEGER;
ALTER TABLE granted ADD COLUMN retry_ms INTEGER;                    -- NULL: refused
ALTER TABLE granted ADD COLUMN held_off INTEGER;                    -- 1: the server wants the wait
ALTER TABLE granted ADD COLUMN next_hop TEXT;                       -- who said so

-- The same of a subscription; it counts while there is no dialog.
ALTER TABLE wanted ADD COLUMN ending INTEGER NOT NULL DEFAULT 0;    -- 1: notifiers are to be told
ALTER TABLE wanted ADD COLUMN code INTEGER;
ALTER TABLE wanted ADD COLUMN reason TEXT;
ALTER TABLE wanted ADD COLUMN termination TEXT;                     -- the reason in a NOTIFY
ALTER TABLE wanted ADD COLUMN told_ms INTEGER;
ALTER TABLE wanted ADD COLUMN retry_ms INTEGER;
ALTER TABLE wanted ADD COLUMN held_off INTEGER;
ALTER TABLE wanted ADD COLUMN next_hop TEXT;
ALTER TABLE wanted ADD COLUMN told_clock INTEGER;

-- For people: select presentity, state, etag, expires_at from publication;
DROP VIEW publication;
CREATE VIEW publication AS
SELECT i.key, i.presentity, i.package, i.id,
       CASE WHEN g.code IS NOT NULL AND g.retry_ms IS NULL THEN 'refused'
            WHEN i.removing OR i.until_ms <= strftime('%s', 'now') * 1000 THEN 'removing'
            WHEN g.code IS NOT NULL THEN 'waiting'
            WHEN g.revision = i.revision
                 AND g.expires_ms > strftime('%s', 'now') * 1000 THEN 'published'
            ELSE 'waiting' END AS state,
       g.etag,
       strftime('%Y-%m-%dT%H:%M:%SZ', g.expires_ms / 1000, 'unixepoch') AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', i.until_ms / 1000, 'unixepoch') AS until,
       g.code AS last_code, g.reason AS last_reason,
       strftime('%Y-%m-%dT%H:%M:%SZ', g.retry_ms / 1000, 'unixepoch') AS retry_at,
       i.revision, coalesce(g.revision, 0) AS published_revision,
       i.content_type, i.body, i.headers, i.proxy, i.on_stop, i.call_id, g.cseq
FROM intent AS i LEFT JOIN granted AS g ON g.key = i.key;

-- select presentity, watcher, state, expires_at from subscription;
DROP VIEW subscription;
CREATE VIEW subscription AS
SELECT w.key, w.presentity, w.watcher, w.package, w.id,
       CASE WHEN d.subscription IS NULL AND w.code IS NOT NULL THEN 'terminated'
            WHEN d.subscription IS NULL THEN 'notify_wait'
            WHEN d.active THEN 'active' ELSE 'pending' END AS state,
       strftime('%Y-%m-%dT%H:%M:%SZ', d.expires_ms / 1000, 'unixepoch') AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', w.until_ms / 1000, 'unixepoch') AS until,
       CASE WHEN d.subscription IS NULL THEN w.termination END AS reason,
       CASE WHEN d.subscription IS NULL THEN w.code END AS last_code,
       CASE WHEN d.subscription IS NULL
            THEN strftime('%Y-%m-%dT%H:%M:%SZ', w.retry_ms / 1000, 'unixepoch') END AS retry_at,
       w.ending, w.members, w.headers, w.proxy,
       d.n AS dialog, d.call_id, d.from_tag, d.remote_tag, d.target, d.routes, d.cseq, d.etag
FROM wanted AS w LEFT JOIN dialog AS d ON d.subscription = w.key;
