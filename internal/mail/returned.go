package mail

// A returned is the header of the mail that a report is about, as it comes back.
type returned struct {
	id     string
	to     []Address
	seen   bool // a field
	blanks int  // before that
}

// blanksMax is how many empty lines may stand before a header; what has more has none.
const blanksMax = 5

func (r *returned) field(name, value []byte) bool {
	r.seen = true
	switch {
	case equalFold(string(name), "message-id"):
		if ids := messageIDs(unfold(string(value), "")); r.id == "" && len(ids) > 0 {
			r.id = ids[0]
		}
	case equalFold(string(name), "to"), equalFold(string(name), "cc"):
		if len(r.to) < rcptMax {
			r.to = append(r.to, ParseAddresses(string(value))...)
		}
	}
	return true
}

// blank ends the header. Some servers begin with an empty line.
func (r *returned) blank() bool {
	r.blanks++
	return !r.seen && r.blanks <= blanksMax
}

// empty says whether nothing was found in it.
func (r *returned) empty() bool { return r.id == "" && r.to == nil }
