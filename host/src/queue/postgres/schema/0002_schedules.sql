-- Schedules and workers. Times and ids as in 0001_jobs.sql.

-- Jobs that are enqueued again and again.
CREATE TABLE ampule.schedules (
    name          text COLLATE "C" PRIMARY KEY,
    paused        boolean NOT NULL,
    next_at       timestamptz,                  -- the tick that is next
    last_at       timestamptz,                  -- the last tick that was enqueued
    revision      bigint NOT NULL,              -- grows with every change: the fence of a firing
    document      json NOT NULL                 -- the schedule
);

-- Workers, as they tell of themselves.
CREATE TABLE ampule.workers (
    id            uuid PRIMARY KEY,
    host          text COLLATE "C" NOT NULL,
    version       text COLLATE "C" NOT NULL,
    slots         bigint NOT NULL,
    running       bigint NOT NULL,
    draining      boolean NOT NULL,
    started_at    timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL
) WITH (fillfactor = 70);
