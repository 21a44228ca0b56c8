-- The names that a program has or had.
CREATE INDEX program_versions_digest ON ampule.program_versions (digest, name);
