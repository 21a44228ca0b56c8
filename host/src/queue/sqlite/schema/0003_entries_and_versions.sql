-- Small documents beside the jobs, and what names of programs have meant. Times as in 0001_jobs.sql.

-- Documents of whoever serves the queue: see entry.rs.
CREATE TABLE entries (
    kind          TEXT NOT NULL,                -- what kind of document, such as `token`
    name          TEXT NOT NULL,
    revision      INTEGER NOT NULL,             -- grows with every change, from 1: the fence of the next one
    changed_at    INTEGER NOT NULL,
    size          INTEGER NOT NULL,             -- of the document, in bytes
    document      TEXT NOT NULL,                -- JSON
    PRIMARY KEY (kind, name)
) STRICT;

-- Every program that a name was given to. The last one is what it means now, and stands in program_names too.
CREATE TABLE program_versions (
    seq           INTEGER PRIMARY KEY,          -- grows with every naming: clocks may go back
    name          TEXT NOT NULL,
    digest        BLOB NOT NULL,
    named_at      INTEGER NOT NULL,             -- the last time that it was given
    UNIQUE (name, digest)
) STRICT;

-- When names were given was not kept before; it was not earlier than the program was stored.
INSERT INTO program_versions (name, digest, named_at)
    SELECT n.name, n.digest, p.stored_at FROM program_names n JOIN programs p ON p.digest = n.digest;
