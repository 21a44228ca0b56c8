-- Small documents beside the jobs, and what names of programs have meant. Times as in 0001_jobs.sql.

-- Documents of whoever serves the queue: see entry.rs.
CREATE TABLE ampule.entries (
    kind          text COLLATE "C" NOT NULL,    -- what kind of document, such as `token`
    name          text COLLATE "C" NOT NULL,
    revision      bigint NOT NULL,              -- grows with every change, from 1: the fence of the next one
    changed_at    timestamptz NOT NULL,
    size          bigint NOT NULL,              -- of the document, in bytes
    document      json NOT NULL,
    PRIMARY KEY (kind, name)
);

-- Every program that a name was given to. The last one is what it means now, and stands in program_names too.
CREATE TABLE ampule.program_versions (
    seq           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- grows with every naming: clocks may go back
    name          text COLLATE "C" NOT NULL,
    digest        bytea NOT NULL,
    named_at      timestamptz NOT NULL,         -- the last time that it was given
    UNIQUE (name, digest)
);

-- When names were given was not kept before; it was not earlier than the program was stored.
INSERT INTO ampule.program_versions (name, digest, named_at)
    SELECT n.name, n.digest, p.stored_at
    FROM ampule.program_names n JOIN ampule.programs p ON p.digest = n.digest;
