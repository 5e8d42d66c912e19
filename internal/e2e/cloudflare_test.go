package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// The example's configuration takes what its worker posts. (The worker itself is run in receiver/webhook.)
func TestExampleCloudflare(t *testing.T) {
	t.Parallel()
	dir := example(t, "cloudflare", "127.0.0.1:8025", freeAddress(t))
	exampleSecrets(t, dir)
	secret := strings.TrimSpace(read(t, filepath.Join(dir, "cloudflare-secret")))
	s := serveIn(t, dir)
	post := func(secret, to string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("/hooks/cloudflare/support"), strings.NewReader(string(umlauts("cloudflare"))))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Authorization": {"Bearer " + secret}, "Content-Type": {"message/rfc822"}, "X-Envelope-From": {"juergen%40firma.example"}, "X-Envelope-To": {to}}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for range 2 { // Cloudflare's second try meets the first
		if got := post(secret, "support%2Bx%40help.example.com"); got != 200 {
			t.Errorf("got %d", got)
		}
	}
	if got := post(secret+"x", "support%40help.example.com"); got != 401 {
		t.Errorf("with another secret: got %d", got)
	}
	if all := s.issues(); len(all) != 1 || all[0].Subject != "Bestätigung für München" || all[0].Requester.Name != "Jürgen Größe" {
		t.Errorf("issues %+v", all)
	}
}
