-- Large files of rule sets, a million domains perhaps, are kept once, whichever publications hold them.
CREATE TABLE ruleset_files (
	sha BLOB PRIMARY KEY, -- of the content
	data BLOB NOT NULL    -- compressed with S2
) WITHOUT ROWID;
ALTER TABLE rulesets ADD COLUMN large TEXT NOT NULL DEFAULT '{}'; -- JSON: path and hash, beside files
