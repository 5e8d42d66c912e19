package webhook_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/mail"
	"postern/receiver/webhook"
)

var update = flag.Bool("update", false, "write the .want files anew")

// golden sends each recorded request of testdata/PROVIDER to a server with that hook and compares what comes of it with NAME.want: the
// status, and each mail as it goes down the road.
func golden(t *testing.T, change func(*webhook.Options), hook webhook.Hook) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", hook.Provider, "*.http"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded requests of %s: %v", hook.Provider, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			t.Parallel()
			g := newRig(t, change, hook)
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := webhook.ReadCapture(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			r.RemoteAddr = "192.0.2.1:1234"
			w := g.do(r)
			got := wanted{Status: w.Code, Result: g.result(), Refused: g.refused, Mails: []wantedMail{}}
			for _, d := range g.mails() {
				got.Mails = append(got.Mails, mailOf(t, d))
			}
			var out bytes.Buffer
			enc := json.NewEncoder(&out)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(got); err != nil {
				t.Fatal(err)
			}
			b := out.Bytes()
			name := strings.TrimSuffix(file, ".http") + ".want"
			if *update {
				if err := os.WriteFile(name, b, 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(b)); diff != "" {
				t.Errorf("%s (-want +got; -update writes it):\n%s", name, diff)
			}
		})
	}
}

// wanted is what a .want file has.
type wanted struct {
	Status  int          `json:"status"`
	Result  string       `json:"result"`
	Refused []string     `json:"refused,omitempty"`
	Mails   []wantedMail `json:"mails"`
}

type wantedMail struct {
	From string   `json:"envelopeFrom"`
	To   []string `json:"to"` // MAILBOX ADDRESS
	Peer string   `json:"peer,omitempty"`
	Helo string   `json:"helo,omitempty"`
	Held string   `json:"held,omitempty"`

	Rebuilt   bool      `json:"rebuilt,omitempty"`
	Arrived   time.Time `json:"arrived,omitzero"`
	SpamScore *float64  `json:"spamScore,omitempty"`
	Auth      string    `json:"auth,omitempty"` // SPF DKIM DMARC

	Parsed      json.RawMessage `json:"parsed"` // as postern parse tells it, without the attachments
	Attachments []wantedFile    `json:"attachments,omitempty"`
	Bytes       int             `json:"bytes"`
	SHA256      string          `json:"sha256"`
}

type wantedFile struct {
	Name, Type, ContentID string
	Inline                bool
	Size                  int64
	SHA256                string
}

func mailOf(t *testing.T, d delivery) wantedMail {
	t.Helper()
	sum := sha256.Sum256([]byte(d.raw))
	out := wantedMail{From: d.env.From, To: d.to, Helo: d.env.Helo, Held: d.held, Bytes: len(d.raw), SHA256: hex.EncodeToString(sum[:])}
	out.Rebuilt, out.Arrived, out.SpamScore = d.env.Rebuilt, d.env.Arrived, d.env.Verdicts.SpamScore
	if v := d.env.Verdicts; v.SPF+v.DKIM+v.DMARC != "" {
		out.Auth = v.SPF + " " + v.DKIM + " " + v.DMARC
	}
	if d.env.Peer.IsValid() {
		out.Peer = d.env.Peer.String()
	}
	if d.held != "" {
		return out
	}
	m, err := mail.Parse(strings.NewReader(d.raw), mail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range m.Attachments {
		out.Attachments = append(out.Attachments, wantedFile{a.Name, a.Type, a.ContentID, a.Inline, a.Size, a.SHA256})
	}
	m.Attachments = nil
	if out.Parsed, err = m.MarshalParsed(""); err != nil {
		t.Fatal(err)
	}
	return out
}
