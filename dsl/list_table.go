package dsl

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// readCSV reads one column. By its name it is found in the first row; by its number every row counts, the first too unless
// {header: true}. Lines that begin with # are comments; quotes are those of RFC 4180.
func (f *listFile) readCSV(text string) (any, error) {
	if f.path != "" {
		return nil, f.errorf(0, "path is for json and yaml; a csv file has a column")
	}
	if line := f.wideRow(text); line > 0 {
		return nil, f.errorf(line, "this row has more than %d columns", mostColumns)
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.Comment, r.FieldsPerRecord, r.ReuseRecord, r.TrimLeadingSpace = f.separator, '#', -1, true, true
	at := f.number - 1
	entries := make([]string, 0, min(strings.Count(text, "\n")+1, mostEntries))
	for first := true; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, f.csvError(err)
		}
		line, _ := r.FieldPos(0)
		if first && f.column != "" {
			if at = columnOf(row, f.column); at < 0 {
				return nil, &listError{f.name, line, "the first row names no column " + quoteShort(f.column), "write the name as it stands there, or the number: {column: 2, header: true}"}
			}
			continue
		}
		if at < 0 {
			if len(row) > 1 {
				return nil, &listError{f.name, line, "which of the columns?", `say it: {column: "domain"} by the name in the first row, or {column: 2}`}
			}
			at = 0
		}
		if first && f.header {
			continue
		}
		if at >= len(row) {
			return nil, f.errorf(line, "this row has no column %d", at+1)
		}
		s := strings.TrimSpace(row[at])
		if len(s) > longestEntry {
			return nil, f.errorf(line, "an entry is longer than %d KiB", longestEntry>>10)
		}
		if len(entries) == mostEntries {
			return nil, f.tooMany(line)
		}
		if s != "" {
			entries = append(entries, strings.Clone(strings.ToLower(s))) // not a piece of the whole row
		}
	}
	return entries, nil
}

// mostColumns bounds a row, which package csv reads as a whole, with what it notes of each column.
const mostColumns = 10_000

// wideRow is the line of a row with too many columns, or 0.
func (f *listFile) wideRow(text string) int {
	line, columns, quoted := 1, 1, false
	for _, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\n':
			line++
			if !quoted {
				columns = 1
			}
		case c == f.separator && !quoted:
			if columns++; columns > mostColumns {
				return line
			}
		}
	}
	return 0
}

func columnOf(row []string, name string) int {
	for i, s := range row {
		if strings.EqualFold(strings.TrimSpace(s), name) {
			return i
		}
	}
	return -1
}

// csvError says what package csv said, with our place and without what is in the file.
func (f *listFile) csvError(err error) error {
	var pe *csv.ParseError
	if !errors.As(err, &pe) {
		return f.errorf(0, "it cannot be read as csv")
	}
	switch {
	case errors.Is(pe.Err, csv.ErrQuote):
		return f.errorf(pe.StartLine, `a " in the wrong place: a field with quotes in it stands in quotes, where "" is one`)
	case errors.Is(pe.Err, csv.ErrBareQuote):
		return f.errorf(pe.Line, `a " in a field that does not begin with one`)
	}
	return f.errorf(pe.Line, "it cannot be read as csv")
}
