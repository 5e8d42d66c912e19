package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/sqlite"
)

var (
	aName   = regexp.MustCompile("`([a-z_0-9]+)`")
	aView   = regexp.MustCompile(`(?m)^### (v_[a-z]+)$`)
	example = regexp.MustCompile("(?s)```sql\n(.*?)```")
)

// What docs/schema.md says of tables, views and their columns is what a new database has, and its examples run.
func TestSchemaIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "schema.md"))
	if err != nil {
		t.Fatal(err)
	}
	db := openSchema(t)
	if diff := cmp.Diff(schemaOf(t, db), documented(string(page))); diff != "" {
		t.Errorf("docs/schema.md (+) is not what the database has (-):\n%s", diff)
	}
	examples := example.FindAllStringSubmatch(string(page), -1)
	if len(examples) == 0 {
		t.Error("no example")
	}
	for _, e := range examples {
		rows, err := db.Query(e[1])
		if err != nil {
			t.Errorf("%s%v", e[1], err)
			continue
		}
		for rows.Next() {
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%s%v", e[1], err)
		}
	}
}

// openSchema reads a store's database as other people's tools do, while the store is open.
func openSchema(t *testing.T) *sql.DB {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "postern.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// schemaOf is each table and view with its columns, without what FTS5 and SQLite keep for themselves.
func schemaOf(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.Query(`SELECT m.name, group_concat(c.name, ' ') FROM sqlite_schema m JOIN pragma_table_info(m.name) c
		WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
		AND m.name NOT IN ('search_data', 'search_idx', 'search_content', 'search_docsize', 'search_config')
		GROUP BY m.name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, columns string
		if err := rows.Scan(&name, &columns); err != nil {
			t.Fatal(err)
		}
		out[name] = columns
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// documented reads a view's section, where each row begins with columns, and the table of tables.
func documented(page string) map[string]string {
	out := map[string]string{}
	views, tables, _ := strings.Cut(page, "\n## Tables\n")
	heads := aView.FindAllStringSubmatchIndex(views, -1)
	for i, h := range heads {
		end := len(views)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		var columns []string
		for _, cells := range rowsOf(views[h[1]:end]) {
			columns = append(columns, names(cells[0])...)
		}
		out[views[h[2]:h[3]]] = strings.Join(columns, " ")
	}
	for _, cells := range rowsOf(tables) {
		out[strings.Join(names(cells[0]), " ")] = strings.Join(names(cells[1]), " ")
	}
	return out
}

// rowsOf are the cells of the rows of Markdown's tables, without their heads.
func rowsOf(text string) (out [][]string) {
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if strings.HasPrefix(line, "| `") && len(cells) > 1 {
			out = append(out, cells)
		}
	}
	return out
}

func names(cell string) (out []string) {
	for _, m := range aName.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}
