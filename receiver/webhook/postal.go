package webhook

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"hash"
	"strings"
)

// postal is an HTTP endpoint of a Postal server: JSON or a form, the raw mail or parts of it. Format and signature are those of
// app/senders/http_sender.rb, app/lib/signer.rb and lib/postal/http.rb in github.com/postalserver/postal. By that code 2xx is taken, 5xx and what
// breaks off is tried again, 429 is given up in silence, and anything else is given up with a bounce; the page says that 5xx is given
// up at once, which is not so. A mail that we refuse is therefore taken, and never answered with 4xx: the bounce would go to whoever the
// sender claims to be. It waits five seconds, or what the endpoint's timeout says.
var postal = &Provider{
	Name: "postal", Title: "Postal", Docs: "https://docs.postalserver.io/developer/http-payloads",
	Signs:  true,
	Advice: `set the endpoint's format to "raw message": its other format leaves out most of the header, and the ids of pictures in the text`,
	Verify: verifyPostal, Read: readPostal,
}

// verifyPostal checks X-Postal-Signature-256 (RSA, PKCS #1 v1.5, SHA-256 of the body), or, where an older server sends none, X-Postal-Signature (SHA-1).
func verifyPostal(_ context.Context, t *Tools, h *Hook, r *Request) error {
	kind, sum, given := crypto.SHA256, hash.Hash(sha256.New()), r.Header.Get("X-Postal-Signature-256")
	if given == "" {
		kind, sum, given = crypto.SHA1, sha1.New(), r.Header.Get("X-Postal-Signature")
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(given))
	if err != nil || len(signature) == 0 {
		return &Unproven{"no header X-Postal-Signature-256 or X-Postal-Signature in base64"}
	}
	if err := copyBody(sum, r.Body); err != nil {
		return err
	}
	digest := sum.Sum(nil)
	t.step("signed are the %d bytes of the body, of %s %x; keys that are tried: %d", r.Body.Size(), kind, digest, len(h.Keys))
	problem := ""
	for _, key := range h.Keys {
		public, err := rsaKey(key)
		if err != nil {
			problem = "; " + err.Error()
			continue
		}
		if rsa.VerifyPKCS1v15(public, kind, digest, signature) == nil {
			return nil
		}
	}
	return &Unproven{"the signature fits none of the keys: the public key is that of the server's signing.key, which postal default-dkim-record prints" + problem}
}

// rsaKey reads a public key: PEM, base64 of its DER, or a DKIM record that has it (RFC 6376 section 3.6.1), as Postal prints it.
func rsaKey(s string) (*rsa.PublicKey, error) {
	der := []byte(nil)
	if block, _ := pem.Decode([]byte(s)); block != nil {
		der = block.Bytes
	} else {
		for tag := range strings.SplitSeq(s, ";") {
			if p, ok := strings.CutPrefix(strings.TrimSpace(tag), "p="); ok {
				s = p
			}
		}
		der, _ = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	}
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("a key is no RSA public key in PEM, base64 or a DKIM record")
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a key is a public key, but not of RSA")
	}
	return public, nil
}
