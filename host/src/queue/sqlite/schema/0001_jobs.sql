-- Jobs and what belongs to them.
--
-- Times are milliseconds since 1970-01-01T00:00:00Z. Ids of jobs and workers are the sixteen bytes of a UUID of
-- version 7, so they sort by time: `SELECT hex(id), …` shows them. States are numbers:
-- 0 queued, 1 running, 2 completed, 3 failed, 4 cancelled.

-- Jobs that wait or run. Small and hot: what has ended is moved to `ended`.
CREATE TABLE jobs (
    seq           INTEGER PRIMARY KEY,          -- where the row lies: rows are large, and found faster by a number
    id            BLOB NOT NULL UNIQUE,
    queue         TEXT NOT NULL,
    state         INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1)),
    held          INTEGER NOT NULL,             -- waits until it is released, due or not
    priority      INTEGER NOT NULL,             -- higher ones go first
    lane          TEXT NOT NULL,                -- what a claim must tell apart: see claim.rs
    run_at        INTEGER NOT NULL,             -- due then; a retry has a later one
    tenant        TEXT,
    name          TEXT NOT NULL,
    program       BLOB,                         -- SHA-256; null for source strings and deliveries
    language      TEXT,                         -- of a source string
    attempt       INTEGER NOT NULL DEFAULT 0,   -- how often it was handed out: the fence
    spared        INTEGER NOT NULL DEFAULT 0,   -- how many of these do not count against max_tries
    max_tries     INTEGER NOT NULL,
    retries_lost  INTEGER NOT NULL,             -- whether it is tried again when its worker died
    start_before  INTEGER,                      -- expires if its first attempt has not begun by then
    cancel_asked  INTEGER NOT NULL DEFAULT 0,   -- the worker is to stop it
    worker        BLOB,                         -- who holds it, or held it last
    lease_until   INTEGER,                      -- not null exactly while it runs
    started_at    INTEGER,                      -- of the last attempt
    enqueued_at   INTEGER NOT NULL,
    unique_key    TEXT,                         -- see unique_keys
    unique_scope  INTEGER,                      -- 0 for ever, 1 unfinished, 2 period
    parent        BLOB,                         -- the job from whose end this one follows
    last_kind     TEXT,                         -- of the last attempt that failed
    last_message  TEXT,
    payload       TEXT                          -- the JSON document; null if it lies in payloads
) STRICT;

-- What a claim looks through, group by group of (queue, priority, lane), each in the order in which it is due.
CREATE INDEX jobs_ready ON jobs (queue, priority DESC, lane, run_at, id, start_before, attempt)
    WHERE state = 0 AND held = 0;
-- Held jobs, to count them.
CREATE INDEX jobs_held ON jobs (queue) WHERE state = 0 AND held = 1;
-- Jobs that may expire before they start.
CREATE INDEX jobs_expiring ON jobs (start_before) WHERE state = 0 AND attempt = 0 AND start_before IS NOT NULL;
-- Running jobs: counted against limits, looked through for leases that expired.
CREATE INDEX jobs_running ON jobs (queue, tenant, lease_until, worker) WHERE state = 1;
-- Jobs that follow from another.
CREATE INDEX jobs_parent ON jobs (parent) WHERE parent IS NOT NULL;

-- Documents of more than 2 KiB, which would make the hot rows large.
CREATE TABLE payloads (
    job           BLOB PRIMARY KEY,
    document      TEXT NOT NULL
) STRICT;

-- Jobs that have ended. Columns as in `jobs`.
CREATE TABLE ended (
    seq           INTEGER PRIMARY KEY,
    id            BLOB NOT NULL UNIQUE,
    queue         TEXT NOT NULL,
    state         INTEGER NOT NULL CHECK (state IN (2, 3, 4)),
    priority      INTEGER NOT NULL,
    run_at        INTEGER NOT NULL,
    tenant        TEXT,
    name          TEXT NOT NULL,
    program       BLOB,
    language      TEXT,
    attempt       INTEGER NOT NULL,
    spared        INTEGER NOT NULL,
    max_tries     INTEGER NOT NULL,
    retries_lost  INTEGER NOT NULL,
    start_before  INTEGER,
    cancel_asked  INTEGER NOT NULL,
    worker        BLOB,
    started_at    INTEGER,
    enqueued_at   INTEGER NOT NULL,
    unique_key    TEXT,
    unique_scope  INTEGER,
    parent        BLOB,
    ended_at      INTEGER NOT NULL,
    kind          TEXT,                         -- of the failure it ended with
    message       TEXT,
    payload       TEXT,
    outcome       TEXT                          -- the JSON document: result, usage, output
) STRICT;

-- Lists and counts by queue and state.
CREATE INDEX ended_queue ON ended (queue, state, id);
-- What is old enough to be deleted.
CREATE INDEX ended_age ON ended (state, ended_at);
-- The few that did not return, newest first.
CREATE INDEX ended_badly ON ended (state, id) WHERE state <> 2;
CREATE INDEX ended_tenant ON ended (tenant, id) WHERE tenant IS NOT NULL;
CREATE INDEX ended_parent ON ended (parent) WHERE parent IS NOT NULL;

-- Attempts that did not end their job. The last one stands in the job's own row, unless it stands here.
CREATE TABLE attempts (
    job           BLOB NOT NULL,
    attempt       INTEGER NOT NULL,
    worker        BLOB NOT NULL,
    started_at    INTEGER NOT NULL,
    ended_at      INTEGER NOT NULL,
    outcome_end   TEXT NOT NULL,                -- completed, failed, cancelled, lost, handed_back
    outcome       TEXT,
    PRIMARY KEY (job, attempt)
) STRICT, WITHOUT ROWID;

-- What jobs told while they ran.
CREATE TABLE events (
    job           BLOB NOT NULL,
    number        INTEGER NOT NULL,             -- from 1, growing
    attempt       INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    document      TEXT NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

-- Words to find jobs by.
CREATE TABLE tags (
    tag           TEXT NOT NULL,
    job           BLOB NOT NULL,
    position      INTEGER NOT NULL,             -- where it stood among the job's tags
    PRIMARY KEY (tag, job)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_job ON tags (job, position);

-- Keys that only one job may have. A tenant's own; '' stands for none.
CREATE TABLE unique_keys (
    tenant        TEXT NOT NULL,
    key           TEXT NOT NULL,
    job           BLOB NOT NULL,
    scope         INTEGER NOT NULL,             -- 0 for ever, 1 unfinished, 2 period
    until         INTEGER,                      -- the end of the period
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX unique_keys_until ON unique_keys (until) WHERE until IS NOT NULL;

-- Programs, so that any machine can run any job.
CREATE TABLE programs (
    digest        BLOB PRIMARY KEY,             -- SHA-256 of the bytes
    size          INTEGER NOT NULL,
    stored_at     INTEGER NOT NULL,
    bytes         BLOB NOT NULL
) STRICT;

-- Names that mean a program; jobs are pinned to the digest when they are enqueued.
CREATE TABLE program_names (
    name          TEXT PRIMARY KEY,
    digest        BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX program_names_digest ON program_names (digest);

-- Queues that were configured. One that was not is open and has no limits.
CREATE TABLE queues (
    name                    TEXT PRIMARY KEY,
    mode                    TEXT NOT NULL CHECK (mode IN ('open', 'paused', 'draining')),
    max_running             INTEGER,
    max_running_per_tenant  INTEGER
) STRICT, WITHOUT ROWID;
