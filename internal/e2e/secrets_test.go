package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
)

// planted are secrets by the place where they were planted. Each is unlike everything else.
type planted map[string]string

func (p planted) plant(where string) string {
	p[where] = fmt.Sprintf("Geheim%dXq7", len(p)+100)
	return p[where]
}

// A place where secrets must not be seen.
type place struct {
	name string
	said []byte
}

// Secrets are planted wherever one can be given to Postern, used rightly and wrongly, and then looked for wherever Postern says
// something: logs, traces, errors, metrics, the API, the store and a backup.
func TestSecretsStaySecret(t *testing.T) {
	secrets := planted{}
	dir := t.TempDir()
	certificate(t, dir)
	write(t, filepath.Join(dir, "ann.password"), secrets.plant("a user's password")+"\n")
	config := `
smtp:
  listen: ["127.0.0.1:0"]
  hostname: mx.example.com
  tls: {cert: cert.pem, key: key.pem}
  users: {ann: {password-file: ann.password, from: [ann@example.org]}}
http: {listen: ["127.0.0.1:0"], metrics-listen: ["127.0.0.1:0"]}
log: {level: debug, format: json}
mailboxes: {support: {addresses: [support@example.com]}}
`
	ways := `
hooks:
  desk: {provider: raw, mailbox: support, secret-file: hook.secret}
  signed: {provider: mailgun, mailbox: support, key-files: [hook.key], api-key-file: hook.api}
sources:
  box: {imap: "127.0.0.1:1", user: ann, password-file: box.password, mailboxes: [support]}
  app: {imap: "127.0.0.1:1", user: ann, mailboxes: [support], oauth: {provider: other, flow: client-credentials, client-id: c, client-secret-file: app.secret, token-url: "http://127.0.0.1:1/token"}}
  far: {pop3: "127.0.0.1:1", user: ann, mailboxes: [support], oauth: {provider: other, flow: login, client-id: c, client-secret-file: far.secret, refresh-token-file: far.token, token-url: "http://127.0.0.1:1/token"}}
`
	for file, where := range map[string]string{
		"hook.secret": "a hook's secret", "hook.key": "a hook's key", "hook.api": "a hook's API key", "box.password": "a source's password",
		"app.secret": "a client's secret", "far.secret": "another client's secret", "far.token": "a refresh token",
	} {
		write(t, filepath.Join(dir, file), secrets.plant(where)+"andsome\n")
	}
	write(t, filepath.Join(dir, "postern.yaml"), config+ways)
	write(t, filepath.Join(dir, "rules", "10.rules"), "rule \"fails\" {\n    then {\n        tag(mail.to[5].email)\n    }\n}\n")
	s := serveIn(t, dir)
	secrets["the key file"] = keyOf(t, dir)
	privateKey, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	secrets["the private key"] = strings.Split(string(privateKey), "\n")[1]

	var places []place
	say := func(name string, said []byte) { places = append(places, place{name, said}) }

	// SMTP: who may, who may not, and who forgets to encrypt.
	plain := func(user, password string) string {
		return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password))
	}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	mail := "DATA\n" + simple("1", secrets.plant("a subject (logs only)")) + secrets.plant("a text (logs only)") + "\n."
	say("SMTP, right", s.speak(true, plain("ann", secrets["a user's password"]), "MAIL FROM:<ann@example.org>", "RCPT TO:<support@example.com>", mail))
	say("SMTP, wrong", s.speak(true, plain("ann", secrets.plant("a wrong password"))))
	say("SMTP, LOGIN", s.speak(true, "AUTH LOGIN", b64("ann"), b64(secrets.plant("a wrong LOGIN password"))))
	say("SMTP, unknown user", s.speak(true, plain("nobody", secrets.plant("an unknown user's password"))))
	say("SMTP, not encrypted", s.speak(false, plain("ann", secrets.plant("a password in the clear"))))
	say("SMTP, password as a command", s.speak(true, secrets.plant("a password as a command")))
	for where, secret := range secrets { // what travels in base64 must not be seen that way either
		if strings.Contains(where, "password") {
			secrets[where+", base64"] = strings.TrimRight(b64(secret), "=")[:14]
		}
	}

	// HTTP: tokens, right and wrong, in every place where people put them; and paths that are secrets.
	token := s.token(t)
	secrets["a token"] = token
	bearer := func(t string) http.Header { return http.Header{"Authorization": {"Bearer " + t}} }
	api := s.url("")
	say("API, wrong token", fetch(t, api+"/api/v1/issues", bearer(secrets.plant("a wrong token"))))
	say("API, password", fetch(t, api+"/api/v1/issues", http.Header{"Authorization": {"Basic " + b64("ann:"+secrets.plant("a Basic password"))}}))
	say("API, cookie", fetch(t, api+"/api/v1/issues", http.Header{"Cookie": {"session=" + secrets.plant("a cookie")}}))
	say("API, query", fetch(t, api+"/api/v1/issues?access_token="+secrets.plant("a token in a query"), bearer(token)))
	say("API, path", fetch(t, api+"/hooks/raw/support/"+secrets.plant("a secret path"), nil))
	say("API, path of ours", fetch(t, api+"/api/v1/messages/"+secrets.plant("a secret as an id")+"/raw", nil))
	for _, path := range []string{"/api/v1/issues/1", "/api/v1/tokens", "/api/v1/events", "/api/v1/ledger", "/api/v1/messages", "/readyz?details=true", "/metrics"} {
		say("API "+path, fetch(t, api+path, bearer(token)))
	}
	say("metrics", fetch(t, "http://"+s.app.Addrs().Metrics[0]+"/metrics", nil))
	var is issueJSON
	_, body, _ := bytes.Cut(fetch(t, api+"/api/v1/issues/1", bearer(token)), []byte("\r\n\r\n"))
	if err := json.Unmarshal(body, &is); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	trace := fetch(t, api+"/api/v1/messages/"+is.Message, bearer(token))
	if !bytes.Contains(trace, []byte(`"rule":"fails"`)) {
		t.Errorf("no trace in %s", trace)
	}
	say("the trace", trace)

	// Webhooks, with the right secret and with wrong ones; and accounts that cannot be reached.
	hook := func(name, path string, headers ...string) {
		code := s.post(path, "message/rfc822", simple("2", "hooked"), headers...)
		say("hook, "+name, []byte(fmt.Sprint(code)))
	}
	hook("right", "/hooks/raw/support/"+secrets["a hook's secret"]+"andsome")
	hook("wrong", "/hooks/raw/support/"+secrets.plant("a wrong secret in a path"))
	hook("wrong bearer", "/hooks/raw/support", "Authorization", "Bearer "+secrets.plant("a wrong secret as a token"))
	hook("wrong signature", "/hooks/mailgun/support?signature="+secrets.plant("a wrong signature"))
	for _, name := range []string{"box", "app", "far"} {
		eventually(t, name+" fails", 20*time.Second, func() bool {
			return bytes.Contains(fetch(t, api+"/api/v1/sources/"+name, bearer(token)), []byte(`"errorAt":"20`))
		})
		say("API, source "+name, fetch(t, api+"/api/v1/sources/"+name, bearer(token)))
		for _, command := range []string{"doctor " + name, "sources show " + name} {
			out := runPostern(t, dir, nil, strings.Fields(command)...)
			say("postern "+command, []byte(out.out+out.err))
		}
	}
	for _, command := range []string{"check", "doctor", "sources list", "login --status"} {
		out := runPostern(t, dir, nil, strings.Fields(command)...)
		say("postern "+command, []byte(out.out+out.err))
	}
	say("API, sources", fetch(t, api+"/api/v1/sources", bearer(token)))

	// A configuration with secrets in every wrong place is reported, by a reload and by each command.
	wrong := config + fmt.Sprintf(`
store: {mongodb: "mongodb://u:%s@[broken/x", pasword: %s}
hooks: {a: {secret: %s}}
`, secrets.plant("a password in a broken address"), secrets.plant("a password under an unknown key"), secrets.plant("a secret of a hook"))
	write(t, filepath.Join(dir, "postern.yaml"), wrong)
	s.app.Reload()
	eventually(t, "the broken configuration is reported", 10*time.Second, func() bool { return strings.Contains(s.logs.String(), "pasword") })
	for _, command := range []string{"check", "doctor", "test"} {
		out := runPostern(t, dir, nil, command)
		say("postern "+command+", broken", []byte(out.out+out.err))
	}
	away := t.TempDir()
	write(t, filepath.Join(away, "postern.yaml"), fmt.Sprintf("store: {mongodb: \"mongodb://u:%s@127.0.0.1:1/x?serverSelectionTimeoutMS=200\"}\n", secrets.plant("a password of MongoDB")))
	for _, command := range []string{"check", "doctor", "issues", "deliver --to support@example.com"} {
		out := runPostern(t, away, nil, strings.Fields(command)...)
		say("postern "+command+", no MongoDB", []byte(out.out+out.err))
	}

	write(t, filepath.Join(dir, "postern.yaml"), config+ways)
	s.app.Reload()
	backup := filepath.Join(t.TempDir(), "backup")
	if out := runPostern(t, dir, nil, "backup", backup); out.code != 0 {
		t.Fatalf("backup: %+v", out)
	}
	places = append(places, contents(t, backup)...)
	s.stop()
	say("the log", []byte(s.logs.String()))

	for where, secret := range secrets {
		for _, p := range places {
			if strings.Contains(where, "logs only") && p.name != "the log" && !strings.Contains(p.name, "metrics") {
				continue
			}
			if i := bytes.Index(p.said, []byte(secret)); i >= 0 {
				t.Errorf("%s is seen in %s: …%s…", where, p.name, p.said[max(0, i-100):min(len(p.said), i+100)])
			}
		}
	}
	// What was looked through is where it would have been seen: the mail itself is in the API's answers and in the backup, also
	// in what is compressed there.
	for _, want := range []struct{ said, in string }{
		{"250 2.0.0 OK", "SMTP, right"}, {"535", "SMTP, wrong"}, {"535", "SMTP, LOGIN"}, {"401", "API, wrong token"},
		{secrets["a subject (logs only)"], "API /api/v1/messages"}, {secrets["a text (logs only)"], "the backup's blobs.data"},
		{"204", "hook, right"}, {"401", "hook, wrong"}, {"401", "hook, wrong bearer"}, {"401", "hook, wrong signature"}, {"127.0.0.1:1", "API, source box"},
		{"127.0.0.1:1", "API, source app"}, {"127.0.0.1:1", "postern doctor far"}, {"refused", "postern sources list"}, {"client-secret-file", "postern check"},
		{`"rule":"fails"`, "the backup's messages.trace"}, {"postern_messages_total", "metrics"}, {"pasword", "postern check, broken"},
	} {
		if !slices.ContainsFunc(places, func(p place) bool { return p.name == want.in && bytes.Contains(p.said, []byte(want.said)) }) {
			t.Errorf("%s says nothing of %q", want.in, want.said)
		}
	}
	for _, want := range []string{"mail decided", "unknown key", `"level":"DEBUG"`} { // it was a log that says much
		if !strings.Contains(s.logs.String(), want) {
			t.Errorf("the log has no %q", want)
		}
	}
}

