-- `XctC`: this database is a store.
PRAGMA application_id = 1482912835;

-- Format 1. Times are seconds since 1970 in UTC. Sealed columns are envelopes (seal.rs).
CREATE TABLE data_keys (
    id          INTEGER NOT NULL,
    lock        TEXT NOT NULL,           -- key-file | passphrase
    hint        TEXT NOT NULL,           -- path of the key file
    parameters  TEXT NOT NULL,           -- Argon2id: memory in KiB, passes, lanes
    salt        BLOB NOT NULL,
    sealed      BLOB NOT NULL,           -- the data key, sealed under the store key
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (id, lock)
) STRICT;

CREATE TABLE apps (
    id          TEXT NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    client_id   TEXT NOT NULL,
    server      TEXT,                    -- NULL: Xero
    certificate BLOB NOT NULL,           -- DER
    secret      BLOB NOT NULL,           -- sealed: PKCS#8 of the private key; bound to kind, client_id, server, certificate
    generation  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE connections (
    name                    TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
    app                     TEXT NOT NULL REFERENCES apps (id),
    organisation_id         TEXT,
    organisation_name       TEXT,
    organisation_short_code TEXT,
    pin                     BLOB NOT NULL,      -- sealed: nothing; bound to app and organisation_id
    is_default              INTEGER NOT NULL,
    created_at              INTEGER NOT NULL,
    tested_at               INTEGER
) STRICT;

CREATE UNIQUE INDEX one_default ON connections (is_default) WHERE is_default = 1;
