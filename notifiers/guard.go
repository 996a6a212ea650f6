package notifiers

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivateAddress is returned for a connection to an address that is not on the public internet.
var ErrPrivateAddress = errors.New("address is not public")

// Guard makes HTTP clients for requests that leave the house. Whatever name a URL gives, and
// whatever it resolves to at that moment, they connect to public addresses only; they follow no
// redirect, ask no proxy and read no environment. The zero value is the strict one.
type Guard struct {
	// AllowPrivate lets connections to private and loopback addresses through: for a provider that
	// the operator runs in their own network, and for tests and the demo.
	AllowPrivate bool
	Timeout      time.Duration // of a whole request with its answer; 0 is 10 s
	MaxAnswer    int64         // bytes of an answer's body that may be read; 0 is 1 MiB
}

// Dialer connects to where the guard allows, for protocols other than HTTP.
func (g Guard) Dialer() *net.Dialer {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	if !g.AllowPrivate {
		// Control runs after name resolution, on the address that is about to be connected to:
		// a name that resolves differently the second time gets no further (DNS rebinding).
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return refusePrivate(address) }
	}
	return dialer
}

// Client is an http.Client that keeps to the guard. Make one and share it.
func (g Guard) Client() *http.Client {
	dialer := g.Dialer()
	return &http.Client{
		Timeout: orElse(g.Timeout, 10*time.Second),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: limited{max: orElse(g.MaxAnswer, 1<<20), next: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        60 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		}},
	}
}

func orElse[T comparable](value, otherwise T) T {
	if value == *new(T) {
		return otherwise
	}
	return value
}

// notPublic are the blocks of the IANA special-purpose registries (RFC 6890) that netip has no
// method for. Those that embed an IPv4 address are here whole: nobody pages through them.
var notPublic = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", // the last with the broadcast address
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
	"3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

func refusePrivate(address string) error {
	hostport, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrPrivateAddress, address)
	}
	if !isPublic(hostport.Addr()) {
		return fmt.Errorf("%w: %s", ErrPrivateAddress, hostport.Addr())
	}
	return nil
}

func isPublic(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, block := range notPublic {
		if block.Contains(a) {
			return false
		}
	}
	return true
}

// limited refuses to read more than max bytes of an answer.
type limited struct {
	max  int64
	next http.RoundTripper
}

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = http.MaxBytesReader(nil, res.Body, l.max)
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport.
func (l limited) CloseIdleConnections() {
	if c, ok := l.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