// speak speaks SMTP, encrypted or not, and returns all that was answered.
func (s *served) speak(encrypted bool, lines ...string) []byte {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.app.Addrs().SMTP[0])
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := textproto.NewConn(conn)
	var said bytes.Buffer
	answer := func() {
		code, text, err := c.ReadResponse(0)
		fmt.Fprintln(&said, code, text, err)
	}
	answer()
	send := func(line string) {
		if head, body, ok := strings.Cut(line, "\n"); ok {
			fmt.Fprintf(conn, "%s\r\n", head)
			answer()
			line = crlf(body)
		}
		fmt.Fprintf(conn, "%s\r\n", line)
		answer()
	}
	send("EHLO client.example")
	if encrypted {
		send("STARTTLS")
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // the test's own certificate
		c = textproto.NewConn(conn)
		send("EHLO client.example")
	}
	for _, line := range lines {
		send(line)
	}
	return said.Bytes()
}

// token makes an API token that may do everything.
func (s *served) token(t *testing.T) string {
	t.Helper()
	out := runPostern(t, s.dir, nil, "keys", "token", "--name", "test", "--scope", "admin")
	if out.code != 0 || !strings.HasPrefix(out.out, "pst_") {
		t.Fatalf("%+v", out)
	}
	return strings.TrimSpace(out.out)
}

