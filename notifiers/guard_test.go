package notifiers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// S4: addresses that are not on the public internet, in every notation that reaches a dialler.
func TestGuardKnowsWhatIsPublic(t *testing.T) {
	for _, private := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
		"192.168.0.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:0", "::ffff:100.64.0.1", "::ffff:198.18.0.1", "fc00::1", "fd00:ec2::254",
		"fe80::1", "fe80::1%lo", "febf::1", "fec0::1", "ff02::1", "ff0e::1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1",
		"2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1",
	} {
		if isPublic(netip.MustParseAddr(private)) {
			t.Errorf("%s passes for public", private)
		}
	}
	for _, public := range []string{"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450::1"} {
		if !isPublic(netip.MustParseAddr(public)) {
			t.Errorf("%s does not pass for public", public)
		}
	}
	for _, nonsense := range []string{"", "localhost:80", "/run/socket", "127.0.0.1"} {
		if refusePrivate(nonsense) == nil {
			t.Errorf("%q passes", nonsense)
		}
	}
}

// S4: no spelling of a URL leads to a server on loopback.
func TestGuardConnectsToNothingPrivate(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	client := Guard{Timeout: 2 * time.Second}.Client()
	for _, host := range []string{
		"127.0.0.1", "localhost", "0.0.0.0", "0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::]", "user@127.0.0.1", "127.0.0.1.", "①②⑦.⓪.⓪.①", "LOCALHOST",
	} {
		res, err := client.Get("http://" + host + port + "/")
		if err == nil {
			_ = res.Body.Close()
			t.Errorf("%s answered", host)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestGuardFollowsNoRedirectAndReadsNoMoreThanItMust(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 2000))
	}))
	defer server.Close()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	client := Guard{AllowPrivate: true, MaxAnswer: 1000}.Client()
	res, err := client.Get(server.URL + "/away")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusFound {
		t.Errorf("status %d, want the redirect itself", res.StatusCode)
	}
	if res, err = client.Get(server.URL); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil || len(b) > 1000 {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
}

func TestDoTellsWhetherAnythingWasSent(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer silent.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, c := range []struct {
		url    string
		guard  Guard
		kind   Kind
		detail string
	}{
		{closed.URL, Guard{AllowPrivate: true}, Passing, "could not connect"},
		{silent.URL, Guard{AllowPrivate: true}, Unknown, "no answer in time"},
		{silent.URL, Guard{}, Passing, "allow private addresses"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/?secret=s3cret", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Do(c.guard.Client(), "test", req)
		cancel()
		f, ok := errors.AsType[*Failure](err)
		if !ok || f.Kind != c.kind || !strings.Contains(f.Detail, c.detail) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v, want %s %s", err, c.kind, c.detail)
		}
	}
}
