-- Format 2: OAuth 2.0. An app without a certificate has an empty one, an app without a secret an empty secret: sealed,
-- so that what stands beside it cannot be changed.
ALTER TABLE apps ADD COLUMN redirect_uris TEXT NOT NULL DEFAULT '';  -- one a line

CREATE TABLE authorisations (
    id                TEXT NOT NULL PRIMARY KEY,
    app               TEXT NOT NULL REFERENCES apps (id),
    generation        INTEGER NOT NULL,        -- counts the changes of its tokens; each is sealed for its own
    user_id           TEXT,
    user_name         TEXT,
    user_email        TEXT,
    consent           TEXT,                    -- authentication_event_id
    scopes            TEXT NOT NULL,           -- granted, separated by spaces
    asked             BLOB,                    -- sealed: the scopes that client credentials ask for, or none; bound as refresh
    access            BLOB,                    -- sealed; bound to app, user_id, consent, scopes, access_expires_at
    access_expires_at INTEGER,
    refresh           BLOB,                    -- sealed; bound to app, user_id, consent. NULL: none was granted
    refreshed_at      INTEGER NOT NULL,
    previous          BLOB,                    -- sealed: the refresh token before; bound as it was, and to spent_at
    spent_at          INTEGER,                 -- when the previous one was first used
    needs_login       TEXT,                    -- the reason; NULL: none
    needs_login_since INTEGER,
    lease_owner       TEXT,                    -- who is refreshing
    lease_until       INTEGER,
    intent_generation INTEGER,                 -- whose refresh token was perhaps spent without an answer
    intent_at         INTEGER,                 -- when first
    created_at        INTEGER NOT NULL
) STRICT;

CREATE INDEX authorisations_of_app ON authorisations (app);

ALTER TABLE connections ADD COLUMN authorisation TEXT REFERENCES authorisations (id);

CREATE INDEX connections_of_authorisation ON connections (authorisation);

-- Logins begun in one process and finished in another.
CREATE TABLE pending (
    id         TEXT NOT NULL PRIMARY KEY,
    contents   BLOB NOT NULL,                  -- sealed; bound to expires_at
    expires_at INTEGER NOT NULL
) STRICT;
