package intake_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"postern/internal/intake"
)

// TestTwins: a mail and what was put together from a provider's parts of it are one, whichever comes first, with a Message-ID or
// without; and nothing that only one of them says is lost.
func TestTwins(t *testing.T) {
	t.Parallel()
	head := func(more ...string) []string {
		return append([]string{"From: Ann <ann@example.org>", "To: support@example.com", "Subject: Order", "Date: Tue, 24 Nov 2026 09:00:00 +0000"}, more...)
	}
	const page = "<html><body><h1>Order</h1>\n<p>Ten &amp; more for M&uuml;ller,\nsee <a href=\"https://example.org/list\">the list</a></p></body></html>"
	htmlOnly := mail(page, head("Content-Type: text/html; charset=utf-8")...)
	both := func(text, page string) string {
		return mail("--b\nContent-Type: text/plain; charset=utf-8\n\n"+text+"\n--b\nContent-Type: text/html; charset=utf-8\n\n"+page+"\n--b--\n", head("Content-Type: multipart/alternative; boundary=b")...)
	}
	flowed := mail("> As we agreed, the order \n> goes out today\n\nNew te \nxt\n", head("Content-Type: text/plain; format=flowed; delsp=yes")...)
	var rigs [4]*rig // one for each id and order
	for i := range rigs {
		rigs[i] = newRig(t, "")
	}
	for n, c := range []struct {
		name, raw, rebuilt string
		same               bool
	}{
		{"a text", mail("Hello\n\n", head()...), mail("Hello", head()...), true},
		{"a text that flows", flowed, mail("> As we agreed, the order \n> goes out today\n\nNew te \nxt\n", head()...), true},
		{"HTML alone", htmlOnly, htmlOnly, true},
		{"HTML, and a text that the provider made of it", htmlOnly, both("ORDER\n=====\nTen & more for Müller, see the list [https://example.org/list]", page), true},
		{"HTML whose lines end otherwise", htmlOnly, both("Order Ten more for Müller", strings.ReplaceAll(page, "\n", " ")), true},
		{"a text and HTML", both("Ten", page), both("Ten\n", page), true},
		{"another text", mail("Ten", head()...), mail("Eleven", head()...), false},
		{"another text in the rebuilt one", htmlOnly, both("Order Ten more for Müller: cancel it", page), false},
		{"another text beside the HTML", both("Cancel it", page), both("Do it", page), false},
		{"other HTML", htmlOnly, both("Order Two", strings.Replace(page, "Ten", "Two", 1)), false},
	} {
		ann := strings.NewReplacer("ann@example.org", fmt.Sprintf("ann%d@example.org", n)) // of each case another
		for i, id := range []string{"", "Message-ID: <a@example.org>\n"} {
			for k, rawFirst := range []bool{true, false} {
				r := rigs[2*i+k]
				send := func(rebuilt bool) intake.Outcome {
					m := c.raw
					if rebuilt {
						m = c.rebuilt
					}
					return r.sendAs(intake.Envelope{Source: "hook", Peer: netip.MustParseAddr("198.51.100.7"), Rebuilt: rebuilt}, id+ann.Replace(m))[0]
				}
				a, b := send(!rawFirst), send(rawFirst)
				// What the second one says and the first did not is never dropped: where the raw comes first, the provider's text has
				// to stand in it; where it comes second, its own.
				if a.Verdict != intake.Committed || b.Verdict != intake.Committed || b.Again != c.same {
					if c.name == "another text in the rebuilt one" && !rawFirst && b.Again {
						continue // all that the raw one says is there
					}
					t.Errorf("%s, id %q, the raw one first %v: got %+v, then %+v", c.name, id, rawFirst, a, b)
				}
			}
		}
	}
}

// TestTwinsAreOfProviders: mails that nobody rebuilt are compared by their texts, whatever HTML they share.
func TestTwinsAreOfProviders(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	m := func(text string) string {
		return mail("--b\nContent-Type: text/plain\n\n"+text+"\n--b\nContent-Type: text/html\n\n<p>Please see the text one two three</p>\n--b--\n",
			"From: device@example.org", "Date: Tue, 24 Nov 2026 09:00:00 +0000", "Content-Type: multipart/alternative; boundary=b")
	}
	if a, b := r.one(m("one two")), r.one(m("three")); a.Again || b.Again || a.Issue == b.Issue {
		t.Errorf("got %+v, then %+v", a, b)
	}
}
