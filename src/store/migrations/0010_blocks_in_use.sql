-- When a block was last said to be in use: those that no receipt names any more were never removed. What is
-- there already counts as used now, since nobody knows.
-- serves-from: 1
ALTER TABLE usher.blocks ADD COLUMN used_at timestamptz NOT NULL DEFAULT now();
