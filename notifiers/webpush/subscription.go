package webpush

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Subscription is a browser that pushes can be sent to.
type Subscription struct {
	endpoint string
	origin   string // of the endpoint
	key      *ecdh.PublicKey
	auth     []byte
}

const maxEndpoint = 1024 // bytes; the longest known are of about 500

// NewSubscription checks what PushSubscription.toJSON gives in a browser: the endpoint, and p256dh and
// auth of its keys in base64url.
func NewSubscription(endpoint, p256dh, auth string) (s Subscription, err error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(endpoint) > maxEndpoint {
		return s, fmt.Errorf("endpoint is not the address of a push service: https and at most %d bytes", maxEndpoint)
	}
	point, err := decode(p256dh)
	if err == nil {
		s.key, err = ecdh.P256().NewPublicKey(point)
	}
	if err != nil {
		return s, errors.New("p256dh is not a point of P-256 in base64url")
	}
	if s.auth, err = decode(auth); err != nil || len(s.auth) != 16 {
		return s, errors.New("auth is not 16 bytes in base64url")
	}
	s.endpoint, s.origin = endpoint, u.Scheme+"://"+u.Host
	return s, nil
}

// ParseSubscription reads what String wrote.
func ParseSubscription(address string) (Subscription, error) {
	endpoint, keys, _ := strings.Cut(address, "#")
	p256dh, auth, _ := strings.Cut(keys, ".")
	return NewSubscription(endpoint, p256dh, auth)
}

// String is the subscription as a contact's address: the endpoint with both keys behind a "#".
func (s Subscription) String() string {
	return s.endpoint + "#" + b64.EncodeToString(s.key.Bytes()) + "." + b64.EncodeToString(s.auth)
}

// Service is the push service's host, the part that may be shown.
func (s Subscription) Service() string {
	_, host, _ := strings.Cut(s.origin, "://")
	return host
}

// Equal reports whether both are the same browser's.
func (s Subscription) Equal(o Subscription) bool {
	return s.endpoint == o.endpoint && bytes.Equal(s.key.Bytes(), o.key.Bytes())
}

var b64 = base64.RawURLEncoding

// decode takes base64url with and without padding.
func decode(text string) ([]byte, error) { return b64.DecodeString(strings.TrimRight(text, "=")) }
