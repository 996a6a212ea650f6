package notifiers

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// trap listens on one port of 127.0.0.1, and of ::1 where there is one, and counts who connects.
type trap struct {
	port        string
	connections atomic.Int32
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	x := &trap{}
	first, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, x.port, _ = net.SplitHostPort(first.Addr().String())
	all := []net.Listener{first}
	if second, err := net.Listen("tcp6", "[::1]:"+x.port); err == nil {
		all = append(all, second)
	}
	for _, l := range all {
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for c, err := l.Accept(); err == nil; c, err = l.Accept() {
				x.connections.Add(1)
				_ = c.Close()
			}
		}()
	}
	return x
}

// bypasses are hosts that have led requests of other programs to servers behind them. {port} is the trap's.
var bypasses = []string{
	// 127.0.0.1 in other words
	"127.0.0.1:{port}", "127.1:{port}", "127.0.1:{port}", "127.127.127.127:{port}", "2130706433:{port}", "017700000001:{port}",
	"0x7f000001:{port}", "0x7f.0x0.0x0.0x1:{port}", "0177.0.0.1:{port}", "0177.0000.0000.0001:{port}", "127.0.0.0x1:{port}",
	"0x7F.1:{port}", "127.0.0.01:{port}", "127.0.0.1.:{port}", "127.0.0.1..:{port}", "4294967295:{port}", "425.510.425.510:{port}",
	// nothing, and everything
	"0:{port}", "0.0.0.0:{port}", "0x0:{port}", "00000:{port}", "[::]:{port}", "[0:0:0:0:0:0:0:0]:{port}", ":{port}",
	// IPv6
	"[::1]:{port}", "[0:0:0:0:0:0:0:1]:{port}", "[0000::0001]:{port}", "[::1%25lo]:{port}", "[::1%25eth0]:{port}", "[fe80::1%25lo]:{port}",
	"[::ffff:127.0.0.1]:{port}", "[::ffff:7f00:1]:{port}", "[0:0:0:0:0:ffff:127.0.0.1]:{port}", "[::ffff:0:127.0.0.1]:{port}",
	"[::127.0.0.1]:{port}", "[64:ff9b::7f00:1]:{port}", "[64:ff9b::127.0.0.1]:{port}", "[64:ff9b:1::7f00:1]:{port}",
	"[2002:7f00:1::]:{port}", "[2001:0:7f00:1::80ff:fffe]:{port}", "[2001::7f00:1]:{port}", "[fec0::1]:{port}", "[fd00:ec2::254]:{port}",
	// the addresses where clouds tell their secrets
	"169.254.169.254:{port}", "[::ffff:169.254.169.254]:{port}", "2852039166:{port}", "0xa9fea9fe:{port}", "100.100.100.200:{port}", "192.0.0.192:{port}",
	// names; all lead to 127.0.0.1 and ::1 here
	"localhost:{port}", "LOCALHOST:{port}", "localhost.:{port}", "localhost.localdomain:{port}", "ip6-localhost:{port}", "a.localhost:{port}",
	"127.0.0.1.nip.io:{port}", "localtest.me:{port}", "metadata.google.internal:{port}", "metadata:{port}",
	// who seems to be the host
	"example.com@127.0.0.1:{port}", "8.8.8.8:80@127.0.0.1:{port}", "example.com:443@localhost:{port}", "example.com%2f@127.0.0.1:{port}",
	"127.0.0.1:{port}#@example.com", "127.0.0.1:{port}?@example.com", "127.0.0.1:{port}\\@example.com", "127.0.0.1:0{port}", "127.0.0.1:+{port}",
	// other letters
	"①②⑦.⓪.⓪.①:{port}", "１２７．０．０．１:{port}", "127。0。0。1:{port}", "127｡0｡0｡1:{port}", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}", "ｌｏｃａｌｈｏｓｔ:{port}", "loc\u00adalhost:{port}",
	"127.0.0.1\u200b:{port}", "%31%32%37.0.0.1:{port}", "127.0.0.1%00.example.com:{port}", "127.0.0.1\t:{port}", "127.0.0.1%0d%0a:{port}",
}

