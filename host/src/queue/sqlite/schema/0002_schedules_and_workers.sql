-- Schedules and workers. Times and ids as in 0001_jobs.sql.

-- Jobs that are enqueued again and again.
CREATE TABLE schedules (
    name          TEXT PRIMARY KEY,
    paused        INTEGER NOT NULL,
    next_at       INTEGER,                      -- the tick that is next
    last_at       INTEGER,                      -- the last tick that was enqueued
    revision      INTEGER NOT NULL,             -- grows with every change: the fence of a firing
    document      TEXT NOT NULL                 -- the schedule, as JSON
) STRICT, WITHOUT ROWID;

-- Workers, as they tell of themselves.
CREATE TABLE workers (
    id            BLOB PRIMARY KEY,
    host          TEXT NOT NULL,
    version       TEXT NOT NULL,
    slots         INTEGER NOT NULL,
    running       INTEGER NOT NULL,
    draining      INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
