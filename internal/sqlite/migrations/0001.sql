-- The first schema. Times are milliseconds since 1970 in UTC. Hashes are 32 bytes. docs/schema.md tells
-- what each table is for; people's own tools read the v_ views, which stay as they are.

CREATE TABLE once (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- AUTOINCREMENT: a number is never given twice, whatever is deleted.
CREATE TABLE issues (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	mailbox TEXT NOT NULL, subject TEXT NOT NULL, description TEXT NOT NULL,
	type TEXT NOT NULL, class TEXT NOT NULL, priority TEXT NOT NULL, status TEXT NOT NULL,
	assignee TEXT NOT NULL, team TEXT NOT NULL, template TEXT NOT NULL, visibility TEXT NOT NULL,
	requester TEXT NOT NULL, requester_name TEXT NOT NULL,
	watchers TEXT NOT NULL, tags TEXT NOT NULL, fields TEXT NOT NULL, suspected TEXT NOT NULL, -- JSON
	due_at INTEGER, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, closed_at INTEGER,
	message TEXT NOT NULL,
	notes INTEGER NOT NULL -- how many there are
);
-- An index entry ends in the number, so each of these also gives the order of the lists.
CREATE INDEX issues_status ON issues (status);
CREATE INDEX issues_mailbox ON issues (mailbox);
CREATE INDEX issues_requester ON issues (requester);
CREATE INDEX issues_assignee ON issues (assignee) WHERE assignee <> '';
CREATE TABLE issue_tags (tag TEXT NOT NULL, issue INTEGER NOT NULL, PRIMARY KEY (tag, issue)) WITHOUT ROWID;

-- place is the issue's number shifted left by 20 bits, plus the note's number in the issue, from 1:
-- the notes of an issue lie together and in order without an index.
CREATE TABLE notes (
	place INTEGER PRIMARY KEY,
	id TEXT NOT NULL, kind TEXT NOT NULL, author TEXT NOT NULL, author_name TEXT NOT NULL, text TEXT NOT NULL,
	visibility TEXT NOT NULL, message TEXT NOT NULL, created_at INTEGER NOT NULL
);

CREATE TABLE messages (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	slot TEXT UNIQUE,
	mailbox TEXT NOT NULL, received_at INTEGER NOT NULL, author TEXT NOT NULL, subject TEXT NOT NULL,
	message_id TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
	issue INTEGER NOT NULL, note TEXT NOT NULL, attempt INTEGER NOT NULL, replay_of TEXT NOT NULL, replayed_by TEXT NOT NULL,
	marked INTEGER NOT NULL, copies INTEGER NOT NULL, deleted_at INTEGER,
	raw BLOB, raw_size INTEGER NOT NULL, traced INTEGER NOT NULL,
	doc BLOB NOT NULL,  -- the rest of the message: JSON, compressed with S2
	trace BLOB          -- the decision's facts and trace: JSON, compressed with S2
);
-- The first serves the list of all and, without touching a row, retention's search for what is old.
CREATE INDEX messages_time ON messages (received_at, raw_size, traced, verdict);
CREATE INDEX messages_mailbox ON messages (mailbox, received_at);
CREATE INDEX messages_author ON messages (author, received_at, mailbox);
CREATE INDEX messages_message_id ON messages (message_id) WHERE message_id <> '';
CREATE INDEX messages_issue ON messages (issue) WHERE issue > 0;
CREATE INDEX messages_verdict ON messages (verdict, received_at) WHERE verdict <> 'committed';

CREATE TABLE copies (seq INTEGER PRIMARY KEY, message INTEGER NOT NULL, received_at INTEGER NOT NULL, raw BLOB, doc BLOB NOT NULL);
CREATE INDEX copies_message ON copies (message);
CREATE INDEX copies_time ON copies (received_at) WHERE raw IS NOT NULL;

-- refs counts the messages and copies that name a blob; at is when it came, or was last let go of.
CREATE TABLE blobs (
	id INTEGER PRIMARY KEY,
	sha BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, refs INTEGER NOT NULL, at INTEGER NOT NULL,
	form INTEGER NOT NULL, -- 0: a file below blobs/, 1: data as it is, 2: data compressed with S2
	data BLOB
);
CREATE INDEX blobs_unnamed ON blobs (at) WHERE refs = 0;
CREATE TABLE attachments (sha BLOB NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (sha, message)) WITHOUT ROWID;

-- kind: 0 own, 1 key, 2 mentioned; the strongest first.
CREATE TABLE threads (
	mailbox TEXT NOT NULL, id TEXT NOT NULL, kind INTEGER NOT NULL, issue INTEGER NOT NULL, at INTEGER NOT NULL,
	PRIMARY KEY (mailbox, id, kind, issue)
) WITHOUT ROWID;
CREATE TABLE participants (issue INTEGER NOT NULL, email TEXT NOT NULL, PRIMARY KEY (issue, email)) WITHOUT ROWID;
CREATE TABLE users (
	email TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, organization TEXT NOT NULL, created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE ledger (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, source TEXT NOT NULL, peer TEXT NOT NULL, sender TEXT NOT NULL,
	recipient TEXT NOT NULL, author TEXT NOT NULL, subject TEXT NOT NULL, message_id TEXT NOT NULL, verdict TEXT NOT NULL,
	reason TEXT NOT NULL, message TEXT NOT NULL, mailbox TEXT NOT NULL, issue INTEGER NOT NULL, count INTEGER NOT NULL,
	words TEXT NOT NULL -- what is searched, in lower case, a line each
);
CREATE INDEX ledger_time ON ledger (at);

CREATE TABLE events (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE TABLE tokens (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL,
	created_at INTEGER NOT NULL, expires_at INTEGER
);
CREATE TABLE rulesets (
	seq INTEGER PRIMARY KEY,
	version TEXT NOT NULL, files TEXT NOT NULL, published_at INTEGER NOT NULL, by_whom TEXT NOT NULL, note TEXT NOT NULL
);

-- The index holds each text's words, as issue.Words splits them, once. It is filled from the queue after the
-- commit; both know a text by its place: a note's own, or for an issue that of "note 0".
CREATE TABLE search_queue (place INTEGER PRIMARY KEY);
CREATE VIRTUAL TABLE search USING fts5 (words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');
INSERT INTO search (search, rank) VALUES ('automerge', 8); -- fewer merges while it is written, a little more to read

CREATE VIEW v_issues AS SELECT
	number, mailbox, subject, description, type, class, priority, status, assignee, team, template, visibility,
	requester, requester_name, watchers, tags, fields, suspected,
	strftime('%Y-%m-%dT%H:%M:%fZ', due_at / 1000.0, 'unixepoch') AS due_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') AS updated_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', closed_at / 1000.0, 'unixepoch') AS closed_at,
	message, notes
FROM issues;
CREATE VIEW v_notes AS SELECT
	id, place >> 20 AS issue, place & 0xfffff AS position, kind, author, author_name, text, visibility, message,
	strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at
FROM notes;
CREATE VIEW v_messages AS SELECT
	id, mailbox, strftime('%Y-%m-%dT%H:%M:%fZ', received_at / 1000.0, 'unixepoch') AS received_at,
	author, subject, message_id, verdict, reason, nullif(issue, 0) AS issue, nullif(note, '') AS note,
	attempt, marked, copies, lower(hex(raw)) AS raw_sha256, raw_size,
	strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000.0, 'unixepoch') AS deleted_at
FROM messages;
CREATE VIEW v_attachments AS SELECT m.id AS message, lower(hex(a.sha)) AS sha256, b.size AS size
FROM attachments a JOIN messages m ON m.seq = a.message LEFT JOIN blobs b ON b.sha = a.sha;
CREATE VIEW v_tags AS SELECT tag, issue FROM issue_tags;
CREATE VIEW v_users AS SELECT
	email, name, role, organization, strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at
FROM users;
CREATE VIEW v_ledger AS SELECT
	id, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, source, peer, sender, recipient, author, subject,
	message_id, verdict, reason, message, mailbox, nullif(issue, 0) AS issue, count
FROM ledger;
CREATE VIEW v_events AS SELECT
	id, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, actor, action, subject, detail
FROM events;
