package dsl

import (
	"slices"
	"sort"
	"strings"
)

const longestRemark = 20 // lines

// remark is what the comments say that stand directly above a block.
func (w *Workspace) remark(file string, start int) string {
	f := w.file(file)
	if f == nil {
		return ""
	}
	var lines []string
	for i := sort.Search(len(f.comments), func(i int) bool { return f.comments[i].end > start }) - 1; i >= 0 && len(lines) < longestRemark; i-- {
		m := f.comments[i]
		between := f.src.text[m.end:start]
		if strings.TrimSpace(between) != "" || strings.Count(between, "\n") != 1 {
			break
		}
		line := f.src.text[strings.LastIndexByte(f.src.text[:m.start], '\n')+1 : m.start]
		if strings.TrimSpace(line) != "" { // it is about what it stands behind
			break
		}
		text := strings.TrimPrefix(f.src.text[m.start:m.end], "//")
		text = strings.TrimSuffix(strings.TrimPrefix(text, "/*"), "*/")
		lines = append(lines, strings.TrimSpace(text))
		start = m.start - len(line)
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}
