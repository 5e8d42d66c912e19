package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/internal/issue"
	"postern/internal/peers"
)

// A letter is a mail before it is written down, as raw bytes or as the parts that a provider makes of it.
type letter struct {
	from, to, id, date, subject, text, file string
}

func (l letter) headers() [][2]string {
	h := [][2]string{{"From", l.from}, {"To", l.to}, {"Subject", l.subject}}
	if l.date != "" {
		h = append(h, [2]string{"Date", l.date})
	}
	if l.id != "" {
		h = append(h, [2]string{"Message-ID", l.id})
	}
	return h
}

func (l letter) raw() string {
	var b strings.Builder
	for _, h := range l.headers() {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	text := strings.ReplaceAll(l.text, "\n", "\r\n")
	if l.file == "" {
		fmt.Fprintf(&b, "Content-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n", text)
		return b.String()
	}
	fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n", text)
	fmt.Fprintf(&b, "--b\r\nContent-Type: text/csv; name=order.csv\r\nContent-Disposition: attachment; filename=order.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--b--\r\n",
		base64.StdEncoding.EncodeToString([]byte(l.file)))
	return b.String()
}

// parsed is the letter as Postmark would send it without its raw bytes.
func (l letter) parsed() []byte {
	headers := []map[string]string{}
	for _, h := range l.headers() {
		switch h[0] {
		case "Message-ID", "Date":
			headers = append(headers, map[string]string{"Name": h[0], "Value": h[1]})
		}
	}
	to := map[string]string{"Email": l.to, "Name": "", "MailboxHash": ""}
	v := map[string]any{
		"FromName": "", "From": l.from, "FromFull": map[string]string{"Email": l.from, "Name": "", "MailboxHash": ""},
		"To": l.to, "ToFull": []any{to}, "Cc": "", "CcFull": []any{}, "Bcc": "", "BccFull": []any{}, "OriginalRecipient": l.to, "ReplyTo": "",
		"Subject": l.subject, "MessageID": "73e6d360-66eb-11e1-8e72-a8904824019b", "Date": l.date, "MailboxHash": "", "MessageStream": "inbound",
		"TextBody": l.text + "\n", "HtmlBody": "", "StrippedTextReply": "", "Tag": "", "Headers": headers, "Attachments": []any{},
	}
	if l.file != "" {
		v["Attachments"] = []any{map[string]any{"Name": "order.csv", "Content": base64.StdEncoding.EncodeToString([]byte(l.file)),
			"ContentType": "text/csv", "ContentLength": len(l.file), "ContentID": ""}}
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// A ways is a Postern with every way in, and the Dovecot that some of them lead to.
type ways struct {
	*served
	dovecot *peers.DovecotServer
}

const waysSecret = "a secret that nobody guesses"

func newWays(t *testing.T) *ways {
	d := peers.Dovecot(t, peers.DovecotOptions{Users: map[string]string{"support": "secret", "pop": "secret"}})
	d.Deliver("support", "Second") // the folder must be there
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), waysSecret)
	write(t, filepath.Join(dir, "password"), "secret")
	write(t, filepath.Join(dir, "postern.yaml"), fmt.Sprintf(`
smtp: {listen: ["127.0.0.1:0"], hostname: mx.example.com}
lmtp: {listen: ["127.0.0.1:0"]}
http: {listen: ["127.0.0.1:0"]}
sources:
  pop: {pop3: %q, tls: on, ca: %q, user: pop, password-file: password, mailboxes: support, every: 5s, import-rate: 0}
hooks:
  raw: {provider: raw, mailbox: support, secret-file: secret}
  parsed: {provider: postmark, mailbox: support, secret-file: secret}
mailboxes:
  support:
    addresses: [support@example.com]
    source: {imap: %q, tls: on, ca: %q, user: support, password-file: password, folders: [INBOX, Second], import-rate: 0, every: 5s}
  sales: {addresses: [sales@example.com]}
`, d.POP3S, d.CAFile, d.IMAPS, d.CAFile))
	return &ways{serveIn(t, dir), d}
}

// hand hands a letter over by one way and does not wait.
func (w *ways) hand(way string, l letter, trace string) {
	w.t.Helper()
	raw := trace + l.raw()
	var err error
	switch way {
	case "smtp":
		err = w.send(raw, l.to)
	case "lmtp":
		err = w.sendLMTP(raw, l.to)
	case "api":
		err = w.post("/api/v1/messages?to="+url.QueryEscape(l.to), "message/rfc822", []byte(raw))
	case "webhook":
		err = w.post("/hooks/raw/support", "message/rfc822", []byte(raw))
	case "parsed webhook":
		err = w.post("/hooks/postmark/support", "application/json", l.parsed())
	case "imap":
		w.dovecot.Deliver("support", "INBOX", []byte(raw))
	case "imap, another folder":
		w.dovecot.Deliver("support", "Second", []byte(raw))
	case "imap, after a new UIDVALIDITY":
		w.dovecot.Renumber("support", "INBOX")
	case "pop3":
		w.dovecot.Deliver("pop", "INBOX", []byte(raw))
	default:
		w.t.Fatalf("there is no way %q", way)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", way, err)
	}
}

func (w *ways) sendLMTP(mail, to string) error {
	conn, err := net.Dial("tcp", w.app.Addrs().LMTP[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	c := smtp.NewClientLMTP(conn)
	if err := c.Mail("ann@example.org", nil); err != nil {
		return err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return err
	}
	d, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := d.Write([]byte(mail)); err != nil {
		return err
	}
	return d.Close()
}

func (w *ways) post(path, media string, body []byte) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.url(path), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", media)
	if strings.HasPrefix(path, "/hooks/") {
		req.SetBasicAuth("postern", waysSecret)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s", res.Status)
	}
	return nil
}

// heard waits until n lines of the ledger are about mail with that word in its subject.
func (w *ways) heard(word string, n int) []*issue.LedgerLine {
	w.t.Helper()
	var page struct {
		Items []*issue.LedgerLine `json:"items"`
	}
	for until := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		w.get("/api/v1/ledger?limit=100&q="+word, &page)
		lines := 0
		for _, l := range page.Items {
			lines += l.Count
		}
		if lines >= n {
			return page.Items
		}
		if time.Now().After(until) {
			w.t.Fatalf("%d of %d mails heard of", lines, n)
		}
	}
}

const (
	listFooter = "\n_______________________________________________\nOrders mailing list\nhttps://lists.example.org/orders"
	banner     = "CAUTION: This email originated from outside of the organization. Do not click links or open attachments.\n\n"
	trace      = "Return-Path: <ann@example.org>\r\nDelivered-To: support@example.com\r\nReceived: from mx.example.net by mail.example.com; Fri, 27 Nov 2026 02:00:00 +0000\r\nX-Spam-Status: No\r\n"
)

// firsts and thens are the words of the table.
var firsts = map[string]func(l *letter){
	"a mail":                             func(*letter) {},
	"a mail with a file":                 func(l *letter) { l.file = "pen,10\n" },
	"a mail without Message-ID":          func(l *letter) { l.id = "" },
	"a mail without Message-ID and Date": func(l *letter) { l.id, l.date = "", "" },
	"one word of it, by a forger":        func(l *letter) { l.text = "Please" },
	"its beginning, by a forger":         func(l *letter) { l.text = "Please send ten of them to" },
}

var thens = map[string]func(l *letter){
	"the same bytes":                       func(*letter) {},
	"the same bytes, after five days":      func(*letter) {},
	"the mail":                             func(l *letter) { l.text = waysText },
	"with other trace headers":             func(*letter) {},
	"with a list's footer":                 func(l *letter) { l.text += listFooter },
	"without the list's footer":            func(l *letter) { l.text = strings.TrimSuffix(l.text, listFooter) },
	"with a scanner's banner":              func(l *letter) { l.text = banner + l.text },
	"with a mark in its subject":           func(l *letter) { l.subject = "[EXTERNAL] " + l.subject },
	"another text under its Message-ID":    func(l *letter) { l.text = "Cancel all of it, we have found them elsewhere." },
	"another file under its Message-ID":    func(l *letter) { l.file = "pen,99\n" },
	"another author under its Message-ID":  func(l *letter) { l.from = "eve@example.net" },
	"another Date under its Message-ID":    func(l *letter) { l.date = "Fri, 27 Nov 2026 01:02:04 +0000" },
	"another subject":                      func(l *letter) { l.subject = "Another " + l.subject },
	"the mail, to another mailbox of ours": func(l *letter) { l.to = "sales@example.com" },
}

const waysText = "Please send ten of them to the house in Berlin, and the bill to us.\n\nAnn Lee"

// TestOneMailOneIssue does what each row of docs/exactly-once.md says.
func TestOneMailOneIssue(t *testing.T) {
	rows := decisionTable(t)
	w := newWays(t)
	for i, row := range rows {
		what, by, then, by2, want := row[0], row[1], row[2], row[3], row[4]
		t.Run(fmt.Sprintf("%02d %s by %s, %s by %s", i+1, what, by, then, by2), func(t *testing.T) {
			all := w
			w := &ways{&served{t: t, dir: w.dir, app: w.app, logs: w.logs}, w.dovecot}
			word := fmt.Sprintf("zebra%02d", i)
			first := letter{from: "ann@example.org", to: "support@example.com", id: fmt.Sprintf("<%s@example.org>", word),
				date: "Fri, 27 Nov 2026 01:02:03 +0000", subject: "An order " + word, text: waysText}
			change, ok := firsts[what]
			if !ok {
				t.Fatalf("the test knows no %q", what)
			}
			change(&first)
			if then == "without the list's footer" {
				first.text += listFooter
			}
			second := first
			if change, ok = thens[then]; !ok {
				t.Fatalf("the test knows no %q", then)
			}
			change(&second)
			total := 2
			if by == "all at once" {
				all := []string{"smtp", "lmtp", "api", "webhook", "parsed webhook", "imap", "imap, another folder", "pop3"}
				total = len(all)
				var g sync.WaitGroup
				for _, way := range all {
					g.Go(func() { w.hand(way, first, "") })
				}
				g.Wait()
			} else {
				w.hand(by, first, "")
				w.heard(word, 1)
				more := ""
				if then == "with other trace headers" {
					more = trace
				}
				if strings.HasSuffix(then, "after five days") { // these stand last in the table: what Dovecot receives then is not as late
					all.late.Add(int64(5 * 24 * time.Hour))
				}
				w.hand(by2, second, more)
			}
			lines := w.heard(word, total)
			issues := map[int64]bool{}
			for _, l := range lines {
				if l.Issue == 0 {
					t.Errorf("a line without an issue: %+v", l)
				}
				issues[l.Issue] = true
			}
			if fmt.Sprint(len(issues)) != want {
				t.Errorf("%d issues, the table says %s", len(issues), want)
				for _, l := range lines {
					t.Logf("%s %s issue %d message %s", l.Source, l.Verdict, l.Issue, l.Message)
				}
			}
		})
	}
}

// decisionTable reads the rows of docs/exactly-once.md.
func decisionTable(t *testing.T) (rows [][]string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/exactly-once.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ = bytes.Cut(page, []byte("## Decision table"))
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[0], "---") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[0] != "what comes" {
			rows = append(rows, cells)
		}
	}
	if len(rows) < 30 {
		t.Fatalf("only %d rows found", len(rows))
	}
	return rows
}
