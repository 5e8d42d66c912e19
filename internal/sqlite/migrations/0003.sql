-- What each rule of each set did.
CREATE TABLE rule_counts (version TEXT NOT NULL, stage TEXT NOT NULL, rule TEXT NOT NULL, matches INTEGER NOT NULL, errors INTEGER NOT NULL, took INTEGER NOT NULL, last_match INTEGER NOT NULL, PRIMARY KEY (version, stage, rule)) WITHOUT ROWID;
