package api_test

import (
	"strings"
	"testing"
)

func TestHTML(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	picture := "\x89PNG\r\n\x1a\nrest"
	m := mailOf("m1", map[string]string{"Logo 1": picture})
	m.subject = "</title><script>alert(1)</script>"
	m.html = `<p onclick=alert(1)>Hello<script>alert(1)</script><img src="cid:logo%201@example.org"><img src="cid:other"><img src="http://example.org/p.gif"></p></div><form action=x>` +
		`<img src="/api/v1/attachments/` + blob(picture).SHA256 + `"><img src="http://example.org/Logo%201"><img src="/api/v1/messages">`
	w.commit(m)
	w.commit(mailOf("m2", nil))

	const policy = "default-src 'none'; img-src 'self' data:"
	a := w.get("/api/v1/messages/m1/html")
	own := `<img src="/api/v1/attachments/` + blob(picture).SHA256 + `"/>`
	want := `<!DOCTYPE html><html><head><meta charset="utf-8"><title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;</title></head><body><p>Hello` + own + `</p><div>` + own + own + "</div></body></html>\n"
	if a.status != 200 || a.body != want || a.header.Get("X-Blocked-Pictures") != "1" || !strings.HasPrefix(a.header.Get("Content-Security-Policy"), policy+"; ") ||
		!strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") || a.header.Get("Content-Type") != "text/html; charset=UTF-8" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %d %v\n%s\nwant\n%s", a.status, a.header, a.body, want)
	}
	if a = w.get("/api/v1/messages/m1/html?remote=true"); !strings.Contains(a.body, `<img src="http://example.org/p.gif"/>`) || a.header.Get("X-Blocked-Pictures") != "0" ||
		!strings.HasPrefix(a.header.Get("Content-Security-Policy"), policy+" http: https:; ") {
		t.Errorf("remote: got %v %s", a.header, a.body)
	}
	w.problem(w.get("/api/v1/messages/m2/html"), 404)
	w.problem(w.get("/api/v1/messages/m3/html"), 404)
	w.problem(w.get("/api/v1/messages/m1/html?remote=perhaps"), 400)
	w.problem(w.get("/api/v1/messages/m1/html", "Sec-Fetch-Site: cross-site"), 401)
	w.token("writer", "write")
	w.problem(w.get("/api/v1/messages/m1/html"), 401)
}
