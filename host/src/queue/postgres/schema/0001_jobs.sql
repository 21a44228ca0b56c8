-- Jobs and what belongs to them.
--
-- Times are kept to the millisecond. Ids of jobs and workers are UUIDs of version 7, so they sort by time. States are
-- numbers: 0 queued, 1 running, 2 completed, 3 failed, 4 cancelled. Documents are `json`, not `jsonb`, which loses the
-- order of keys and refuses `\u0000`. Names are compared byte by byte (COLLATE "C"), as everywhere else in Ampule.

-- Jobs that wait or run. Small and hot: what has ended is moved to `ended`.
CREATE TABLE ampule.jobs (
    id            uuid PRIMARY KEY,
    queue         text COLLATE "C" NOT NULL,
    state         smallint NOT NULL DEFAULT 0 CHECK (state IN (0, 1)),
    held          boolean NOT NULL,             -- waits until it is released, due or not
    priority      smallint NOT NULL,            -- higher ones go first
    lane          text COLLATE "C" NOT NULL,    -- what a claim must tell apart: see claim.rs
    run_at        timestamptz NOT NULL,         -- due then; a retry has a later one
    tenant        text COLLATE "C",
    name          text COLLATE "C" NOT NULL,
    program       bytea,                        -- SHA-256; null for source strings and deliveries
    language      text COLLATE "C",             -- of a source string
    attempt       integer NOT NULL DEFAULT 0,   -- how often it was handed out: the fence
    spared        integer NOT NULL DEFAULT 0,   -- how many of these do not count against max_tries
    max_tries     integer NOT NULL,
    retries_lost  boolean NOT NULL,             -- whether it is tried again when its worker died
    start_before  timestamptz,                  -- expires if its first attempt has not begun by then
    cancel_asked  boolean NOT NULL DEFAULT false, -- the worker is to stop it
    worker        uuid,                         -- who holds it, or held it last
    lease_until   timestamptz,                  -- not null exactly while it runs
    started_at    timestamptz,                  -- of the last attempt
    enqueued_at   timestamptz NOT NULL,
    unique_key    text COLLATE "C",             -- see unique_keys
    unique_scope  smallint,                     -- 0 for ever, 1 unfinished, 2 period
    parent        uuid,                         -- the job from whose end this one follows
    last_kind     text COLLATE "C",             -- of the last attempt that failed
    last_message  text COLLATE "C",
    payload       json                          -- null if it lies in payloads
) WITH (
    -- Every job is updated when it is claimed and again with each renewal: room on its page keeps both cheap.
    fillfactor = 80,
    -- Every job leaves a dead row behind it. They are cleaned up by count, not by share: a backlog of a million must not
    -- let a hundred thousand of them gather at its head, where every claim steps over them.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.2,
    autovacuum_analyze_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0,
    -- A document of up to 2 KiB stays in its row.
    toast_tuple_target = 8160
);

-- What a claim looks through, group by group of (queue, priority, lane), each in the order in which it is due. The
-- priority is negated so that one comparison of rows leaps to the next group.
CREATE INDEX jobs_ready ON ampule.jobs (queue, (- priority::integer), lane, run_at, id) WHERE state = 0 AND NOT held;
-- Held jobs, to count them.
CREATE INDEX jobs_held ON ampule.jobs (queue) WHERE state = 0 AND held;
-- Jobs that may expire before they start.
CREATE INDEX jobs_expiring ON ampule.jobs (start_before) WHERE state = 0 AND attempt = 0 AND start_before IS NOT NULL;
-- Running jobs: counted against limits.
CREATE INDEX jobs_running ON ampule.jobs (queue, tenant) WHERE state = 1;
-- Jobs that follow from another.
CREATE INDEX jobs_parent ON ampule.jobs (parent) WHERE parent IS NOT NULL;

-- Documents of more than 2 KiB, which would make the hot rows large.
CREATE TABLE ampule.payloads (
    job           uuid PRIMARY KEY,
    document      json NOT NULL
);

