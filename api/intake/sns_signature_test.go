package intake

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// signingKey is SNS's, as far as tests go.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey { return newKey(2048) })

func newKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// aws is an AWS on loopback: whatever host is asked, this answers, with a certificate of an authority of its own.
type aws struct {
	client *http.Client
	asked  atomic.Int32 // connections that were wanted
	down   atomic.Bool  // it cannot be reached
	slow   chan struct{}

	mu      sync.Mutex
	files   map[string]string // what is at which path
	confirm []url.Values
	hosts   []string // that it proves to be
}

func newAWS(t testing.TB) *aws {
	t.Helper()
	a := &aws{files: map[string]string{}}
	signing, err := url.Parse(signingURL)
	if err != nil {
		t.Fatal(err)
	}
	a.files[signing.Path] = snsCertificate(t, nil)
	authority, leaf := issued(t, "sns.eu-central-1.amazonaws.com", "sns.us-gov-west-1.amazonaws.com")
	server := httptest.NewUnstartedServer(http.HandlerFunc(a.answer))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{leaf}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that break off are what is tested
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	a.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				a.asked.Add(1)
				if a.down.Load() {
					return nil, errors.New("no route to host")
				}
				return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
			},
		},
	}
	return a
}

func (a *aws) answer(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.URL.Query().Get("Action") == "ConfirmSubscription" {
		switch r.URL.Query().Get("Token") {
		case "late":
			w.WriteHeader(400)
		case "ill":
			w.WriteHeader(500)
		case "moved":
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		default:
			a.confirm = append(a.confirm, r.URL.Query())
		}
		return
	}
	file, ok := a.files[r.URL.Path]
	switch {
	case !ok:
		w.WriteHeader(404)
	case file == "ill":
		w.WriteHeader(502)
	case file == "moved":
		http.Redirect(w, r, "/elsewhere.pem", http.StatusMovedPermanently)
	default:
		fmt.Fprint(w, file)
	}
}

func (a *aws) confirmed() []url.Values {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.confirm
}

// put puts a file at a path.
func (a *aws) put(path, file string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files[path] = file
}

// snsCertificate is a certificate like SNS's, alone, as its files are; change makes another one of it.
func snsCertificate(t testing.TB, change func(c *x509.Certificate)) string {
	t.Helper()
	return certificateOf(t, signingKey(), change)
}

