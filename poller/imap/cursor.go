package imap

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"postern/poller"
)

// A cursor is how far the folders were read. UIDs mean something together with UIDVALIDITY only (RFC 9051 section 2.3.1.1).
type cursor struct {
	Since   time.Time           `json:"since,omitzero"` // what lay there at first counts from then on; zero: all of it
	Folders map[string]position `json:"folders"`        // by the name that the configuration has
}

type position struct {
	Validity uint32 `json:"validity"`
	Last     uint32 `json:"last"`          // the last UID that was given
	Old      uint32 `json:"old,omitempty"` // up to this UID mail lay there at first: Since is for it alone. What is put here later is new, however old it is
}

// parseCursor reads one; what is none begins anew.
func parseCursor(raw json.RawMessage, o *Options) *cursor {
	c := &cursor{}
	if len(raw) == 0 || json.Unmarshal(raw, c) != nil || c.Folders == nil {
		c = &cursor{Since: o.Start.Since, Folders: map[string]position{}}
		if o.Start.New {
			// Only where UIDVALIDITY changes is it asked for. Clocks differ: an hour's old mail is better than lost mail.
			c.Since = o.Now().Add(-time.Hour)
		}
		c.Since = c.Since.UTC().Truncate(time.Second)
	}
	return c
}

// next is the cursor with the position of each folder that is configured now.
func (c *cursor) next(folders []string, at map[string]position) json.RawMessage {
	n := cursor{Since: c.Since, Folders: map[string]position{}}
	for _, f := range folders {
		if p, ok := at[f]; ok {
			n.Folders[f] = p
		} else if p, ok := c.Folders[f]; ok {
			n.Folders[f] = p
		}
	}
	raw, err := json.Marshal(n)
	if err != nil {
		panic(err) // a map of numbers
	}
	return raw
}

// itemID names a mail at a server: FOLDER/UIDVALIDITY/UID.
func itemID(folder string, validity uint32, uid imap.UID) string {
	return fmt.Sprintf("%s/%d/%d", folder, validity, uid)
}

// place is what an item's ID says.
type place struct {
	folder   string
	validity uint32
	uid      imap.UID
}

func parseID(item poller.Item) (place, error) {
	parts := strings.Split(item.ID, "/")
	if n := len(parts); n >= 3 {
		validity, err1 := strconv.ParseUint(parts[n-2], 10, 32)
		uid, err2 := strconv.ParseUint(parts[n-1], 10, 32)
		if err1 == nil && err2 == nil && uid > 0 {
			return place{strings.Join(parts[:n-2], "/"), uint32(validity), imap.UID(uid)}, nil
		}
	}
	return place{}, fmt.Errorf("%q is no item of an IMAP account: FOLDER/UIDVALIDITY/UID", item.ID)
}

// sets splits UIDs, which ascend, into sets whose text is short enough for any server: RFC 2683 section 3.2.1.5 says about 1,000 bytes
// a command line.
func sets(uids []imap.UID, most int) [][]imap.UID {
	var all [][]imap.UID
	for len(uids) > 0 {
		n, length, ranged := 0, 0, false
		for ; n < len(uids) && n < most && length < 900; n++ {
			follows := n > 0 && uids[n] == uids[n-1]+1
			if !follows || !ranged { // "5" becomes "5:6", and then "5:7" is no longer
				length += 1 + len(strconv.FormatUint(uint64(uids[n]), 10))
			}
			ranged = follows
		}
		all = append(all, uids[:n])
		uids = uids[n:]
	}
	return all
}
