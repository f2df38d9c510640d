-- One node at a time makes a signing key.
-- scope: platform
-- in: none
-- out: locked bool
SELECT pg_advisory_xact_lock(7020182) IS NOT NULL
