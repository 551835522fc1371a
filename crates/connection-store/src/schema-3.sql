-- Format 3: several keys, a ledger against rows put back, an owner against copies, spares, a history.
CREATE TABLE store (
    id                TEXT NOT NULL PRIMARY KEY,  -- random
    data_key          INTEGER NOT NULL,           -- the id of the data key that values are sealed under
    data_key_since    INTEGER NOT NULL,
    ledger            BLOB,                       -- sealed: which generation of each row is the last (ledger.rs); NULL in a store of format 2 until it is opened
    ledger_generation INTEGER NOT NULL,
    owner_machine     TEXT,                       -- whose the file is: a hash of the machine's id; NULL: nobody's yet
    owner_file        TEXT,                       -- which file it is: when it was made, or its number
    owner_path        TEXT,                       -- where it lay then
    owner_label       TEXT,                       -- the machine's name, for people
    owned_since       INTEGER
) STRICT;

INSERT INTO store (id, data_key, data_key_since, ledger_generation)
    SELECT lower(hex(randomblob(16))), 1, coalesce((SELECT min(created_at) FROM data_keys), 0), 0;

-- The data key, once for each key that opens the store.
CREATE TABLE key_slots (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    lock       TEXT NOT NULL,            -- key-file | passphrase | keychain | command | identity
    hint       BLOB NOT NULL,            -- path of the key file, name of the keychain's entry, age file of the identity
    parameters TEXT NOT NULL,            -- Argon2id: memory in KiB, passes, lanes; empty where the key is random bytes
    salt       BLOB NOT NULL,
    sealed     BLOB NOT NULL,            -- the data key, sealed under the slot's key; bound to the store and the data key's id
    slot_key   BLOB,                     -- the slot's key, sealed under the data key: a new data key needs it. NULL in a store of format 2 until it is opened
    created_at INTEGER NOT NULL
) STRICT;

INSERT INTO key_slots (lock, hint, parameters, salt, sealed, created_at)
    SELECT lock, CAST(hint AS BLOB), parameters, salt, sealed, created_at FROM data_keys;

DROP TABLE data_keys;

-- When the lease ends by the clock that counts since the machine started, runs only while it is awake and is never set; in milliseconds.
ALTER TABLE authorisations ADD COLUMN lease_ends INTEGER;

-- Refresh tokens of leaders that came too late: never spent, tried before a person is asked.
CREATE TABLE spares (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    authorisation TEXT NOT NULL REFERENCES authorisations (id) ON DELETE CASCADE,
    generation    INTEGER NOT NULL,      -- the one that it would have been
    token         BLOB NOT NULL,         -- sealed; bound as refresh
    kept_at       INTEGER NOT NULL
) STRICT;

CREATE INDEX spares_of_authorisation ON spares (authorisation);

-- What happened to an authorisation's tokens; never a secret.
CREATE TABLE events (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    authorisation TEXT NOT NULL REFERENCES authorisations (id) ON DELETE CASCADE,
    at            INTEGER NOT NULL,
    event         TEXT NOT NULL,
    actor         TEXT NOT NULL,         -- who did it, in words
    detail        TEXT NOT NULL
) STRICT;

CREATE INDEX events_of_authorisation ON events (authorisation, id);
