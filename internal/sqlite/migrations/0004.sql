-- What a replay needs: what an issue's fields were given and by which message, issues and notes that were withdrawn, and the
-- replay that decided a message last. The views show what is there, without what was withdrawn.
ALTER TABLE issues ADD COLUMN withdrawn_at INTEGER;
ALTER TABLE issues ADD COLUMN sets TEXT NOT NULL DEFAULT '[]'; -- JSON
ALTER TABLE notes ADD COLUMN withdrawn_at INTEGER;
ALTER TABLE messages ADD COLUMN run TEXT NOT NULL DEFAULT '';
CREATE INDEX messages_run ON messages (run) WHERE run <> '';

DROP VIEW v_issues;
CREATE VIEW v_issues AS SELECT
	number, mailbox, subject, description, type, class, priority, status, assignee, team, template, visibility,
	requester, requester_name, watchers, tags, fields, suspected,
	strftime('%Y-%m-%dT%H:%M:%fZ', due_at / 1000.0, 'unixepoch') AS due_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', updated_at / 1000.0, 'unixepoch') AS updated_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', closed_at / 1000.0, 'unixepoch') AS closed_at,
	message, notes
FROM issues WHERE withdrawn_at IS NULL;
DROP VIEW v_notes;
CREATE VIEW v_notes AS SELECT
	id, place >> 20 AS issue, place & 0xfffff AS position, kind, author, author_name, text, visibility, message,
	strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at
FROM notes WHERE withdrawn_at IS NULL;
DROP VIEW v_messages;
CREATE VIEW v_messages AS SELECT
	id, mailbox, strftime('%Y-%m-%dT%H:%M:%fZ', received_at / 1000.0, 'unixepoch') AS received_at,
	author, subject, message_id, verdict, reason, nullif(issue, 0) AS issue, nullif(note, '') AS note,
	attempt, marked, copies, lower(hex(raw)) AS raw_sha256, raw_size,
	strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at / 1000.0, 'unixepoch') AS deleted_at, nullif(run, '') AS run
FROM messages;
DROP VIEW v_tags;
CREATE VIEW v_tags AS SELECT t.tag, t.issue FROM issue_tags t JOIN issues i ON i.number = t.issue WHERE i.withdrawn_at IS NULL;
