-- Format 5: the ledger in pages; names found by what they are compared as.
CREATE TABLE ledger_pages (
    page    INTEGER NOT NULL PRIMARY KEY,
    entries BLOB NOT NULL               -- sealed: the states of rows (ledger.rs); bound to the store, of the generation that the root notes
) STRICT;

CREATE UNIQUE INDEX connections_by_name ON connections (lower(name));
CREATE UNIQUE INDEX apps_by_name ON apps (lower(name));
CREATE INDEX connections_of_app ON connections (app);
