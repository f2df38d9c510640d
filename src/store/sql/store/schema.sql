-- The schema's number, and the lowest that a server may need and still be served by it.
-- scope: platform
-- in: none
-- out: version int4, serves_from int4
SELECT COALESCE(max(version), 0)::int4, COALESCE(max(serves_from), 0)::int4
FROM usher.schema_migrations
