package intake

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // of SignatureVersion 1, SNS's default
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"rouse/notifiers"
)

// snsMessage is what SNS sends over HTTPS. Source: the pages on HTTP endpoints and on verifying signatures in
// the developer guide (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
type snsMessage struct {
	Type             string
	MessageID        string `json:"MessageId"`
	TopicArn         string
	Subject          *string // nil if there is none
	Message          string
	Timestamp        string
	Token            string // of the confirmations
	SubscribeURL     string // of the confirmations
	SignatureVersion string
	Signature        string
	SigningCertURL   string
}

// The types.
const (
	snsNotify      = "Notification"
	snsSubscribe   = "SubscriptionConfirmation"
	snsUnsubscribe = "UnsubscribeConfirmation"
)

// signed is what a message is signed as: some of its fields, each name and each value a line of its own. Nothing
// else of a message is to be believed. false if there is no such type.
func (m snsMessage) signed() ([]byte, bool) {
	var b strings.Builder
	line := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	line("Message", m.Message)
	line("MessageId", m.MessageID)
	switch m.Type {
	case snsNotify:
		if m.Subject != nil {
			line("Subject", *m.Subject)
		}
	case snsSubscribe, snsUnsubscribe:
		line("SubscribeURL", m.SubscribeURL)
	default:
		return nil, false
	}
	line("Timestamp", m.Timestamp)
	if m.Type != snsNotify {
		line("Token", m.Token)
	}
	line("TopicArn", m.TopicArn)
	line("Type", m.Type)
	return []byte(b.String()), true
}

// verify checks that SNS signed the message: RSA with PKCS #1 v1.5, over SHA-1 (version 1) or SHA-256
// (version 2). The error is a forgedError, or another one if that cannot be told just now.
func (m snsMessage) verify(ctx context.Context, c *certificates, now time.Time) error {
	text, ok := m.signed()
	if !ok {
		return errNotSNS
	}
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil || len(signature) == 0 {
		return forged("The message is not signed: it has no Signature in Base64.")
	}
	method, digest := crypto.SHA1, sha1.Sum(text)
	sum := digest[:]
	switch m.SignatureVersion {
	case "1":
	case "2":
		digest := sha256.Sum256(text)
		method, sum = crypto.SHA256, digest[:]
	default:
		return forged("SignatureVersion is neither 1 nor 2.")
	}
	key, err := c.key(ctx, m.SigningCertURL, now)
	if err != nil {
		return err
	}
	if rsa.VerifyPKCS1v15(key, method, sum, signature) != nil {
		return forged("The signature is not that of the message.")
	}
	return nil
}

// Amazon's names. A region ends in a number and begins with letters, which keeps buckets out: the S3 bucket "sns"
// is at sns.s3.amazonaws.com and sns.s3-eu-west-1.amazonaws.com, and is somebody's.
const (
	region = `[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}`
	amazon = `\.amazonaws\.(?:com|com\.cn|eu)`
)

var (
	snsHost = regexp.MustCompile(`^sns\.` + region + amazon + `$`)
	snsFile = regexp.MustCompile(`^/[A-Za-z0-9_-]{1,100}\.pem$`)

	// snsName is whose certificates SNS signs with: sns.amazonaws.com in most regions,
	// sns-signing.me-south-1.amazonaws.com in those that one has to opt in to, sns-us-gov-west-1.amazonaws.com.
	snsName = regexp.MustCompile(`^sns(?:-signing)?(?:[.-]` + region + `)?` + amazon + `$`)
)

// isSNS tells whether a URL leads to SNS: https, to one of its hosts, and nothing beside that a client and we
// might read differently.
func isSNS(u *url.URL) bool {
	return u.Scheme == "https" && u.Opaque == "" && u.User == nil && u.Fragment == "" && snsHost.MatchString(u.Host)
}

// certificateURL is where a certificate is; false if that is not at SNS.
func certificateURL(given string) (address string, ok bool) {
	u, err := url.Parse(given)
	if err != nil || !isSNS(u) || u.RawQuery != "" || u.ForceQuery || u.RawPath != "" || !snsFile.MatchString(u.Path) {
		return "", false
	}
	return "https://" + u.Host + u.Path, true
}

// Limits of what is fetched from AWS.
const (
	maxCertificates = 32               // that are kept; SNS has about one for each region
	fetchWithin     = 5 * time.Second  // for a whole request
	maxFetched      = 64 << 10         // bytes of an answer
	fetchAgain      = 5 * time.Second  // after AWS could not be reached
	minKey          = 2048             // bits
	certificateKept = 24 * time.Hour   // a certificate; then it is fetched again
	missingKept     = 30 * time.Second // that there is none
)

// certificates fetches the certificates that SNS signs with, one at a time, and keeps them.
//
// The files hold the certificate alone, without the one of its issuer, so no chain to a root can be built from
// them. That they are SNS's is known from where they are: the host is one of SNS's, which its own certificate
// proves to the client, up to a root of this system. Beside that the name, the time and the key must be right.
type certificates struct {
	client *http.Client
	turn   chan struct{} // whoever has it fetches

	mu    sync.Mutex
	known map[string]certificate // by address
	away  time.Time              // until then AWS is not asked; zero: it could be reached
}

