-- The set of rules that is evaluated beside the live one, and what each node found.
CREATE TABLE shadow (id TEXT PRIMARY KEY, doc TEXT NOT NULL, files TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE shadow_reports (shadow TEXT NOT NULL, node TEXT NOT NULL, report TEXT NOT NULL, PRIMARY KEY (shadow, node)) WITHOUT ROWID;
