-- The ways in, as all nodes know them. A source that was forgotten keeps the numbers that it gave, and nothing else.
CREATE TABLE sources (
	name TEXT PRIMARY KEY,
	known INTEGER NOT NULL,                     -- 0: forgotten
	holder TEXT NOT NULL DEFAULT '',            -- who polls it
	fence INTEGER NOT NULL DEFAULT 0,           -- one more with each new holder
	until INTEGER,                              -- the lease's end
	heard_at INTEGER,
	mail_at INTEGER,
	mails INTEGER NOT NULL DEFAULT 0,
	gap INTEGER NOT NULL DEFAULT 0,             -- nanoseconds
	gap_at INTEGER,
	error TEXT NOT NULL DEFAULT '',
	error_at INTEGER,
	rejected INTEGER NOT NULL DEFAULT 0,
	sealed_version INTEGER NOT NULL DEFAULT 0,  -- of the credential; 0: there is none
	sealed_last INTEGER NOT NULL DEFAULT 0,     -- the last version that was given
	sealed BLOB,                                -- the credential, encrypted
	state TEXT                                  -- how far the holders got, JSON
);

-- What may be used only once.
CREATE TABLE used (
	key BLOB PRIMARY KEY, -- SHA-256 of the key
	value TEXT NOT NULL,
	until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX used_until ON used (until);