// certificate is what was found at an address.
type certificate struct {
	of    *x509.Certificate
	none  error     // why there is none
	until time.Time // kept
}

// newCertificates makes one; a nil client connects to public addresses only, and follows no redirect.
func newCertificates(client *http.Client) *certificates {
	if client == nil {
		client = notifiers.Guard{Timeout: fetchWithin, MaxAnswer: maxFetched}.Client()
	}
	return &certificates{client: client, turn: make(chan struct{}, 1), known: map[string]certificate{}}
}

// key is the public key of the certificate at a URL, at a time when it is valid. The error is a forgedError if
// SNS has no such certificate.
func (c *certificates) key(ctx context.Context, given string, now time.Time) (*rsa.PublicKey, error) {
	address, ok := certificateURL(given)
	if !ok {
		return nil, forged("SigningCertURL does not lead to a certificate at Amazon SNS.")
	}
	found, ok := c.recall(address, now)
	if !ok {
		var err error
		if found, err = c.look(ctx, address, now); err != nil {
			return nil, fmt.Errorf("fetching %s: %w", address, err)
		}
	}
	if found.none != nil {
		return nil, found.none
	}
	if now.Before(found.of.NotBefore) || now.After(found.of.NotAfter) {
		return nil, forged("The certificate at SigningCertURL is valid from %s to %s only.", found.of.NotBefore.Format(time.DateOnly), found.of.NotAfter.Format(time.DateOnly))
	}
	return found.of.PublicKey.(*rsa.PublicKey), nil // readCertificate takes no other
}

// recall is what is known of an address.
func (c *certificates) recall(address string, now time.Time) (certificate, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.known[address]
	return found, ok && now.Before(found.until)
}

// look fetches what is at an address, unless somebody else has just done that, or AWS could not be reached a
// moment ago.
func (c *certificates) look(ctx context.Context, address string, now time.Time) (certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	if !c.takeTurn(ctx) {
		return certificate{}, errAWSAway
	}
	defer func() { <-c.turn }()
	if found, ok := c.recall(address, now); ok {
		return found, nil
	}
	if now.Before(c.awayUntil()) {
		return certificate{}, errAWSAway
	}
	status, file, err := c.get(ctx, address)
	if err == nil && status != http.StatusOK && !gone(status) {
		err = fmt.Errorf("AWS answered %d", status)
	}
	if err != nil {
		c.setAway(now.Add(fetchAgain))
		return certificate{}, err
	}
	c.setAway(time.Time{})
	found := certificate{until: now.Add(missingKept), none: forged("There is no certificate at SigningCertURL.")}
	if status == http.StatusOK {
		if found.of, found.none = readCertificate(file); found.none == nil {
			found.until = now.Add(certificateKept)
		}
	}
	c.keep(address, found)
	return found, nil
}

var errAWSAway = errors.New("AWS could not be reached a moment ago")

// gone tells an answer that will not be another one if it is asked for again.
func gone(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout
}

// takeTurn waits until nobody else fetches. While AWS cannot be reached it does not wait: many requests that
// wait would keep others from being taken in.
func (c *certificates) takeTurn(ctx context.Context) bool {
	select {
	case c.turn <- struct{}{}:
		return true
	default:
	}
	if !c.awayUntil().IsZero() {
		return false
	}
	select {
	case c.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// awayUntil is zero when AWS could be reached the last time.
func (c *certificates) awayUntil() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}

func (c *certificates) setAway(until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = until
}

// keep remembers what was found, and forgets for that what would be forgotten first.
func (c *certificates) keep(address string, found certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.known) >= maxCertificates {
		var oldest string
		for a, k := range c.known {
			if oldest == "" || k.until.Before(c.known[oldest].until) {
				oldest = a
			}
		}
		delete(c.known, oldest)
	}
	c.known[address] = found
}

// get asks AWS for something that the caller has found to be SNS's.
func (c *certificates) get(ctx context.Context, address string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	answer, err := notifiers.Do(c.client, "AWS", r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxFetched+1))
	if err == nil && len(body) > maxFetched {
		err = fmt.Errorf("the answer is longer than %d bytes", maxFetched)
	}
	return answer.StatusCode, body, err
}

// readCertificate reads the first certificate of a PEM file. The error is a forgedError.
func readCertificate(file []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(file)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, forged("There is no certificate at SigningCertURL.")
	}
	of, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, forged("The certificate at SigningCertURL cannot be read.")
	}
	names := of.DNSNames
	if len(names) == 0 {
		names = []string{of.Subject.CommonName}
	}
	for _, name := range names {
		if snsName.MatchString(name) {
			if key, ok := of.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() < minKey {
				return nil, forged("The certificate at SigningCertURL has no RSA key of at least %d bits.", minKey)
			}
			return of, nil
		}
	}
	return nil, forged("The certificate at SigningCertURL is not Amazon SNS's.")
}
