-- Format 4: names for apps, a second secret beside the first, logins handed over to another store, limits as last seen.
ALTER TABLE apps ADD COLUMN name TEXT COLLATE NOCASE;     -- what people call it; NULL: nothing yet
ALTER TABLE apps ADD COLUMN second_secret BLOB;           -- sealed as secret is; bound to the second certificate where there is one
ALTER TABLE apps ADD COLUMN second_certificate BLOB;      -- DER
ALTER TABLE apps ADD COLUMN second_since INTEGER;         -- NULL: there is no second secret

CREATE UNIQUE INDEX app_names ON apps (name);

ALTER TABLE authorisations ADD COLUMN handed TEXT;        -- exported: another store renews it | imported: not adopted yet | NULL
ALTER TABLE authorisations ADD COLUMN handed_at INTEGER;

-- What Xero last said of its limits. It is wrong again with the next call, so nothing vouches for it.
CREATE TABLE limits (
    app             TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    organisation    TEXT NOT NULL,       -- empty: of no organisation
    seen_at         INTEGER NOT NULL,
    day_left        INTEGER,
    minute_left     INTEGER,
    app_minute_left INTEGER,
    PRIMARY KEY (app, organisation)
) STRICT;