-- Jobs that have ended. Columns as in `jobs`.
CREATE TABLE ampule.ended (
    id            uuid PRIMARY KEY,
    queue         text COLLATE "C" NOT NULL,
    state         smallint NOT NULL CHECK (state IN (2, 3, 4)),
    priority      smallint NOT NULL,
    run_at        timestamptz NOT NULL,
    tenant        text COLLATE "C",
    name          text COLLATE "C" NOT NULL,
    program       bytea,
    language      text COLLATE "C",
    attempt       integer NOT NULL,
    spared        integer NOT NULL,
    max_tries     integer NOT NULL,
    retries_lost  boolean NOT NULL,
    start_before  timestamptz,
    cancel_asked  boolean NOT NULL,
    worker        uuid,
    started_at    timestamptz,
    enqueued_at   timestamptz NOT NULL,
    unique_key    text COLLATE "C",
    unique_scope  smallint,
    parent        uuid,
    ended_at      timestamptz NOT NULL,
    kind          text COLLATE "C",             -- of the failure it ended with
    message       text COLLATE "C",
    payload       json,
    outcome       json                          -- result, usage, output
) WITH (
    -- Rows are added and later deleted by age, never updated: vacuum by count keeps up with both.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.05
);

-- Lists and counts by queue and state.
CREATE INDEX ended_queue ON ampule.ended (queue, state);
-- What is old enough to be deleted.
CREATE INDEX ended_age ON ampule.ended (state, ended_at);
-- The few that did not return, newest first.
CREATE INDEX ended_badly ON ampule.ended (state, id) WHERE state <> 2;
CREATE INDEX ended_tenant ON ampule.ended (tenant) WHERE tenant IS NOT NULL;
CREATE INDEX ended_parent ON ampule.ended (parent) WHERE parent IS NOT NULL;

-- Attempts that did not end their job. The last one stands in the job's own row, unless it stands here.
CREATE TABLE ampule.attempts (
    job           uuid NOT NULL,
    attempt       integer NOT NULL,
    worker        uuid NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz NOT NULL,
    outcome_end   text COLLATE "C" NOT NULL,    -- completed, failed, cancelled, lost, handed_back
    outcome       json,
    PRIMARY KEY (job, attempt)
);

-- What jobs told while they ran.
CREATE TABLE ampule.events (
    job           uuid NOT NULL,
    number        integer NOT NULL,             -- from 1, growing
    attempt       integer NOT NULL,
    at            timestamptz NOT NULL,
    document      json NOT NULL,
    PRIMARY KEY (job, number)
);

-- Words to find jobs by.
CREATE TABLE ampule.tags (
    tag           text COLLATE "C" NOT NULL,
    job           uuid NOT NULL,
    position      smallint NOT NULL,            -- where it stood among the job's tags
    PRIMARY KEY (tag, job)
);

CREATE INDEX tags_job ON ampule.tags (job, position);

-- Keys that only one job may have. A tenant's own; '' stands for none.
CREATE TABLE ampule.unique_keys (
    tenant        text COLLATE "C" NOT NULL,
    key           text COLLATE "C" NOT NULL,
    job           uuid NOT NULL,
    scope         smallint NOT NULL,            -- 0 for ever, 1 unfinished, 2 period
    until         timestamptz,                  -- the end of the period
    PRIMARY KEY (tenant, key)
);

CREATE INDEX unique_keys_until ON ampule.unique_keys (until) WHERE until IS NOT NULL;

-- Programs, so that any machine can run any job.
CREATE TABLE ampule.programs (
    digest        bytea PRIMARY KEY,            -- SHA-256 of the bytes
    size          bigint NOT NULL,
    stored_at     timestamptz NOT NULL,
    bytes         bytea NOT NULL
);

-- Names that mean a program; jobs are pinned to the digest when they are enqueued.
CREATE TABLE ampule.program_names (
    name          text COLLATE "C" PRIMARY KEY,
    digest        bytea NOT NULL
);

CREATE INDEX program_names_digest ON ampule.program_names (digest);

-- Queues that were configured. One that was not is open and has no limits.
CREATE TABLE ampule.queues (
    name                    text COLLATE "C" PRIMARY KEY,
    mode                    text COLLATE "C" NOT NULL CHECK (mode IN ('open', 'paused', 'draining')),
    max_running             bigint,
    max_running_per_tenant  bigint
);
