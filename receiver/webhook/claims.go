package webhook

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/netip"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"postern/internal/fault"
	"postern/internal/spool"
)

// authWord is a provider's word on SPF, DKIM or DMARC in the words of RFC 8601, section 2.7; "" where it is none of them.
func authWord(s string) string {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "policy":
		return s
	case "hardfail":
		return "fail"
	case "error":
		return "temperror"
	case "invalid", "unknown": // the words of older drafts
		return "permerror"
	}
	return ""
}

// decimal is what a text says, nil where it is no number.
func decimal(s string) *float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return nil
	}
	return &n
}

func address(s string) netip.Addr {
	a, _ := netip.ParseAddr(strings.Trim(strings.TrimSpace(s), "[]"))
	return a.Unmap()
}

// bareAddress takes the brackets of a path away: RFC 5321, section 4.1.2.
func bareAddress(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") {
		s = s[1 : len(s)-1]
	}
	return s
}

// addressList splits envelope addresses at the commas that stand outside of quotes.
func addressList(s string) []string {
	var list []string
	for s != "" {
		end, inQuotes := len(s), false
	scan:
		for i := 0; i < len(s); i++ {
			switch s[i] {
			case '"':
				inQuotes = !inQuotes
			case '\\':
				i++
			case ',':
				if !inQuotes {
					end = i
					break scan
				}
			}
		}
		if a := bareAddress(s[:end]); a != "" {
			list = append(list, a)
		}
		s = s[min(end+1, len(s)):]
	}
	return list
}

// A pair is one member of a flat JSON object.
type pair struct{ Key, Value string }

// pairs reads the JSON object of texts that a form's field holds, doubled keys and all, since providers send them; nothing where there
// is no such field.
func (f *form) pairs(name string) ([]pair, error) {
	fl := f.Field(name)
	if fl == nil || fl.Body.Size() == 0 {
		return nil, nil
	}
	s, ok := fl.text(maxPairs)
	if !ok {
		return nil, fault.Errorf(fault.TooLarge, "field %q has more than %d bytes", name, maxPairs)
	}
	wrong := func(want string) error {
		return fault.Errorf(fault.Invalid, "field %q: want %s, got %q", name, want, short(s))
	}
	d := json.NewDecoder(strings.NewReader(s))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, wrong("a JSON object of texts")
	}
	var list []pair
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, wrong("a JSON object of texts")
		}
		value, err := d.Token()
		k, isKey := key.(string)
		v, isText := value.(string)
		if err != nil || !isKey || !isText && value != nil {
			return nil, wrong("a JSON object of texts")
		}
		list = append(list, pair{k, v})
	}
	if _, err := d.Token(); err != nil {
		return nil, wrong("a JSON object of texts")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, wrong("nothing behind the JSON object")
	}
	return list, nil
}

const maxPairs = 256 << 10

// lookup returns the last value of a key, "" where there is none.
func lookup(list []pair, key string) (value string) {
	for _, p := range list {
		if p.Key == key {
			value = p.Value
		}
	}
	return value
}

// texts reads several texts of an object, "" for those that are missing or null.
func (v *value) texts(keys []string, to ...*string) (err error) {
	if err := v.want(object); err != nil {
		return err
	}
	for i, key := range keys {
		if *to[i], err = v.MayText(key); err != nil {
			return err
		}
	}
	return nil
}

// isJSON says whether a request has a JSON body, as the providers' hooks for other things have.
func isJSON(r *Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/json")
}

// onlyHeader is the value of a header that comes once.
func onlyHeader(h textproto.MIMEHeader, name string) string {
	if v := h.Values(name); len(v) == 1 {
		return v[0]
	}
	return ""
}

// above returns the fields of a message's header that stand above the n-th Received line. The one who took the mail last adds its own
// Received line and what it has to say on top of all that came, so a sender wrote none of them.
func above(list []headerField, n int) []headerField {
	for i, f := range list {
		if strings.EqualFold(f.Name, "Received") {
			if n--; n == 0 {
				return list[:i]
			}
		}
	}
	return nil // no Received line at all: nobody knows whose fields these are
}

// first returns the value of the first field of that name.
func first(list []headerField, name string) (string, bool) {
	for _, f := range list {
		if strings.EqualFold(f.Name, name) {
			return strings.TrimSpace(f.Value), true
		}
	}
	return "", false
}

// topOf reads the first header fields of a raw message.
func topOf(raw *spool.Body) ([]headerField, error) {
	in, err := raw.Open()
	if err != nil {
		return nil, fault.As(fault.Unavailable, err)
	}
	defer func() { _ = in.Close() }()
	lines := bufio.NewScanner(io.LimitReader(in, 64<<10))
	lines.Buffer(nil, 64<<10)
	var list []headerField
	for lines.Scan() {
		line := lines.Text()
		name, value, ok := strings.Cut(line, ":")
		switch {
		case line == "":
			return list, nil
		case line[0] == ' ' || line[0] == '\t':
			if len(list) > 0 {
				list[len(list)-1].Value += line
			}
		case ok:
			list = append(list, headerField{strings.TrimRight(name, " \t"), strings.TrimSpace(value)})
		}
	}
	return list, nil
}

// cited returns the content ids that a page refers to: RFC 2392. A file with an id that stands in no text is an attachment all the
// same: Outlook gives ids to all of its files.
func cited(page *spool.Body) map[string]bool {
	ids := map[string]bool{}
	if page == nil {
		return ids
	}
	in, err := page.Open()
	if err != nil {
		return ids
	}
	defer func() { _ = in.Close() }()
	r, last := bufio.NewReaderSize(in, chunkSize), [4]byte{}
	var id []byte
	inID := false
	for len(ids) < 10_000 {
		c, err := r.ReadByte()
		if inID && (err != nil || strings.IndexByte("\"'<>()&\\ \t\r\n", c) >= 0 || len(id) == 1000) {
			if inID = false; len(id) > 0 {
				ids[string(id)] = true
				if plain, err := url.PathUnescape(string(id)); err == nil {
					ids[plain] = true
				}
			}
		}
		if err != nil {
			break
		}
		if inID {
			id = append(id, c)
			continue
		}
		copy(last[:], last[1:])
		if last[3] = c; 'A' <= c && c <= 'Z' {
			last[3] = c + 'a' - 'A'
		}
		if string(last[:]) == "cid:" {
			inID, id = true, id[:0]
		}
	}
	return ids
}

// plainID is a content id without its brackets.
func plainID(id string) string { return strings.Trim(strings.TrimSpace(id), "<>") }
