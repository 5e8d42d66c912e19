package dsl

import (
	"hash/maphash"
	"strings"

	"golang.org/x/net/idna"
)

// Entries are texts that are looked up in constant time. As pieces of one text with a table of numbers a million domains take
// 44 MB, as texts of their own in a list and a map 75.
type Entries struct {
	texts []string
	table []uint32 // 0 for empty, else the place of a text, from 1; as many as a power of two, half of them empty at least
	seed  maphash.Seed
}

// newEntries takes over texts, which are in lower case. Of domains and addresses that are not ASCII it holds the ASCII form too.
func newEntries(texts []string) *Entries {
	e := &Entries{texts: texts[:len(texts):len(texts)], seed: maphash.MakeSeed()}
	for _, s := range texts {
		if ascii, ok := asciiForm(s); ok {
			e.texts = append(e.texts, ascii)
		}
	}
	size := 8
	for size < 2*len(e.texts) {
		size *= 2
	}
	e.table = make([]uint32, size)
	for i, s := range e.texts {
		if at, found := e.find(s); !found {
			e.table[at] = uint32(i + 1)
		}
	}
	return e
}

// Has says whether s is one of the entries, as it is written.
func (e *Entries) Has(s string) bool {
	if e == nil {
		return false
	}
	_, found := e.find(s)
	return found
}

// find is the place of s in the table, or the empty one where it would be.
func (e *Entries) find(s string) (at int, found bool) {
	mask := len(e.table) - 1
	for at = int(maphash.String(e.seed, s)) & mask; ; at = (at + 1) & mask {
		i := e.table[at]
		if i == 0 {
			return at, false
		}
		if e.texts[i-1] == s {
			return at, true
		}
	}
}

// asciiForm is the form in which a domain, or the domain of an address, stands in mail; ok is false where that is s itself.
func asciiForm(s string) (string, bool) {
	if !strings.Contains(s, ".") || isASCII(s) || len(s) > longestDomain {
		return "", false
	}
	local, domain, isAddress := strings.Cut(s, "@")
	if !isAddress {
		local, domain = "", s
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", false
	}
	if isAddress {
		ascii = local + "@" + ascii
	}
	return ascii, ascii != s
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
