package webhook_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/intake"
)

// platform is what Cloudflare gives a worker: a message with the envelope, the raw mail as a stream, and setReject.
const platform = `
import worker from "./worker.mjs";
import { readFileSync } from "node:fs";
const message = {
  from: process.env.FROM, to: process.env.TO, rawSize: 0, headers: new Headers(),
  raw: new Blob([readFileSync(process.env.RAW)]).stream(),
  setReject(reason) { console.log("rejected: " + reason); },
};
try {
  await worker.email(message, { POSTERN_URL: process.env.URL, POSTERN_SECRET: process.env.SECRET }, {});
  console.log("returned");
} catch (e) {
  console.log("threw: " + e.message);
}
`

// TestWorker runs the worker of examples/cloudflare, in Node, against a server of ours.
func TestWorker(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("this test runs a Cloudflare worker in Node: apt-get install nodejs")
	}
	dir := t.TempDir()
	code, err := os.ReadFile(filepath.Join("..", "..", "examples", "cloudflare", "worker.js"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{"worker.mjs": string(code), "run.mjs": platform, "mail": eightBitMail} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, from, to, secret, path string
		verdict                      intake.Verdict
		want                         string
	}{
		{"taken", "ann@example.org", "support@example.com", secretA, cloudflarePath, intake.Committed, "returned\n"},
		{"letters beyond ASCII", "jörg%x@example.org", "support@example.com", secretA, cloudflarePath, intake.Committed, "returned\n"},
		{"a bounce", "", "sales@example.com", secretA, cloudflarePath, intake.Quarantined, "returned\n"},
		{"refused", "ann@example.org", "support@example.com", secretA, cloudflarePath, intake.Rejected, "rejected: said so\nreturned\n"},
		{"not now", "ann@example.org", "support@example.com", secretA, cloudflarePath, intake.TryLater, "threw: Postern answered 503\n"},
		{"a wrong secret", "ann@example.org", "support@example.com", "x", cloudflarePath, intake.Committed, "threw: Postern answered 401\n"},
		{"a wrong path", "ann@example.org", "support@example.com", secretA, "/nowhere", intake.Committed, "threw: Postern answered 404\n"},
	} {
		g := newRig(t, nil, cloudflareHook)
		g.verdict = func(string) intake.Verdict { return c.verdict }
		server := httptest.NewServer(g.server)
		cmd := exec.CommandContext(t.Context(), node, filepath.Join(dir, "run.mjs"))
		cmd.Env = append(os.Environ(), "FROM="+c.from, "TO="+c.to, "RAW="+filepath.Join(dir, "mail"), "URL="+server.URL+c.path, "SECRET="+c.secret)
		out, err := cmd.CombinedOutput()
		server.Close()
		if err != nil || string(out) != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.name, out, err, c.want)
		}
		mails := g.mails()
		if arrives := !strings.HasPrefix(c.want, "threw: Postern answered 4"); (len(mails) == 1) != arrives {
			t.Errorf("%s: %d mails", c.name, len(mails))
		} else if arrives && (mails[0].raw != eightBitMail || mails[0].env.From != c.from || !strings.HasSuffix(mails[0].to[0], " "+c.to)) {
			t.Errorf("%s: got %+v", c.name, mails[0])
		}
	}
}
