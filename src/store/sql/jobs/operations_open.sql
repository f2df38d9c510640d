-- How many operations have not ended.
-- scope: job
-- in: none
-- out: operations int8
SELECT count(*) FROM usher.operations WHERE state <= 2
