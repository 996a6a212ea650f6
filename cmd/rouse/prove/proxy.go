package prove

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"rouse/cmd/rouse/node"
)

// proxy stands between two parties on TCP, and breaks what is between them: it cuts, hangs and delays.
// It knows bytes only.
type proxy struct {
	address string
	dial    func() (net.Conn, error) // what is behind it

	mu       sync.Mutex
	listener net.Listener // nil while it is cut, or closed
	closed   bool
	open     chan struct{} // closed while bytes may pass
	delay    time.Duration
	links    map[*link]bool
	work     sync.WaitGroup
}

// newProxy listens on a port of its own, which stays its own while it is cut.
func newProxy(dial func() (net.Conn, error)) (*proxy, error) {
	address, err := node.FreeAddress()
	if err != nil {
		return nil, err
	}
	p := &proxy{address: address, dial: dial, open: make(chan struct{}), links: map[*link]bool{}}
	close(p.open)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p, p.listen()
}

// to dials one address, for newProxy.
func to(network, address string) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.DialTimeout(network, address, 5*time.Second) }
}

// listen takes connections from now on; with the lock held.
func (p *proxy) listen() error {
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.listener = l
	p.work.Go(func() { p.accept(l) })
	return nil
}

func (p *proxy) accept(l net.Listener) {
	for {
		near, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the caller went away before it was taken
		}
		p.mu.Lock()
		k := &link{p: p, near: near, over: make(chan struct{})}
		if p.closed || p.listener != l {
			k.reset()
		} else {
			p.links[k] = true
			p.work.Go(k.run)
		}
		p.mu.Unlock()
	}
}

// cut resets every connection and refuses new ones, as a machine does that has died, or a firewall.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut()
}

// shut is cut with the lock held.
func (p *proxy) shut() {
	if p.listener != nil {
		_ = p.listener.Close() // nobody can be told
		p.listener = nil
	}
	for k := range p.links {
		k.reset()
	}
}

// hang lets nothing pass and breaks nothing: connections are taken, and nobody hears of the other end,
// not even that it is gone.
func (p *proxy) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
		p.open = make(chan struct{})
	default: // hangs already
	}
}

// slow delays every byte, both ways.
func (p *proxy) slow(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = by
}

// heal lets everything pass again. What was held up goes on, as it does on a network that was parted.
func (p *proxy) heal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = 0
	select {
	case <-p.open:
	default:
		close(p.open)
	}
	if p.listener != nil || p.closed {
		return nil
	}
	return p.listen()
}

// close ends it for good.
func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.shut()
	p.mu.Unlock()
	p.work.Wait()
}

func (p *proxy) passing() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

func (p *proxy) lag() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}

// link is one connection through a proxy.
type link struct {
	p    *proxy
	near net.Conn

	end  sync.Once
	over chan struct{} // closed by reset
	mu   sync.Mutex
	far  net.Conn // nil until it is dialled
}

// reset ends both sides with a RST.
func (k *link) reset() {
	k.end.Do(func() { close(k.over) })
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range []net.Conn{k.near, k.far} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		if c != nil {
			_ = c.Close()
		}
	}
}

func (k *link) run() {
	defer func() {
		k.reset()
		k.p.mu.Lock()
		defer k.p.mu.Unlock()
		delete(k.p.links, k)
	}()
	if !k.wait(k.p.passing()) {
		return
	}
	far, err := k.p.dial()
	if err != nil {
		return
	}
	k.mu.Lock()
	k.far = far
	k.mu.Unlock()
	select {
	case <-k.over: // before there was a far side to close
		_ = far.Close()
		return
	default:
	}
	var both sync.WaitGroup
	both.Go(func() { k.carry(k.near, far) })
	both.Go(func() { k.carry(far, k.near) })
	both.Wait()
}

func (k *link) wait(open <-chan struct{}) bool {
	select {
	case <-open:
		return true
	case <-k.over:
		return false
	}
}

// piece is some bytes on their way, nil for the end of the stream.
type piece struct {
	bytes []byte
	due   time.Time
}

// carry brings what one side says to the other, each piece when it is due and the way is open.
func (k *link) carry(from, to net.Conn) {
	pieces := make(chan piece, 256)
	go func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 16<<10)
			n, err := from.Read(buffer)
			p := piece{due: time.Now().Add(k.p.lag())}
			if n > 0 {
				p.bytes = buffer[:n]
				if !k.queue(pieces, p) {
					return
				}
			}
			if err != nil {
				if errors.Is(err, io.EOF) {
					p.bytes = nil
					k.queue(pieces, p)
				}
				return
			}
		}
	}()
	for p := range pieces {
		if !k.hold(p.due) {
			return
		}
		if p.bytes == nil {
			half, ok := to.(interface{ CloseWrite() error })
			if !ok || half.CloseWrite() != nil {
				k.reset()
			}
			return
		}
		if _, err := to.Write(p.bytes); err != nil {
			k.reset()
			return
		}
	}
	k.reset() // the side that speaks is gone, and not in an orderly way
}

func (k *link) queue(pieces chan<- piece, p piece) bool {
	select {
	case pieces <- p:
		return true
	case <-k.over:
		return false
	}
}

// hold waits until a piece is due and the way is open; false says that the link is over.
func (k *link) hold(due time.Time) bool {
	if d := time.Until(due); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-k.over:
			return false
		}
	}
	return k.wait(k.p.passing())
}
