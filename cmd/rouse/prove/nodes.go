package prove

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"rouse/cmd/rouse/node"
	"rouse/engine/pager"
	"rouse/notifiers/fake"
	"rouse/notifiers/twilio/twiliosim"
)

// engineNode is one server with its own way to the database and to the providers. Whatever ends it, it is
// started again, as a supervisor would.
type engineNode struct {
	*node.Process
	name     string
	r        *rig
	database *proxy
	ntfy     *provider
	twilio   *provider
	died     chan struct{} // wakes the supervisor
	fell     chan struct{} // tells whoever waits for it that it ended by itself

	mu    sync.Mutex
	next  []string      // settings for the next start only
	pause time.Duration // before the next start only
	off   bool          // it is to stay down
}

func (r *rig) newNode(name string) (n *engineNode, err error) {
	n = &engineNode{name: name, r: r, died: make(chan struct{}, 1), fell: make(chan struct{}, 1)}
	if n.database, err = newProxy(r.database); err != nil {
		return nil, err
	}
	if n.ntfy, err = newProvider(r, outlet{node: name, mishaps: r.layout.mishaps, sim: r.phones.push, read: readPush}); err != nil {
		return nil, err
	}
	if n.twilio, err = newProvider(r, outlet{node: name, mishaps: r.layout.mishaps, sim: r.phones.line, read: readTwilio}); err != nil {
		return nil, err
	}
	address, err := node.FreeAddress()
	if err != nil {
		return nil, err
	}
	n.Process = &node.Process{Executable: cmp.Or(r.layout.program, r.t.o.Executable), Address: address, Crashed: n.crashed,
		Log: filepath.Join(r.t.dir, "node-"+name+".log")}
	n.Environ = n.environ()
	return n, nil
}

// environ is the node's whole environment. What the rig's layout says, and the next start, goes last: of
// two settings of one name the later counts.
func (n *engineNode) environ() []string {
	getenv, line := n.r.t.o.Getenv, n.r.phones.line
	all := []string{
		"PATH=" + getenv("PATH"), "HOME=" + getenv("HOME"), "ROUSE_LOG_FORMAT=json", "ROUSE_SPOOL_LIMIT=0", "ROUSE_STORM_TEXTS=0", "ROUSE_STORM_CALLS=0", "ROUSE_ALLOW_PRIVATE_ADDRESSES=true",
		"ROUSE_DATABASE_URL=postgres://postgres@" + n.database.address + "/postgres?sslmode=disable",
		"ROUSE_LISTEN=" + n.Address, "ROUSE_PUBLIC_URL=http://" + n.r.door.address, "ROUSE_IMOC_WAIT=" + n.r.world.imocWait.String(),
		"ROUSE_NTFY_URL=" + n.ntfy.url(), "ROUSE_TWILIO_BASE_URL=" + n.twilio.url(), "ROUSE_TWILIO_FROM=" + twiliosim.DefaultFrom,
		"ROUSE_TWILIO_ACCOUNT_SID=" + line.AccountSID(), "ROUSE_TWILIO_AUTH_TOKEN=" + line.AuthToken(),
	}
	if n.r.layout.spare {
		all = append(all, sealKey)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	all = append(append(all, n.r.layout.environ...), n.next...)
	n.next = nil
	return all
}

// dieAt is the setting with which a node dies when it reaches a point for the nth time.
func dieAt(at pager.Point, n int) string { return fmt.Sprintf("ROUSE_DIE_AT=%s:%d", at, n) }

// kill ends the node at once, after which it is started again with settings for that start only. It
// returns the fault as the ledger has it; the node was down if it has no time.
func (n *engineNode) kill(settings ...string) fault {
	n.mu.Lock()
	n.next = settings
	n.mu.Unlock()
	at := time.Now()
	if n.Kill() == 0 {
		return fault{}
	}
	f := n.r.ledger.fault(fault{kind: killed, node: n.name, from: at, to: time.Now()})
	n.wake()
	return f
}

// crashed takes note of an end that nobody has asked for: the rehearsal's own, or the engine's.
func (n *engineNode) crashed() {
	now := time.Now()
	n.r.ledger.fault(fault{kind: killed, node: n.name, from: now, to: now})
	n.wake()
	select {
	case n.fell <- struct{}{}:
	default: // nobody waits
	}
}

// falls waits until the node has ended by itself, and tells whether it did in time.
func (n *engineNode) falls(ctx context.Context, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-n.fell:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// halt ends the node for now, in an orderly way, or at once; start lets it run again.
func (n *engineNode) halt(orderly bool) {
	n.mu.Lock()
	n.off = true
	n.mu.Unlock()
	if orderly {
		n.Stop()
		return
	}
	at := time.Now()
	if n.Kill() != 0 {
		n.r.ledger.fault(fault{kind: killed, node: n.name, from: at, to: time.Now()})
	}
}

// start lets a node run that was halted, with settings for this start only.
func (n *engineNode) start(settings ...string) {
	n.mu.Lock()
	n.off, n.next = false, settings
	n.mu.Unlock()
	n.wake()
}

// wake has the supervisor look. One look is enough for several reasons to.
func (n *engineNode) wake() {
	select {
	case n.died <- struct{}{}:
	default:
	}
}

// supervise starts the node again whenever it is down and should not be.
func (n *engineNode) supervise() {
	for {
		select {
		case <-n.died:
		case <-n.r.ctx.Done():
			return
		}
		n.mu.Lock()
		pause, off := n.pause, n.off
		n.pause = 0
		n.mu.Unlock()
		if off || !fake.Sleep(n.r.ctx, pause) {
			continue
		}
		n.Environ = n.environ()
		_, err := n.Start(n.r.ctx)
		if err != nil && n.PID() == 0 && n.r.ctx.Err() == nil {
			n.r.t.say("node %s ended as it started, and is started again", n.name) // crashed has told so
		}
	}
}

// up waits until the node is ready to be led to, and tells whether it came to that in time.
func (n *engineNode) up(within time.Duration) bool {
	until := time.Now().Add(within)
	for time.Now().Before(until) {
		n.r.door.mu.Lock()
		well := n.r.door.well[n.Address]
		n.r.door.mu.Unlock()
		if well && n.PID() != 0 {
			return true
		}
		if !fake.Sleep(n.r.ctx, 10*time.Millisecond) {
			return false
		}
	}
	return false
}

func (n *engineNode) close() {
	if n.Process != nil {
		n.Kill()
	}
	if n.database != nil {
		n.database.close()
	}
	for _, p := range []*provider{n.ntfy, n.twilio} {
		if p != nil {
			p.close()
		}
	}
}
