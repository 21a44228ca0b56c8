-- The names that a program has or had.
CREATE INDEX program_versions_digest ON program_versions (digest, name);
