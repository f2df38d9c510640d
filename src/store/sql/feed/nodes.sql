-- All nodes, and what each has read and obeyed.
-- scope: platform
-- in: none
-- out: id uuid, epoch int8, renewals int8, snapshot text?
SELECT id, epoch, renewals, snapshot::text FROM usher.nodes
