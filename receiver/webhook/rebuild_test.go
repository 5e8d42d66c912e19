package webhook

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/internal/charset"
	"postern/internal/fault"
	"postern/internal/mail"
	"postern/internal/spool"
)

func rebuildTools(t testing.TB) *Tools {
	t.Helper()
	dir, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &Tools{Spool: dir}
}

func bodyOf(s string) *spool.Body { return spool.Bytes([]byte(s)) }

func bytesOf(t testing.TB, b *spool.Body) string {
	t.Helper()
	r, err := b.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// A read mail has its files' bytes.
type readMail struct {
	*mail.Message
	files []string
}

func readBack(t testing.TB, raw string) readMail {
	t.Helper()
	var r readMail
	byFile := map[*bytes.Buffer]string{}
	m, err := mail.Parse(strings.NewReader(raw), mail.Options{
		Attachment: func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
			b := &bytes.Buffer{}
			return b, func(*mail.Attachment) (any, error) { byFile[b] = b.String(); return b.String(), nil }, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Message = m
	for _, a := range m.Attachments {
		r.files = append(r.files, a.Ref.(string))
	}
	return r
}

func mustRebuild(t testing.TB, tools *Tools, p *parts) string {
	t.Helper()
	b, err := rebuild(tools, p)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	return bytesOf(t, b)
}

// TestRebuildGolden is what a rebuilt mail looks like.
func TestRebuildGolden(t *testing.T) {
	t.Parallel()
	p := &parts{
		Provider: "example",
		RawHeader: bodyOf("Received: from a\r\n\tby b\r\nFrom: Ann <ann@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n" +
			"Content-Type: multipart/mixed;\r\n boundary=x\r\n\r\n"),
		Text: &textPart{"iso-8859-1", bodyOf("Gr\xfc\xdfe\n")},
		HTML: &textPart{"utf-8", bodyOf(`<img src="cid:logo@x">`)},
		Files: []filePart{
			{Name: "logo.png", Type: "image/png", ContentID: "<logo@x>", Inline: true, Body: bodyOf("PNG")},
			{Name: "über \"x\".txt", Type: `text/plain; charset=utf-8; name="other"`, Body: bodyOf("file\n")},
			{Type: "message/rfc822", Body: bodyOf("Subject: inside\r\n\r\nHello\r\n")},
			{Name: "lost.pdf", Type: "application/pdf", Missing: "HTTP 404"},
		},
	}
	got := mustRebuild(t, rebuildTools(t), p)
	golden := filepath.Join("testdata", "rebuilt.eml")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got %s", got)
	}
}

// odd makes what a stranger may put where a line of text is expected.
func odd(r *rand.Rand) string {
	pieces := []string{
		"a", "report.pdf", " ", "\r\n", "\n", "\r", "\r\nBcc: eve@example.net", "\nContent-Type: text/evil", "\n\nbody", "\x00", "\"", "\\", ";", "=", "'", "%41", "%",
		"ü", "日本語", "\xfc\xdf", "\xe9\xa0", "=?utf-8?q?=C3=BC?=", "=?", "?=", "<", ">", "/", "..", ":", "--", "*", "utf-8''", "\u202e", "\u2028", "\t", strings.Repeat("x", 300), "(c)",
	}
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

func oddBody(r *rand.Rand) string {
	pieces := []string{"Hello", "\r\n", "\n", "\r", " ", "\x00", "--", "--=_postern_", "ü", "\xfc", "From me\n", "begin 644 x\n", ".\r\n", "\r\n.\r\n", "=41", strings.Repeat("long ", 50), "\t\n"}
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// oneLine is how a value reads once its lines are joined: a fold keeps its white space, any other break is a space.
func oneLine(s string) string {
	var b strings.Builder
	s = strings.Trim(s, " \t\r\n")
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '\r' && c != '\n' {
			b.WriteByte(c)
			continue
		}
		for i+1 < len(s) && (s[i+1] == '\r' || s[i+1] == '\n') {
			i++
		}
		if s[i+1] != ' ' && s[i+1] != '\t' {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func oddParts(r *rand.Rand) *parts {
	p := &parts{Provider: "example"}
	names := []string{"Subject", "X-Odd", "Received", "Content-Type", "content-transfer-encoding", "MIME-Version", "X-Postern-Rebuilt", "List-Id", "To", "Comments", "", "Nöt", "a b", "a:b", "x\r\nBcc"}
	for range r.IntN(12) {
		p.Header = append(p.Header, headerField{names[r.IntN(len(names))], odd(r)})
	}
	labels := []string{"utf-8", "iso-8859-1", "windows-1252", "", "koi8-r", "shift_jis", "x-unknown", "\"\r\nX: y"}
	if r.IntN(3) > 0 {
		p.Text = &textPart{labels[r.IntN(len(labels))], bodyOf(oddBody(r))}
	}
	if r.IntN(3) > 0 {
		p.HTML = &textPart{labels[r.IntN(len(labels))], bodyOf(oddBody(r))}
	}
	types := []string{"image/png", "text/plain", "TEXT/HTML; charset=koi8-r", "application/pdf; name=\"other.pdf\"", "message/rfc822", "multipart/mixed; boundary=x", "", "odd", "a/b/c", "text/plain\r\nX: y", "message/partial; id=1", "application/x-thing; a*=utf-8''%C3%BC"}
	for range r.IntN(5) {
		f := filePart{Name: odd(r), Type: types[r.IntN(len(types))], Inline: r.IntN(2) == 0, Body: bodyOf(oddBody(r))}
		if r.IntN(2) == 0 {
			f.ContentID = odd(r)
		}
		p.Files = append(p.Files, f)
	}
	return p
}

// TestRebuildReadsAsItsParts: whatever the parts hold, reading the message gives them again, and nothing that they do not say.
func TestRebuildReadsAsItsParts(t *testing.T) {
	t.Parallel()
	tools := rebuildTools(t)
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 6))
		checkRebuilt(t, tools, oddParts(r), fmt.Sprint("seed ", seed))
		if t.Failed() {
			return
		}
	}
}

func checkRebuilt(t *testing.T, tools *Tools, p *parts, what string) {
	t.Helper()
	raw := mustRebuild(t, tools, p)
	if again := mustRebuild(t, tools, p); again != raw {
		t.Errorf("%s: two rebuilt from the same parts differ", what)
	}
	got := readBack(t, raw)
	if v := got.Values("X-Postern-Rebuilt"); len(v) != 1 || v[0] != p.Provider {
		t.Errorf("%s: marked %q", what, v)
	}
	own := []string{"X-Postern-Rebuilt", "MIME-Version", "Content-Type"}
	if !strings.Contains(got.Get("Content-Type"), "multipart/") {
		own = append(own, "Content-Transfer-Encoding")
	}
	if len(got.Header) != len(own)+len(p.Header) {
		t.Errorf("%s: %d fields, want %d and %d of ours", what, len(got.Header), len(p.Header), len(own))
		return
	}
	for i, name := range own {
		if got.Header[i].Name != name {
			t.Errorf("%s: field %d is %s, want %s", what, i, got.Header[i].Name, name)
		}
	}
	fields := got.Header[len(own):]
	for i, f := range p.Header {
		name, value := f.Name, f.Value
		switch {
		case fieldNameLength([]byte(name+":")) != len(name) || name == "":
			name, value = "X-Original-Field", name+": "+value
		case replaced(name):
			name = "X-Original-" + name
		}
		_, as, _ := strings.Cut(string(fields[i].Raw), ":")
		if g, w := oneLine(as), oneLine(value); fields[i].Name != name || g != w {
			t.Errorf("%s: field %d: got %s: %q, want %s: %q", what, i, fields[i].Name, g, name, w)
		}
	}
	if len(got.files) != len(p.Files) {
		t.Errorf("%s: %d files of %d\n%q", what, len(got.files), len(p.Files), raw)
		return
	}
	for i, f := range inOrder(p) {
		a := got.Attachments[i]
		if b := bytesOf(t, f.Body); got.files[i] != b {
			t.Errorf("%s: file %d: got %q, want %q", what, i, got.files[i], b)
		}
		alone := readAlone(t, f)
		if !utf8.ValidString(f.Name) {
			a.Name = alone.Name // it is guessed, from the texts beside it too
		}
		if !utf8.ValidString(f.ContentID) {
			a.ContentID = alone.ContentID
		}
		if a.Name != alone.Name || a.Type != alone.Type || a.ContentID != alone.ContentID || !a.Inline && f.Inline {
			t.Errorf("%s: file %d %+v: got %+v, want %+v", what, i, f, a, alone)
		}
	}
	text, html := readText(t, "plain", p.Text), readText(t, "html", p.HTML)
	if html.HTML != got.HTML && !guessed(t, p.HTML) {
		t.Errorf("%s: HTML %q, want %q", what, got.HTML, html.HTML)
	}
	want := text.Text
	if strings.TrimSpace(want) == "" {
		want = html.Text
	}
	if p.HTML == nil && got.Text != text.Text && !guessed(t, p.Text) || p.HTML != nil && strings.TrimSpace(got.Text) == "" && strings.TrimSpace(want) != "" {
		t.Errorf("%s: text %q, want %q", what, got.Text, want)
	}
}

// inOrder are the files in the order in which they are written: those that the HTML shows stand beside it.
func inOrder(p *parts) (list []filePart) {
	shown := func(f *filePart) bool {
		return p.HTML != nil && f.Inline && strings.Trim(f.ContentID, "<> \t\r\n\x00") != ""
	}
	for _, want := range []bool{true, false} {
		for _, f := range p.Files {
			if shown(&f) == want {
				list = append(list, f)
			}
		}
	}
	return list
}

// readAlone is what internal/mail makes of the name, type and id when they are written in another way: in encoded words (RFC 2047).
func readAlone(t testing.TB, f filePart) mail.Attachment {
	t.Helper()
	typ := "application/octet-stream"
	switch word, _, _ := strings.Cut(strings.ToLower(f.Type), ";"); word {
	case "image/png", "text/plain", "text/html", "application/pdf", "message/rfc822", "message/partial", "application/x-thing":
		typ = word
	}
	name := f.Name
	if name == "" && f.Inline && strings.HasPrefix(typ, "text/") {
		name = map[string]string{"text/plain": "attachment.txt", "text/html": "attachment.html"}[typ]
	}
	disposition := "attachment"
	if name != "" {
		var b strings.Builder
		for _, c := range []byte(name) {
			fmt.Fprintf(&b, "%%%02x", c)
		}
		charset := ""
		if strings.ToValidUTF8(name, "") == name {
			charset = "utf-8"
		}
		disposition += "; filename*=" + charset + "''" + b.String()
	}
	id := strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(f.ContentID)
	return readBack(t, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b\r\nContent-Type: "+typ+"\r\nContent-ID: <"+strings.Trim(id, "<> \t")+">\r\nContent-Disposition: "+disposition+"\r\n\r\n\r\n--b--\r\n").Attachments[0]
}

// guessed says whether a text's character set is guessed, its label missing, unknown or wrong, by all that stands in the mail.
func guessed(t testing.TB, p *textPart) bool {
	return p != nil && (charset.Lookup(p.Charset) == nil || charset.Name(p.Charset) == "utf-8") && !utf8.ValidString(bytesOf(t, p.Body))
}

// readText reads a text alone, as it would come in eight bits.
func readText(t testing.TB, subtype string, p *textPart) readMail {
	t.Helper()
	if p == nil {
		return readMail{Message: &mail.Message{}}
	}
	label := ""
	if isToken(p.Charset) {
		label = "; charset=" + p.Charset
	}
	return readBack(t, "Content-Type: text/"+subtype+label+"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"+bytesOf(t, p.Body))
}

// TestRebuildRawHeader: a header block stays byte for byte but for the fields that a rebuilt mail needs itself.
func TestRebuildRawHeader(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 40<<10)
	for _, c := range []struct{ name, in, want string }{
		{"as it came", "Subject: a\r\n folded\r\nX-A:b\r\nX-Raw: \xfc\x00\r\n", "Subject: a\r\n folded\r\nX-A:b\r\nX-Raw: \xfc\x00\r\n"},
		{"ends in LF", "Subject: a\n folded\nX-A: b\n\n", "Subject: a\n folded\nX-A: b\n"},
		{"no last end", "Subject: a\r\nX-A: b", "Subject: a\r\nX-A: b\r\n"},
		{"ends in CR", "Subject: a\rX-A: b\r", "Subject: a\r\nX-A: b\r\n"},
		{"ours", "MIME-Version: 1.0\r\ncontent-type: text/plain;\r\n charset=x\r\nX-Postern-Rebuilt: me\r\nContent-Language: de\r\n",
			"X-Original-MIME-Version: 1.0\r\nX-Original-content-type: text/plain;\r\n charset=x\r\nX-Original-X-Postern-Rebuilt: me\r\nContent-Language: de\r\n"},
		{"empty lines", "\r\nSubject: a\r\n\r\nX-A: b\r\n\r\n\r\n", "Subject: a\r\nX-A: b\r\n"},
		{"a lost indent", "Subject: a\r\nlost indent\r\n", "Subject: a\r\n lost indent\r\n"},
		{"no field", "no field\r\nFrom me 2026\r\n: x\r\nnöt: x\r\n", "X-Original-Line: no field\r\nX-Original-Line: From me 2026\r\nX-Original-Line: : x\r\nX-Original-Line: nöt: x\r\n"},
		{"long lines", "X-L: " + long + "\r\n " + long + "\r\nMIME-Version: x\r\n", "X-L: " + long + "\r\n " + long + "\r\nX-Original-MIME-Version: x\r\n"},
		{"nothing", "", ""},
	} {
		raw := mustRebuild(t, rebuildTools(t), &parts{Provider: "p", RawHeader: bodyOf(c.in), Text: &textPart{"utf-8", bodyOf("text")}})
		const before = "X-Postern-Rebuilt: p\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: base64\r\n"
		got := strings.TrimSuffix(strings.TrimPrefix(raw, before), "\r\ndGV4dA==\r\n")
		if got != c.want {
			t.Errorf("%s: got %.300q, want %.300q", c.name, got, c.want)
		}
		if m := readBack(t, raw); m.Text != "text" {
			t.Errorf("%s: text %q", c.name, m.Text)
		}
	}
}

// TestRebuildFlowed: what the header says about the lines of the only text stays true of them.
func TestRebuildFlowed(t *testing.T) {
	t.Parallel()
	const head, body = "From: ann@example.org\r\nContent-Type: text/plain; charset=utf-8;\r\n format=Flowed; delsp=YES\r\n", "> quoted  \n> goes on\n\nNew te \nxt\n"
	want := readBack(t, head+"\r\n"+body).Text
	for name, p := range map[string]*parts{
		"raw":    {RawHeader: bodyOf(head), Text: &textPart{"utf-8", bodyOf(body)}},
		"fields": {Header: []headerField{{"Content-Type", "text/plain; charset=utf-8;\r\n format=Flowed; delsp=YES"}}, Text: &textPart{"utf-8", bodyOf(body)}},
	} {
		if got := readBack(t, mustRebuild(t, rebuildTools(t), p)).Text; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestRebuildManyFiles: as many parts as a form may have.
func TestRebuildManyFiles(t *testing.T) {
	t.Parallel()
	p := &parts{Provider: "p", Text: &textPart{"utf-8", bodyOf("text")}}
	for i := range 900 {
		p.Files = append(p.Files, filePart{Name: fmt.Sprintf("%d.txt", i), Type: "text/plain", Body: bodyOf(fmt.Sprint(i))})
	}
	got := readBack(t, mustRebuild(t, rebuildTools(t), p))
	for i := range p.Files {
		if got.Attachments[i].Name != p.Files[i].Name || got.files[i] != fmt.Sprint(i) {
			t.Fatalf("file %d is %+v", i, got.Attachments[i])
		}
	}
}

// TestRebuildTooLarge: what is more than a mail may have is refused before it is written.
func TestRebuildTooLarge(t *testing.T) {
	t.Parallel()
	tools := rebuildTools(t)
	tools.Limits.Mail = 10
	if b, err := rebuild(tools, &parts{Text: &textPart{"", bodyOf("eleven bytes")}}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("got %v, %v", b, err)
	}
}

// TestRebuildStreams: large files do not enter memory.
func TestRebuildStreams(t *testing.T) {
	if Raced {
		t.Skip("memory is measured without the race detector: make check does both")
	}
	tools := rebuildTools(t)
	w := tools.Spool.Create()
	line := bytes.Repeat([]byte("0123456789abcde\n"), 1<<10)
	for range 25 << 6 {
		_, _ = w.Write(line)
	}
	big, err := w.Body()
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b, err := rebuild(tools, &parts{Provider: "p", Files: []filePart{{Name: "big", Type: "application/zip", Body: big}, {Name: "big", Type: "message/rfc822", Body: big}}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
		t.Errorf("%d bytes were allocated for files of %d", got, big.Size())
	}
	r, err := b.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m, err := mail.Parse(r, mail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range m.Attachments {
		if a.SHA256 != big.SHA256() {
			t.Errorf("%s: other bytes", a.Name)
		}
	}
}

// FuzzRebuild puts what strangers write into each place of a mail.
func FuzzRebuild(f *testing.F) {
	f.Add("Subject", "a\r\nBcc: b", "utf-8", "text", "<p>", "a.pdf", "application/pdf", "<id>", "bytes", true)
	f.Add("Content-Type", "x", "", "", "", "", "", "", "", false)
	f.Fuzz(func(t *testing.T, name, value, charset, text, html, file, typ, id, data string, inline bool) {
		tools := rebuildTools(t)
		p := &parts{Provider: "fuzz", Header: []headerField{{name, value}}, Text: &textPart{charset, bodyOf(text)}, HTML: &textPart{charset, bodyOf(html)},
			Files: []filePart{{Name: file, Type: typ, ContentID: id, Inline: inline, Body: bodyOf(data)}}}
		for _, raw := range []*spool.Body{nil, bodyOf(value)} {
			p.RawHeader = raw
			got := readBack(t, mustRebuild(t, tools, p))
			if len(got.files) != 1 || got.files[0] != data {
				t.Errorf("files %q", got.files)
			}
			if v := got.Values("X-Postern-Rebuilt"); len(v) != 1 || v[0] != "fuzz" {
				t.Errorf("marked %q", v)
			}
			if want := readText(t, "html", p.HTML).HTML; got.HTML != want && !guessed(t, p.HTML) {
				t.Errorf("HTML %q, want %q", got.HTML, want)
			}
		}
	})
}