// S4: however an address is spelt, and whatever the environment says, nothing on loopback is connected to.
func TestNoBypassOfTheGuardConnects(t *testing.T) {
	x := newTrap(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:"+x.port)
	}
	t.Setenv("NO_PROXY", "")
	dialer, passed := stopsShort(Guard{}.Dialer(), loopback)
	dialer.Resolver = newNames(t).resolver()
	strict, client := Guard{}, Guard{}.ForUsers().clientOver(dialer)
	tried := 0
	for _, bypass := range bypasses {
		for _, scheme := range []string{"http", "https"} {
			address := scheme + "://" + strings.ReplaceAll(bypass, "{port}", x.port) + "/x"
			tried++
			if res, err := client.Get(address); err == nil {
				_ = res.Body.Close()
				t.Errorf("%q was answered", address)
			}
			// What a text can show is refused when it is given. These two show nothing: only connecting does.
			shows := !strings.Contains(bypass, "nip.io") && !strings.Contains(bypass, "localtest.me")
			if strict.CheckURL(address) == nil && (shows || scheme == "http") {
				t.Errorf("%q may be given", address)
			}
		}
	}
	if len(bypasses) < 60 {
		t.Errorf("only %d bypasses", len(bypasses))
	}
	if n := x.connections.Load(); n != 0 || len(passed()) != 0 {
		t.Errorf("%d connections to loopback; past the guard came %v", n, passed())
	}
	t.Logf("%d bypass strings, %d addresses: %d connections", len(bypasses), tried, x.connections.Load())
}

// A proxy of the environment is not asked for public addresses either: it would connect to whatever it likes.
func TestGuardAsksNoProxy(t *testing.T) {
	x := newTrap(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "http://127.0.0.1:"+x.port)
	}
	dialer, passed := stopsShort(Guard{AllowPrivate: true}.Dialer(), nil)
	for _, scheme := range []string{"http", "https"} {
		_, err := Guard{}.clientOver(dialer).Get(scheme + "://8.8.8.8/")
		if !errors.Is(err, errStopped) || x.connections.Load() != 0 {
			t.Errorf("%s: %v, %d connections to the proxy", scheme, err, x.connections.Load())
		}
	}
	if got := passed(); len(got) != 2 || got[0] != "8.8.8.8:80" || got[1] != "8.8.8.8:443" {
		t.Errorf("it would have connected to %v", got)
	}
}

// A name that is public when it is looked at and private when it is connected to (DNS rebinding).
func TestRebindingReachesNothing(t *testing.T) {
	x, names := newTrap(t), newNames(t)
	dialer, passed := stopsShort(Guard{}.Dialer(), loopback)
	dialer.Resolver = names.resolver()
	client := Guard{}.ForUsers().clientOver(dialer)
	const tries = 100
	for i := range tries {
		names.answer(netip.MustParseAddr("8.8.8.8"))
		if i%2 == 1 { // both at once: whichever is tried second must be looked at, too
			names.answer(netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("127.0.0.1"))
		}
		for range 2 {
			if _, err := client.Get("http://rebind.example.com:" + x.port + "/"); err == nil {
				t.Fatal("it was answered")
			}
			names.answer(netip.MustParseAddr("127.0.0.1"))
		}
	}
	for _, address := range passed() {
		if !strings.HasPrefix(address, "8.8.8.8:") {
			t.Errorf("it would have connected to %s", address)
		}
	}
	if n := x.connections.Load(); n != 0 || len(passed()) != tries || names.asked.Load() < 2*tries {
		t.Errorf("%d connections to loopback, %d times past the guard, %d lookups", n, len(passed()), names.asked.Load())
	}
	t.Logf("%d rebindings, %d lookups: %d connections", tries, names.asked.Load(), x.connections.Load())
}

// A server that is allowed leads nowhere else.
func TestGuardIsNotLedOn(t *testing.T) {
	x := newTrap(t)
	status := http.StatusFound
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://127.0.0.1:"+x.port+"/")
		w.Header().Set("Refresh", "0; url=http://127.0.0.1:"+x.port+"/")
		w.Header().Set("Alt-Svc", `h2="127.0.0.1:`+x.port+`"; ma=60`)
		w.WriteHeader(status)
	}))
	defer server.Close()
	client := Guard{AllowPrivate: true}.ForUsers().Client()
	for _, status = range []int{200, 201, 300, 301, 302, 303, 305, 307, 308} {
		res, err := client.Post(server.URL, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != status {
			t.Errorf("status %d, want %d itself", res.StatusCode, status)
		}
	}
	if n := x.connections.Load(); n != 0 {
		t.Errorf("it was led on %d times", n)
	}
}

