package notifiers

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// There are two guards. Addresses that users, browsers and senders give (a webhook, a browser's endpoint, a
// gateway, what Amazon SNS wants to be asked) are reached by ForUsers: 5 s and 64 KiB. Providers that the
// operator set up in Rouse's own settings are reached by the zero value: 10 s and 1 MiB, as a lookup at a
// provider takes longer and tells more. In all else they are alike. Whoever reads an answer shows nothing of
// it to whoever gave the address.

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

// ForUsers is the guard for addresses that somebody else than the operator gives.
func (g Guard) ForUsers() Guard {
	g.Timeout, g.MaxAnswer = 5*time.Second, 64<<10
	return g
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
func (g Guard) Client() *http.Client { return g.clientOver(g.Dialer()) }

func (g Guard) clientOver(dialer *net.Dialer) *http.Client {
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
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// globalIPv6 is all of IPv6 that is given out; what lies outside reaches IPv4 addresses in a dozen ways.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

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
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !globalIPv6.Contains(a) {
		return false
	}
	for _, block := range notPublic {
		if block.Contains(a) {
			return false
		}
	}
	return true
}

// CheckURL says what is wrong with an address that somebody gives to be asked later, as far as its text shows
// it, so that they hear of it at once. It looks no name up: that is for the moment of connecting, which alone
// keeps requests in.
func (g Guard) CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("is no web address; give one such as https://example.com/x")
	case u.User != nil:
		return errors.New("has a user name or password in it; give it without")
	case g.AllowPrivate && (u.Scheme == "http" || u.Scheme == "https"):
		return nil
	case u.Scheme != "https":
		return errors.New("does not begin with https://; give it so")
	case !isPublicName(u.Hostname()):
		return errors.New("leads to a private address; give one on the public internet")
	}
	return nil
}

// isPublicName reports whether a host's name may lead to the public internet: an address that is public, or
// labels of ASCII, at least two, of which the last is no number and none of those that are never public
// (RFC 6761, 6762, 8375, and ICANN's "internal").
func isPublicName(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return isPublic(a)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !publicName.MatchString(host) || strings.HasSuffix(host, ".home.arpa") {
		return false
	}
	switch host[strings.LastIndexByte(host, '.')+1:] {
	case "localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "invalid", "test":
		return false
	}
	return true
}

// publicName wants a letter at the beginning of the last label: 127.1, 0x7f.1 and 2130706433 are addresses to
// some resolvers.
var publicName = regexp.MustCompile(`^([a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}$`)

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
