package poller

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/issue"
)

// The largest state fits into what a store keeps: as many mails at a POP3 server as there may be, all lists full, and a server that says
// what takes the most room.
func TestLargestState(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<", 1000)
	at := time.Date(2026, 11, 24, 10, 0, 0, 123456789, time.UTC)
	cursor, err := json.Marshal(map[string]any{"v": 1, "salt": make([]byte, 8), "seen": make([]byte, 8*500_000)})
	if err != nil {
		t.Fatal(err)
	}
	s := &state{Version: stateVersion, Account: long, Cursor: cursor}
	item := func(i int) Item {
		return Item{ID: fmt.Sprintf("%s%06d", strings.Repeat("&", 250), i), Size: 1 << 40, Arrived: at}
	}
	for i := range maxPending + 64 {
		s.postpone(Pending{Item: item(i), Tries: 8, Next: at, Since: at, Reason: long})
	}
	for i := range 2 * maxUnsettled {
		s.Unsettled = append(s.Unsettled, unsettled{Settled: Settled{Item: item(i), Verdict: "quarantined", After: After{Do: Delete}}, Tries: 7})
	}
	for i := range 2 * maxParked {
		s.park(Parked{Item: item(10_000 + i), At: at, Reason: long, Message: strings.Repeat("0", 26)})
	}
	raw := s.encode()
	t.Logf("%d of %d bytes", len(raw), issue.MaxState)
	if len(raw) > issue.MaxState {
		t.Errorf("%d bytes, and %d are kept", len(raw), issue.MaxState)
	}
	back, err := readState(raw, long)
	if err != nil || len(back.Pending) != len(s.Pending) || len(back.Parked) != maxParked {
		t.Errorf("read again: %v", err)
	}
}
