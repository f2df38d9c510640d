-- Receipts by time: retention read a whole month of them each hour to find those that are due.
-- serves-from: 1

-- They are only ever added, so their order in the table is nearly that of their time, and this takes a
-- few pages a month. While it is made receipts wait in the nodes' spools.
CREATE INDEX reads_by_time ON usher.reads USING brin (read_at) WITH (autosummarize = on);
