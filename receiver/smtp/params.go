package smtp

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
)

// postmaster gives <postmaster> (RFC 5321 section 4.5.1) our domain; go-smtp refuses a path without one.
func (w *wire) postmaster(line []byte) []byte {
	const bare = "<postmaster>"
	i := bytes.IndexByte(line, '<')
	if i < 0 || len(line) < i+len(bare) || !bytes.EqualFold(line[i:i+len(bare)], []byte(bare)) {
		return line
	}
	return slices.Concat(line[:i], []byte("<postmaster@"+w.srv.o.Hostname+">"), line[i+len(bare):])
}

// clampSize lets go-smtp say "too large" of sizes beyond 32 bits instead of "syntax error".
func clampSize(line []byte) []byte {
	const size = " SIZE="
	for i := pathEnd(line); i+len(size) < len(line); i++ {
		if line[i] != ' ' || !bytes.EqualFold(line[i:i+len(size)], []byte(size)) {
			continue
		}
		value := line[i+len(size):]
		digits := len(value) - len(bytes.TrimLeft(value, "0123456789"))
		if digits < 10 {
			return line
		}
		return slices.Concat(line[:i+len(size)], strconv.AppendUint(nil, math.MaxUint32, 10), value[digits:])
	}
	return line
}

// withoutDSN drops the parameters of RFC 3461 and the AUTH one of RFC 4954. We relay nothing and report no delivery, so they
// change nothing; go-smtp would refuse the mail for good when it does not understand one.
func withoutDSN(line []byte) []byte {
	end := pathEnd(line)
	if end == 0 {
		return line
	}
	out, dropped := []byte(nil), false
	for f := range bytes.FieldsSeq(line[end:]) {
		if ofDSN(f) {
			dropped = true
		} else {
			out = append(append(out, ' '), f...)
		}
	}
	if !dropped { // nearly always
		return line
	}
	return slices.Concat(line[:end], out, []byte("\r\n"))
}

func ofDSN(param []byte) bool {
	name, _, _ := bytes.Cut(param, []byte("="))
	switch strings.ToUpper(string(name)) {
	case "RET", "ENVID", "NOTIFY", "ORCPT", "AUTH":
		return true
	}
	return false
}

// pathEnd is the index behind the path's closing bracket, 0 where there is none. A quoted local part may hold brackets.
func pathEnd(line []byte) int {
	quoted := false
	for i := bytes.IndexByte(line, '<') + 1; i > 0 && i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return i + 1
		}
	}
	return 0
}
