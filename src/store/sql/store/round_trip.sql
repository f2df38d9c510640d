-- Gives back what it is given, of every type there is. Tests hold the binary formats to it.
-- scope: platform
-- in: a_text text?, a_uuid uuid?, an_int8 int8?, an_int4 int4?, a_bool bool?, a_time timestamptz?,
--   a_bytes bytea?, a_json jsonb?, a_double float8?, some_texts text[]?, some_uuids uuid[]?,
--   some_numbers int8[]?
-- out: a_text text?, a_uuid uuid?, an_int8 int8?, an_int4 int4?, a_bool bool?, a_time timestamptz?,
--   a_bytes bytea?, a_json jsonb?, a_double float8?, some_texts text[]?, some_uuids uuid[]?,
--   some_numbers int8[]?
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
