package mail

import (
	"embed"
	"strings"
)

//go:embed words
var words embed.FS

// table returns the rows of a file of words: the fields between its bars, without white space around
// them. Lines that begin with "#" say what the fields are.
func table(name string) [][]string {
	b, err := words.ReadFile("words/" + name + ".txt")
	if err != nil {
		panic(err) // it is embedded
	}
	var rows [][]string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		row := strings.Split(line, "|")
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		rows = append(rows, row)
	}
	return rows
}

// several returns the words of a field, which commas separate.
func several(field string) []string {
	list := strings.Split(field, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}
