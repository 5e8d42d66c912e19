package oauth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"time"

	"postern/internal/fault"
)

// serviceKey is the file that Google gives for a service account's key: docs.cloud.google.com/iam/docs/keys-create-delete.
type serviceKey struct {
	Type     string `json:"type"`
	Email    string `json:"client_email"`
	ID       string `json:"client_id"`
	KeyID    string `json:"private_key_id"`
	Key      string `json:"private_key"`
	TokenURI string `json:"token_uri"`

	rsa *rsa.PrivateKey
}

// tokenURIs are those that Google writes into such files. A file that names another would send a signed claim elsewhere.
var tokenURIs = []string{"https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token", "https://www.googleapis.com/oauth2/v4/token"}

// readServiceKey reads the file. Its errors show nothing of it.
func readServiceKey(text string) (*serviceKey, error) {
	bad := func(why string) (*serviceKey, error) {
		return nil, fault.Errorf(fault.Invalid, "service-account-file: %s: make a new key in Google Cloud console, IAM & Admin, Service Accounts, Keys, as JSON", why)
	}
	k := &serviceKey{}
	if err := json.Unmarshal([]byte(text), k); err != nil {
		return bad("it is not JSON")
	}
	if k.Type != "service_account" || k.Email == "" {
		return bad("it is not the key of a service account")
	}
	if k.TokenURI == "" {
		k.TokenURI = tokenURIs[0]
	}
	ok := false
	for _, u := range tokenURIs {
		ok = ok || u == k.TokenURI
	}
	if !ok {
		return nil, fault.Errorf(fault.Denied, "service-account-file: its token_uri leads to %s, which is not Google: the file was tampered with, or is not Google's", printable(host(k.TokenURI), 80))
	}
	block, _ := pem.Decode([]byte(k.Key))
	if block == nil {
		return bad("it has no private key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	private, isRSA := parsed.(*rsa.PrivateKey)
	if err != nil || !isRSA || private.N.BitLen() < 2048 {
		return bad("its private key is not an RSA key of 2048 bits or more")
	}
	k.rsa = private
	return k, nil
}

// serviceID is the number by which Google Workspace's administrators know a service account.
func (s *Source) serviceID() string {
	k := &serviceKey{}
	if s.o.ServiceKey == nil || json.Unmarshal([]byte(reveal(s.o.ServiceKey)), k) != nil {
		return ""
	}
	return printable(k.ID, 40)
}

// asServiceAccount asks for a token in the name of a user, by a claim that the service account's key signs: RFC 7523 section 2.1, and
// developers.google.com/identity/protocols/oauth2/service-account for what Google wants in it.
func (s *Source) asServiceAccount(ctx context.Context) (access, error) {
	k, err := readServiceKey(reveal(s.o.ServiceKey))
	if err != nil {
		return access{}, err
	}
	now := s.o.Now()
	claim, err := k.sign(map[string]any{
		"iss": k.Email, "sub": s.o.User, "scope": s.scope(), "aud": k.TokenURI, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return access{}, err
	}
	a, err := s.post(ctx, k.TokenURI, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {claim}})
	if err != nil {
		return access{}, err
	}
	return s.access(a), nil
}

// sign makes a JSON Web Token by RS256: RFC 7515 section 3.1, RFC 7518 section 3.3.
func (k *serviceKey) sign(claims map[string]any) (string, error) {
	head, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": k.KeyID})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, k.rsa, crypto.SHA256, sum[:])
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "service-account-file: its key cannot sign: %w", err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}
