package safehtml_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
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
	browser := ""
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil && browser == "" {
			browser = path
		}
	}
	if browser == "" {
		t.Skip("no browser: apt-get install chromium-headless-shell")
	}
	t.Parallel()
	safe, raw := []string{}, []string{}
	for _, v := range vectors(t) {
		safe = append(safe, safehtml.Sanitize(v, safehtml.Options{File: file}).HTML)
		raw = append(raw, v)
	}
	if got := show(t, browser, raw[27:40]); len(got.Ran) == 0 || len(got.Asked) == 0 {
		t.Fatalf("vectors as they are: %+v: this test would see nothing", got)
	}
	got := show(t, browser, safe)
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

func show(t *testing.T, browser string, pieces []string) showing {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/page" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, page(pieces))
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/favicon.ico" && r.URL.Path != "/files/1" {
			asked = append(asked, r.Host+r.URL.String())
		}
	}))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP * "+strings.TrimPrefix(srv.URL, "http://"), "--virtual-time-budget=3000", "--dump-dom", srv.URL+"/page")
	cmd.Stderr = os.Stderr
	if !testing.Verbose() {
		cmd.Stderr = nil
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", browser, err)
	}
	_, report, _ := strings.Cut(string(out), "<pre id=\"report\">")
	report, _, _ = strings.Cut(report, "</pre>")
	var s showing
	if err := json.Unmarshal([]byte(html.UnescapeString(report)), &s); err != nil {
		t.Fatalf("the page says %q: %v", report, err)
	}
	mu.Lock()
	defer mu.Unlock()
	s.Asked = slices.Compact(slices.Sorted(slices.Values(asked)))
	return s
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