func certificateOf(t testing.TB, key crypto.Signer, change func(c *x509.Certificate)) string {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, DNSNames: []string{"sns.amazonaws.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// issued is a new authority, and a certificate that it gave to a server of these names.
func issued(t testing.TB, names ...string) (authority *x509.Certificate, leaf tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if authority, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	server := &x509.Certificate{SerialNumber: big.NewInt(3), DNSNames: names, NotBefore: root.NotBefore, NotAfter: root.NotAfter}
	if der, err = x509.CreateCertificate(rand.Reader, server, authority, key.Public(), key); err != nil {
		t.Fatal(err)
	}
	return authority, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// What is signed, as the developer guide has it.
func TestWhatSNSSigns(t *testing.T) {
	subject, none := "s", ""
	m := snsMessage{Message: "m\nn", MessageID: "i", Timestamp: "t", Token: "k", TopicArn: "a", SubscribeURL: "u"}
	for _, tt := range []struct {
		kind    string
		subject *string
		want    string
	}{
		{snsNotify, nil, "Message\nm\nn\nMessageId\ni\nTimestamp\nt\nTopicArn\na\nType\nNotification\n"},
		{snsNotify, &subject, "Message\nm\nn\nMessageId\ni\nSubject\ns\nTimestamp\nt\nTopicArn\na\nType\nNotification\n"},
		{snsNotify, &none, "Message\nm\nn\nMessageId\ni\nSubject\n\nTimestamp\nt\nTopicArn\na\nType\nNotification\n"},
		{snsSubscribe, nil, "Message\nm\nn\nMessageId\ni\nSubscribeURL\nu\nTimestamp\nt\nToken\nk\nTopicArn\na\nType\nSubscriptionConfirmation\n"},
		{snsUnsubscribe, &subject, "Message\nm\nn\nMessageId\ni\nSubscribeURL\nu\nTimestamp\nt\nToken\nk\nTopicArn\na\nType\nUnsubscribeConfirmation\n"},
	} {
		m.Type, m.Subject = tt.kind, tt.subject
		if got, ok := m.signed(); string(got) != tt.want || !ok {
			t.Errorf("%s: %q", tt.kind, got)
		}
	}
}

// S4: no spelling of a URL makes Rouse ask anybody but SNS.
func TestURLsThatAreNotOfSNS(t *testing.T) {
	const path = "/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"
	a := newAWS(t)
	c := newCertificates(a.client)
	hostile := []string{
		"", "x", "sns.eu-central-1.amazonaws.com" + path, "//sns.eu-central-1.amazonaws.com" + path, "file:///etc/passwd.pem", "https:" + path, "https://" + path,
		"https:sns.eu-central-1.amazonaws.com" + path, "javascript://sns.eu-central-1.amazonaws.com" + path, "data:,x.pem",
		"https://sns.eu-central-1.amazonaws.com%0d%0aX:" + path, "https://sns.eu-central-1.amazonaws.com\r\n" + path, "https://sns.eu-central-1.amazonaws.com\\@evil.example" + path,
		"https://sns.eu-central-1.amazonaws.com/%zz.pem", "https://[::1" + path,
	}
	for _, host := range []string{
		"sns.eu-central-1.amazonaws.com.evil.example", "sns.eu-central-1.amazonaws.com.", "evil.example", "sns.amazonaws.com.evil.example", "xsns.eu-central-1.amazonaws.com",
		"evil.example#sns.eu-central-1.amazonaws.com", "evil.example?sns.eu-central-1.amazonaws.com", "user@sns.eu-central-1.amazonaws.com", "user:secret@sns.eu-central-1.amazonaws.com",
		"@sns.eu-central-1.amazonaws.com", "sns.eu-central-1.amazonaws.com@evil.example", "sns.eu-central-1.amazonaws.com:443", "sns.eu-central-1.amazonaws.com:", "sns.eu-central-1.amazonaws.com:8443",
		"SNS.eu-central-1.amazonaws.com", "sns.eu-central-1.AMAZONAWS.com", "sns.eu-central-1.amazonaws.co", "sns.eu-central-1.amazonaws.com.cn.evil.example", "sns.eu-central-1.amazonaws.org",
		"sns.eu-central-1.amazonaws.cοm", "sns.eu-central-1.аmazonaws.com", "sns.eu‐central‐1.amazonaws.com", "ｓns.eu-central-1.amazonaws.com", "sns.eu-central-1.amazonaws。com",
		"sns.s3.amazonaws.com", "sns.s3-eu-west-1.amazonaws.com", "sns.s3.eu-west-1.amazonaws.com", "sns.s3-website-eu-west-1.amazonaws.com", "sns.compute-1.amazonaws.com", "sns.elb.amazonaws.com",
		"s3.amazonaws.com", "sns.evil.amazonaws.com", "evil.sns.eu-central-1.amazonaws.com", "sns.eu-central-1.evil.amazonaws.com", "sns..amazonaws.com", "sns.amazonaws.com", "sns.eu-central-1amazonaws.com",
		"sns.eu-central-1.amazonaws.com%2eevil.example", "sns.eu-central-1.amazonaws.com%00.evil.example", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "169.254.169.254", "metadata.google.internal",
		"sns.eu-central-1.amazonaws.com\t", " sns.eu-central-1.amazonaws.com", "sns.eu central-1.amazonaws.com", "sns.-eu-central-1.amazonaws.com", "sns.1.amazonaws.com",
	} {
		hostile = append(hostile, "https://"+host+path)
	}
	for _, path := range []string{"", "/", "/x", "/x.pem/", "/x.pem?x", "/x.pem?", "/x.pem#x", "/x.pem;x", "/../x.pem", "/a/x.pem", "/%2e%2e/x.pem", "/x%2epem", "/x.PEM", "/.pem", "//evil.example/x.pem", "/\\evil.example/x.pem",
		"/" + strings.Repeat("x", 101) + ".pem", "/?Action=x.pem"} {
		hostile = append(hostile, "https://sns.eu-central-1.amazonaws.com"+path)
	}
	hostile = append(hostile, "http://sns.eu-central-1.amazonaws.com"+path, "HTTP://sns.eu-central-1.amazonaws.com"+path, "ftp://sns.eu-central-1.amazonaws.com"+path)
	for _, given := range hostile {
		if _, err := c.key(t.Context(), given, time.Now()); !isForged(err) {
			t.Errorf("certificate from %q: %v", given, err)
		}
		if address, ok := subscribeURL(strings.Replace(given, path, "/?Action=ConfirmSubscription", 1)); ok {
			t.Errorf("a subscription is confirmed at %s", address)
		}
	}
	if n := a.asked.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	t.Logf("%d URLs", len(hostile))

	for _, host := range []string{"sns.eu-central-1.amazonaws.com", "sns.us-gov-west-1.amazonaws.com", "sns.cn-northwest-1.amazonaws.com.cn", "sns.ap-southeast-7.amazonaws.com", "sns.me-south-1.amazonaws.com",
		"sns.mx-central-1.amazonaws.com", "sns.il-central-1.amazonaws.com", "sns.eusc-de-east-1.amazonaws.eu"} {
		if address, ok := certificateURL("https://" + host + path); !ok || address != "https://"+host+path {
			t.Errorf("%s is not known", host)
		}
		if address, ok := subscribeURL("https://" + host + "/?Action=ConfirmSubscription&Token=a"); !ok || address != "https://"+host+"/?Action=ConfirmSubscription&Token=a" {
			t.Errorf("%s is not known: %s", host, address)
		}
	}
}

func isForged(err error) bool {
	_, ok := errors.AsType[forgedError](err)
	return ok
}

func TestCertificates(t *testing.T) {
	other := newKey(2048)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	named := func(names ...string) func(c *x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = names, "" }
	}
	for _, tt := range []struct {
		name, file, says string // says "" is right, "?" may be right later
	}{
		{"right", snsCertificate(t, nil), ""},
		{"of a region that one opts in to", snsCertificate(t, named("sns-signing.me-south-1.amazonaws.com")), ""},
		{"of a government", snsCertificate(t, named("sns-us-gov-west-1.amazonaws.com")), ""},
		{"of China", snsCertificate(t, named("sns-cn-north-1.amazonaws.com.cn")), ""},
		{"with a name as of old", snsCertificate(t, func(c *x509.Certificate) { c.DNSNames = nil }), ""},
		{"with another one behind", snsCertificate(t, nil) + snsCertificate(t, named("evil.example")), ""},
		{"over", snsCertificate(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "is valid from"},
		{"not yet", snsCertificate(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "is valid from"},
		{"of somebody", snsCertificate(t, named("evil.example")), "is not Amazon SNS's"},
		{"of somebody who says otherwise", snsCertificate(t, func(c *x509.Certificate) { c.DNSNames = []string{"evil.example"} }), "is not Amazon SNS's"},
		{"of another service", snsCertificate(t, named("sqs.amazonaws.com", "s3.amazonaws.com", "*.amazonaws.com", "sns.s3.amazonaws.com")), "is not Amazon SNS's"},
		{"of nobody", snsCertificate(t, named()), "is not Amazon SNS's"},
		{"with another key", certificateOf(t, other, nil), "The signature is not that"},
		{"with a short key", certificateOf(t, newKey(1024), nil), "no RSA key of at least 2048 bits"},
		{"with a key of another kind", certificateOf(t, p256, nil), "no RSA key of at least 2048 bits"},
		{"not PEM", "hello", "There is no certificate"},
		{"empty", "", "There is no certificate"},
		{"a key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), "There is no certificate"},
		{"not a certificate", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), "cannot be read"},
		{"large", strings.Repeat(" ", maxFetched) + snsCertificate(t, nil), "?"},
		{"ill", "ill", "?"},
		{"moved", "moved", "?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAWS(t)
			a.put("/"+strings.TrimPrefix(signingURL, "https://sns.eu-central-1.amazonaws.com/"), tt.file)
			a.put("/elsewhere.pem", snsCertificate(t, nil))
			err := bySNS(t, snsMessage{Message: "x"}).verify(t.Context(), newCertificates(a.client), time.Now())
			switch {
			case tt.says == "":
				if err != nil {
					t.Error(err)
				}
			case tt.says == "?":
				if err == nil || isForged(err) {
					t.Errorf("got %v", err)
				}
			case !isForged(err) || !strings.Contains(err.Error(), tt.says):
				t.Errorf("got %v", err)
			}
		})
	}
}

// A host that does not prove to be SNS's is not believed.
func TestHostWithoutProof(t *testing.T) {
	a := newAWS(t)
	c := newCertificates(a.client)
	m := bySNS(t, snsMessage{Message: "x", SigningCertURL: strings.Replace(signingURL, "eu-central-1", "eu-west-1", 1)}) // not in its certificate
	if err := m.verify(t.Context(), c, time.Now()); err == nil || isForged(err) {
		t.Errorf("got %v", err)
	}
	a.client.Transport.(*http.Transport).TLSClientConfig.RootCAs = x509.NewCertPool() // nobody knows its authority
	if err := bySNS(t, snsMessage{Message: "x"}).verify(t.Context(), newCertificates(a.client), time.Now()); err == nil || isForged(err) {
		t.Errorf("got %v", err)
	}
}

// The client that Rouse makes for itself connects to public addresses only.
func TestAWSAtAPrivateAddress(t *testing.T) {
	c := newCertificates(nil)
	if _, _, err := c.get(t.Context(), "https://127.0.0.1:1/x.pem"); err == nil || !strings.Contains(err.Error(), "refused by Rouse itself") {
		t.Errorf("got %v", err)
	}
}

func TestCertificatesAreKept(t *testing.T) {
	a := newAWS(t)
	c := newCertificates(a.client)
	now := time.Now()
	key := func(file string, now time.Time) error {
		_, err := c.key(t.Context(), "https://sns.eu-central-1.amazonaws.com/"+file+".pem", now)
		return err
	}
	a.put("/a.pem", snsCertificate(t, func(c *x509.Certificate) { c.NotAfter = now.Add(100 * time.Hour) }))
	wantAsked := func(what string, want int32) {
		t.Helper()
		a.client.CloseIdleConnections()
		if got := a.asked.Swap(0); got != want {
			t.Errorf("%s: %d connections, want %d", what, got, want)
		}
	}
	for range 3 {
		if err := key("a", now); err != nil {
			t.Fatal(err)
		}
	}
	wantAsked("asked three times", 1)
	if err := key("a", now.Add(certificateKept)); err != nil {
		t.Fatal(err)
	}
	wantAsked("a day later", 1)
	if err := key("a", now.Add(101*time.Hour)); !isForged(err) {
		t.Errorf("a certificate that is over counts: %v", err)
	}
	a.client.CloseIdleConnections()
	a.asked.Store(0)
	for range 3 {
		if err := key("none", now); !isForged(err) {
			t.Errorf("got %v", err)
		}
	}
	wantAsked("a file that is not there", 1)
	for i := range 2 * maxCertificates {
		if err := key(fmt.Sprint("x", i), now); !isForged(err) {
			t.Errorf("got %v", err)
		}
	}
	if len(c.known) > maxCertificates {
		t.Errorf("%d are kept", len(c.known))
	}
	a.client.CloseIdleConnections()
	a.asked.Store(0)
	if err := key("a", now); err != nil {
		t.Fatal(err)
	}
	wantAsked("what is kept long is not forgotten for what is not there", 0)
}

// While AWS cannot be reached, few requests wait for it, and what is known is used.
func TestAWSIsAway(t *testing.T) {
	a := newAWS(t)
	c := newCertificates(a.client)
	now := time.Now()
	const there, other = signingURL, "https://sns.eu-central-1.amazonaws.com/other.pem"
	if _, err := c.key(t.Context(), there, now); err != nil {
		t.Fatal(err)
	}
	a.down.Store(true)
	a.client.CloseIdleConnections()
	a.asked.Store(0)
	for range 5 {
		if _, err := c.key(t.Context(), other, now); err == nil || isForged(err) {
			t.Errorf("got %v", err)
		}
	}
	if n := a.asked.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if _, err := c.key(t.Context(), there, now); err != nil {
		t.Error(err)
	}
	c.turn <- struct{}{} // somebody tries it
	began := time.Now()
	if _, err := c.key(t.Context(), other, now.Add(fetchAgain)); !errors.Is(err, errAWSAway) || time.Since(began) > fetchWithin*4/5 {
		t.Errorf("it waits: %v", err)
	}
	<-c.turn
	a.down.Store(false)
	if _, err := c.key(t.Context(), other, now.Add(fetchAgain)); !isForged(err) {
		t.Errorf("AWS is not asked again: %v", err)
	}
	if !c.awayUntil().IsZero() {
		t.Error("nobody would wait for AWS, which is there")
	}
	c.turn <- struct{}{} // somebody asks
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.key(ctx, "https://sns.eu-central-1.amazonaws.com/third.pem", now.Add(fetchAgain)); !errors.Is(err, errAWSAway) {
		t.Errorf("it waits: %v", err)
	}
	<-c.turn
}
