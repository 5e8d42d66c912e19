package safehtml_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/safehtml"
)

// browsers are the names under which Debian and others have one that runs without a screen.
var browsers = []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}

// TestBrowser shows every vector, sanitised, in one page of a real browser, without any policy to help: nothing runs and nothing is
// fetched, also when every element is clicked, focused and moved over, and when the page's HTML is read and written once more. The same page
// with the vectors as they are shows that it would be seen.
func TestBrowser(t *testing.T) {
	t.Parallel()
	browser := findBrowser(t)
	safe, raw := []string{}, []string{}
	for _, v := range vectors(t) {
		safe = append(safe, safehtml.Sanitize(v, safehtml.Options{File: file}).HTML)
		raw = append(raw, v)
	}
	if got := report(t, browser, raw[27:40]); len(got.Ran) == 0 || len(got.Asked) == 0 {
		t.Fatalf("vectors as they are: %+v: this test would see nothing", got)
	}
	got := report(t, browser, safe)
	if !got.Done || len(got.Ran) > 0 || len(got.Asked) > 0 {
		t.Errorf("got %+v", got)
	}
	for name := range got.Elements {
		if !mayBe[name] {
			t.Errorf("the browser makes a %q of it", name)
		}
	}
	for name := range got.Attributes {
		if !mayHave[name] && name != "data-vector" {
			t.Errorf("the browser makes an attribute %q of it", name)
		}
	}
}

// A showing is what a browser did with a page.
type showing struct {
	Done                 bool
	Ran                  []string // what called alert, or moved the page
	Elements, Attributes map[string]int
	Asked                []string // what was fetched besides the page, from any host
}

// TestPolicy shows a page that was not sanitised, under the policy alone: nothing runs, and nothing is fetched but
// from where the page is.
func TestPolicy(t *testing.T) {
	t.Parallel()
	browser := findBrowser(t)
	const body = `<script>fetch("/ran")</script><img src=/files/1><img src=http://evil.example/p.gif onerror="fetch('/ran')"><iframe src=http://evil.example/f></iframe>` +
		`<style>p{background:url(http://evil.example/b.gif)}</style><p>x</p><link rel=stylesheet href=http://evil.example/x.css><object data=http://evil.example/o></object><video src=http://evil.example/v></video>` +
		`<svg onload="fetch('/ran')"><image href=http://evil.example/s.gif></svg><base href=http://evil.example/><img src=base.gif>`
	if _, asked := show(t, browser, "", body); !slices.Contains(asked, "/ran") || !slices.Contains(asked, "/files/1") || !slices.Contains(asked, "evil.example/p.gif") {
		t.Fatalf("without a policy %q was fetched: this test would see nothing", asked)
	}
	if _, asked := show(t, browser, safehtml.CSP(false), body); !slices.Equal(asked, []string{"/base.gif", "/files/1"}) { // <base> means nothing
		t.Errorf("%q was fetched", asked)
	}
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no browser: apt-get install chromium-headless-shell")
	return ""
}

func report(t *testing.T, browser string, pieces []string) (s showing) {
	t.Helper()
	dom, asked := show(t, browser, "", page(pieces))
	_, said, _ := strings.Cut(dom, "<pre id=\"report\">")
	said, _, _ = strings.Cut(said, "</pre>")
	if err := json.Unmarshal([]byte(html.UnescapeString(said)), &s); err != nil {
		t.Fatalf("the page says %q: %v", said, err)
	}
	s.Asked = slices.DeleteFunc(asked, func(u string) bool { return u == "/files/1" })
	return s
}

// show loads a page in the browser and returns its document, and the addresses that were fetched besides it: of its own host
// the path, of any other host all. All hosts are ours.
func show(t *testing.T, browser, policy, body string) (dom string, asked []string) {
	t.Helper()
	var mu sync.Mutex
	var own string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch u := strings.TrimPrefix(r.Host, own) + r.URL.String(); u {
		case "/page":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if policy != "" {
				w.Header().Set("Content-Security-Policy", policy)
			}
			fmt.Fprint(w, body)
		case "/favicon.ico":
		default:
			w.Header().Set("Cross-Origin-Resource-Policy", "same-origin") // as the API's answers have it
			asked = append(asked, u)
		}
	}))
	defer srv.Close()
	mu.Lock()
	own = strings.TrimPrefix(srv.URL, "http://")
	mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP * "+own, "--virtual-time-budget=3000", "--dump-dom", srv.URL+"/page").Output()
	if err != nil {
		t.Fatalf("%s: %v", browser, err)
	}
	mu.Lock()
	defer mu.Unlock()
	return string(out), slices.Compact(slices.Sorted(slices.Values(asked)))
}

// page shows pieces and reports, from a script that stands before them.
func page(pieces []string) string {
	var b strings.Builder
	b.WriteString(`<!doctype html><meta charset="utf-8"><script>
const ran = [];
window.alert = window.prompt = window.confirm = window.eval = x => { ran.push('alert ' + x); };
window.onerror = m => { ran.push('error ' + m); };
window.open = x => { ran.push('open ' + x); };
addEventListener('submit', e => { ran.push('submit'); e.preventDefault(); }, true);
addEventListener('click', e => { if (e.target.closest && e.target.closest('a[href]')) e.preventDefault(); }, true);
addEventListener('load', () => setTimeout(() => {
	const all = () => [...document.querySelectorAll('[data-vector] *')], elements = {}, attributes = {};
	const look = () => { for (const e of all()) {
		elements[e.localName + (e.namespaceURI.endsWith('xhtml') ? '' : ' foreign')] = 1;
		for (const a of e.attributes) attributes[a.name] = 1;
		if (e.localName == 'a' && !/^(https?|mailto|tel):$/.test(e.protocol)) ran.push('link ' + e.href);
		const s = getComputedStyle(e);
		if (s.position != 'static' || s.backgroundImage != 'none' || s.transform != 'none') ran.push('style of ' + e.outerHTML);
	} };
	look();
	for (const e of all()) {
		for (const type of ['click', 'mouseover', 'mouseenter', 'focus', 'pointerover', 'load', 'error', 'toggle', 'animationstart', 'beforetoggle'])
			e.dispatchEvent(new MouseEvent(type, {bubbles: type == 'click', cancelable: true}));
	}
	for (const e of document.querySelectorAll('[data-vector]')) { // as an editor or a reply would
		const before = e.innerHTML;
		e.innerHTML = before;
		if (e.innerHTML != before) ran.push('changed ' + before + ' to ' + e.innerHTML);
	}
	look();
	setTimeout(() => {
		const report = document.createElement('pre');
		report.id = 'report';
		report.textContent = JSON.stringify({Done: true, Ran: ran, Elements: elements, Attributes: attributes});
		document.body.append(report);
	}, 500);
}, 500));
</script><body>`)
	for i, s := range pieces {
		fmt.Fprintf(&b, "<div data-vector=%d>%s</div>\n", i, s)
	}
	return b.String()
}
