-- Rows of some blocks of a table whose foreign key leads nowhere.
-- scope: platform
-- in: relation text, name text, first_block int8, end_block int8
-- out: orphans int8, samples text
SELECT orphans, samples FROM usher.check_reference($1, $2, $3, $4)
