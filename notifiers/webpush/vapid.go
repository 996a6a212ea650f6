package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	tokenLife  = 12 * time.Hour // at most 24 h, RFC 8292 §2
	tokenRenew = time.Hour      // before its end
)

// NewKey makes the key pair that a push service knows this Rouse by, in PKCS #8. Browsers subscribe with its
// public half, so whoever loses it has to have everybody subscribe again.
func NewKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("webpush: making a key: %w", err)
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

// ParseKey reads what NewKey made.
func ParseKey(der []byte) (*ecdsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("webpush: the key is not one of P-256 in PKCS #8")
	}
	return key, nil
}

// identity signs for push services (RFC 8292). A token serves one push service for half a day.
type identity struct {
	key     *ecdsa.PrivateKey
	public  string // in base64url
	subject string

	mu     sync.Mutex
	tokens map[string]token // by the origin of the push service
}

type token struct {
	header string
	ends   time.Time
}

func newIdentity(key *ecdsa.PrivateKey, subject string) (*identity, error) {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	return &identity{key: key, public: b64.EncodeToString(point), subject: subject, tokens: map[string]token{}}, nil
}

const maxTokens = 64 // push services; there are four or five

// authorization is the header that shows a push service who sends.
func (i *identity) authorization(origin string, now time.Time) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if t, ok := i.tokens[origin]; ok && t.ends.Sub(now) > tokenRenew && t.ends.Sub(now) <= tokenLife {
		return t.header, nil
	}
	ends := now.Add(tokenLife)
	claims, err := json.Marshal(map[string]any{"aud": origin, "exp": ends.Unix(), "sub": i.subject})
	if err != nil {
		return "", err
	}
	signed := b64.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + b64.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	signature := make([]byte, 64) // r and s, RFC 7518 §3.4
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	if len(i.tokens) >= maxTokens {
		clear(i.tokens)
	}
	header := "vapid t=" + signed + "." + b64.EncodeToString(signature) + ", k=" + i.public
	i.tokens[origin] = token{header, ends}
	return header, nil
}
