-- Has this database been migrated at all?
-- scope: platform
-- in: none
-- out: it_does bool
SELECT to_regclass('usher.schema_migrations') IS NOT NULL
