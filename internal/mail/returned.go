package mail

// A returned is the header of the mail that a report is about, as it comes back.
type returned struct {
	id  string
	to  []Address
	cut bool
}

func (r *returned) field(name, value []byte) bool {
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
func (r *returned) blank() bool { return r.id == "" && r.to == nil }