// What users give is asked for 5 s and read up to 64 KiB, also of what unpacks to more.
func TestLimitsForUsers(t *testing.T) {
	g := Guard{AllowPrivate: true}.ForUsers()
	if c := g.Client(); c.Timeout != 5*time.Second || g.MaxAnswer != 64<<10 {
		t.Errorf("%s and %d bytes", c.Timeout, g.MaxAnswer)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	}))
	defer server.Close()
	res, err := g.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil || len(b) > 64<<10 {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
}

func TestAddressesThatMayBeGiven(t *testing.T) {
	for _, good := range []string{"https://fcm.googleapis.com/fcm/send/x", "https://updates.push.services.mozilla.com/wpush/v2/x", "https://web.push.apple.com/x",
		"https://example.com:8443/x?y=z", "https://8.8.8.8/", "https://[2606:4700::1111]/", "https://xn--bcher-kva.example.com./x"} {
		if err := (Guard{}).CheckURL(good); err != nil {
			t.Errorf("%s %v", good, err)
		}
	}
	for bad, word := range map[string]string{"": "no web address", "https://": "no web address", "http://example.com/": "https", "ftp://example.com/": "https",
		"https://u:p@example.com/": "password", "https://10.0.0.1/": "private", "https://push.corp/": "private", "https://push.home.arpa/": "private"} {
		if err := (Guard{}).CheckURL(bad); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want it to name %s", bad, err, word)
		}
	}
	if err := (Guard{AllowPrivate: true}).CheckURL("http://127.0.0.1:8080/x"); err != nil {
		t.Errorf("a private address that is allowed %v", err)
	}
}

var errStopped = errors.New("the test goes no further")

func loopback(a netip.Addr) bool { return a.Unmap().IsLoopback() || a.IsUnspecified() }

// stopsShort has a dialer connect to nothing but what goes on, so that no test leaves this machine, and tells what came
// past its guard. A nil goesOn stops all.
func stopsShort(dialer *net.Dialer, goesOn func(netip.Addr) bool) (_ *net.Dialer, passed func() []string) {
	var mu sync.Mutex
	var addresses []string
	guard := dialer.Control
	dialer.Control = func(network, address string, c syscall.RawConn) error {
		if guard != nil {
			if err := guard(network, address, c); err != nil {
				return err
			}
		}
		mu.Lock()
		defer mu.Unlock()
		addresses = append(addresses, address)
		if to, err := netip.ParseAddrPort(address); goesOn != nil && err == nil && goesOn(to.Addr()) {
			return nil
		}
		return errStopped
	}
	return dialer, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return addresses
	}
}

// names is a DNS server on loopback. Every name leads to 127.0.0.1 and ::1 until it is told otherwise.
type names struct {
	conn  net.PacketConn
	asked atomic.Int32
	mu    sync.Mutex
	lead  []netip.Addr
}

func newNames(t *testing.T) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	n := &names{conn: conn, lead: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}}
	go n.serve()
	return n
}

func (n *names) answer(addresses ...netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lead = addresses
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

func (n *names) serve() {
	packet := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		if reply := n.reply(packet[:size]); reply != nil {
			_, _ = n.conn.WriteTo(reply, from) // who asked is gone
		}
	}
}

// reply answers a packet with one question, RFC 1035 §4; nil if it is none.
func (n *names) reply(packet []byte) []byte {
	const header, a, aaaa = 12, 1, 28
	if len(packet) < header {
		return nil
	}
	end := header + bytes.IndexByte(packet[header:], 0) + 5 // the name, its type, its class
	if end > len(packet) {
		return nil
	}
	n.asked.Add(1)
	kind := binary.BigEndian.Uint16(packet[end-4:])
	reply := append([]byte{packet[0], packet[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, packet[header:end]...)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, address := range n.lead {
		if address.Is4() && kind == a || address.Is6() && kind == aaaa {
			reply[7]++
			reply = append(reply, 0xc0, header, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(address.BitLen()/8))
			reply = append(reply, address.AsSlice()...)
		}
	}
	return reply
}
