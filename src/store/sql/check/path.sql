-- Names of ours are shown with their schema from here to the end of the transaction, whatever path a
-- role has been given.
-- scope: platform
-- in: none
-- out: path text
SELECT set_config('search_path', 'pg_catalog, pg_temp', true)
