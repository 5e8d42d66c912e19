package e2e

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"postern/internal/peers"
)

// nodes serves one MongoDB database from two Posterns, as behind one MX record.
func nodes(t *testing.T) [2]*served {
	t.Helper()
	conf := plainConfig + fmt.Sprintf("store: {mongodb: %q}\ndata: ./data\nkey-file: %q\n", peers.MongoDatabase(t), filepath.Join(t.TempDir(), "postern.key"))
	return [2]*served{serve(t, conf, nil), serve(t, conf, nil)}
}

// The same mail from 32 senders at once, to both nodes, is one issue, and each sender hears that it was taken.
func TestMongoOneMailManyTimes(t *testing.T) {
	t.Parallel()
	n := nodes(t)
	for round := range 3 {
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				if err := n[i%2].send(simple(fmt.Sprintf("same%d", round), "once")); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
		for i := range n {
			// A list of the other node may show what is new a moment later.
			eventually(t, "an issue a round", 10*time.Second, func() bool { return len(n[i].issues()) > round })
			if got := len(n[i].issues()); got != round+1 {
				t.Errorf("round %d: node %d shows %d issues, want %d", round, i, got, round+1)
			}
		}
	}
	var page struct{ Items []messageJSON }
	n[0].get("/api/v1/messages", &page)
	if len(page.Items) != 3 {
		t.Errorf("got %d messages, want one a round", len(page.Items))
	}
}

// A mail and what its author sent after it, arriving together on two nodes in any order, are one issue; whoever asks
// either node for it then sees all of them.
func TestMongoMailAndFollowUpsTogether(t *testing.T) {
	t.Parallel()
	n := nodes(t)
	for round := range 6 {
		root := fmt.Sprintf("root%d", round)
		mails := []string{simple(root, "printer")}
		for i := range 4 {
			id := fmt.Sprintf("follow%d-%d", round, i)
			mails = append(mails, fmt.Sprintf("In-Reply-To: <%s@example.org>\nReferences: <%s@example.org>\n", root, root)+simple(id, "Re: printer"))
		}
		var wg sync.WaitGroup
		for i, mail := range mails {
			wg.Go(func() {
				if err := n[(i+round)%2].send(mail); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
		for i := range n {
			eventually(t, "an issue a round", 10*time.Second, func() bool { return len(n[i].issues()) > round })
			list := n[i].issues()
			if len(list) != round+1 {
				t.Fatalf("round %d: node %d shows %d issues, want %d", round, i, len(list), round+1)
			}
			var notes struct{ Items []struct{ ID string } }
			n[i].get(fmt.Sprintf("/api/v1/issues/%d/notes", list[0].Number), &notes)
			if len(notes.Items) != len(mails)-1 {
				t.Errorf("round %d: node %d shows %d notes, want %d", round, i, len(notes.Items), len(mails)-1)
			}
		}
	}
}
