-- What was applied.
-- scope: platform
-- in: none
-- out: version int4, name text, checksum text
SELECT version, name, checksum FROM usher.schema_migrations ORDER BY version