// fetch returns an answer whole, head and body.
func fetch(t *testing.T, url string, h http.Header) []byte {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h != nil {
		req.Header = h
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_ = resp.Header.Write(&b)
	b.WriteString("\r\n")
	if _, err := io.Copy(&b, resp.Body); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// keyOf is the secret part of the key file.
func keyOf(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "data", "postern.key"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b))
	return fields[len(fields)-1]
}

// contents is every file of a backup, and every value of its database, what is compressed among them.
func contents(t *testing.T, dir string) (out []place) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out = append(out, place{"the backup's " + d.Name(), b})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "postern.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, table := range column(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'search%'") {
		for _, name := range column(t, db, "SELECT name FROM pragma_table_info('"+string(table)+"')") {
			for _, v := range column(t, db, fmt.Sprintf("SELECT %s FROM %s WHERE typeof(%[1]s) IN ('text', 'blob')", name, table)) {
				where := fmt.Sprintf("the backup's %s.%s", table, name)
				out = append(out, place{where, v})
				if plain, err := s2.Decode(nil, v); err == nil {
					out = append(out, place{where, plain})
				}
			}
		}
	}
	return out
}

func column(t *testing.T, db *sql.DB, query string) (out [][]byte) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		out = append(out, b)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// certificate writes cert.pem and key.pem for tests.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.example.com"}, DNSNames: []string{"mx.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}
