package prove

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine"
	"rouse/migrations"
	"rouse/migrations/localpg"
)

// layout is how a rig is to be.
type layout struct {
	nodes   int
	world   *world
	environ []string                                                      // settings of every node beside the usual
	params  map[string]string                                             // of Postgres
	second  time.Duration                                                 // of ringing and waiting for a key; 0: 200 ms, so that a call rings for 5 s
	program string                                                        // that nodes begin with; "": the one under proof
	migrate func(ctx context.Context, db *pgxpool.Pool, url string) error // makes the database; nil: as this release does
	mishaps *mishaps                                                      // what providers do wrong; nil: nothing
	spare   bool                                                          // every channel has a second provider, which does nothing wrong
	transit time.Duration                                                 // to a provider at the most, and again back; 0: 120 ms, as to one nearby
}

// rig is a Rouse to be broken, with all that belongs to it: a Postgres, nodes behind one door, providers,
// phones, senders, and the ledger. Whatever stands between two of them can be cut.
type rig struct {
	t      *trial
	layout layout
	world  *world
	ctx    context.Context // ends when the rig is closed
	cancel context.CancelFunc

	pg      *localpg.Server
	url     string                      // of Postgres; the same when it is started again
	db      *pgxpool.Pool               // past every proxy
	key     string                      // of the senders
	keys    map[engine.ServiceID]string // of those that speak a dialect; nil: there are none
	nodes   []*engineNode
	spares  []*provider // that all nodes ask second
	door    *door
	phones  *phones
	ledger  *ledger
	senders *http.Client
	stall   stall
	work    sync.WaitGroup

	mu       sync.Mutex
	failures []error // of the rig itself
}

// newRig starts everything; its nodes are ready when it returns. Close it.
func (t *trial) newRig(ctx context.Context, l layout) (_ *rig, err error) {
	r := &rig{t: t, layout: l, world: l.world, ledger: newLedger(),
		senders: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if err := r.startDatabase(ctx); err != nil {
		return nil, err
	}
	if r.door, err = openDoor(r.addresses); err != nil {
		return nil, err
	}
	if r.phones, err = startPhones(r, l.ringing()); err != nil {
		return nil, err
	}
	if l.nodes == 0 {
		return r, nil // they are started later
	}
	if err := r.startNodes(ctx, l.nodes); err != nil {
		return nil, err
	}
	if l.spare {
		err = r.setUpSpares(ctx)
	}
	return r, err
}

// startNodes starts all nodes and the door before them; they are ready when it returns.
func (r *rig) startNodes(ctx context.Context, count int) error {
	for i := range count {
		n, err := r.newNode(string(rune('a' + i)))
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, n)
	}
	for _, n := range r.nodes {
		if _, err := n.Start(ctx); err != nil {
			return fmt.Errorf("node %s: %w", n.name, err)
		}
		r.work.Go(n.supervise)
	}
	r.work.Go(func() { r.door.watch(r.ctx) })
	r.work.Go(func() { r.stall.watch(r.ctx) })
	return nil
}

func (l layout) ringing() time.Duration {
	if l.second > 0 {
		return l.second
	}
	return 200 * time.Millisecond
}

// startDatabase runs a Postgres and makes the world in it.
func (r *rig) startDatabase(ctx context.Context) (err error) {
	if err = r.runPostgres(ctx); err != nil {
		return err
	}
	r.url = r.pg.URL()
	if r.db, err = pgxpool.New(ctx, r.pg.URL()); err != nil {
		return err
	}
	migrate := r.layout.migrate
	if migrate == nil {
		migrate = func(ctx context.Context, db *pgxpool.Pool, _ string) error {
			_, err := migrations.Up(ctx, db)
			return err
		}
	}
	if err = migrate(ctx, r.db, r.pg.URL()); err != nil {
		return err
	}
	r.key, err = r.world.store(ctx, r.db)
	return err
}

// database dials Postgres, for proxies.
func (r *rig) database() (net.Conn, error) {
	config, err := pgconn.ParseConfig(r.url)
	if err != nil {
		return nil, err
	}
	return to(pgconn.NetworkAddress(config.Host, config.Port))()
}

func (r *rig) addresses() (all []string) {
	for _, n := range r.nodes {
		all = append(all, n.Address)
	}
	return all
}

// node finds a node by name.
func (r *rig) node(name string) *engineNode {
	for _, n := range r.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// transit is how long a message takes to its provider, and the answer back, and whether it is given up if
// the node is gone before it arrives: the same for the same message.
func (r *rig) transit(s sent) (there, back time.Duration, givenUp bool) {
	most := r.layout.transit
	if most == 0 {
		most = 120 * time.Millisecond
	}
	chance := r.t.chance("transit", s.nonce, s.address, strconv.FormatInt(s.incident, 10))
	return between(chance, most/20, most), between(chance, most/20, most), chance.IntN(2) == 0
}

// fail keeps an error of the rig itself: what it measured then means nothing.
func (r *rig) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, err)
}

func (r *rig) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.failures...)
}

// close ends everything. Logs stay in the trial's folder.
func (r *rig) close() {
	r.cancel()
	for _, n := range r.nodes {
		n.close()
	}
	for _, p := range r.spares {
		p.close()
	}
	if r.phones != nil {
		r.phones.close()
	}
	r.work.Wait()
	if r.door != nil {
		r.door.close()
	}
	if r.db != nil {
		r.db.Close()
	}
	if r.pg != nil {
		r.pg.Stop()
	}
}

// settle waits until nothing is pending, or ctx or the time ends: every incident is answered, every
// message sent, and everybody who will answer has. It tells which it was.
func (r *rig) settle(ctx context.Context, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		var pending int
		err := r.db.QueryRow(ctx, `select (select count(*) from incident where status = 'new')
			+ (select count(*) from attempt where state in ('queued', 'sending'))`).Scan(&pending)
		if err == nil && pending == 0 && r.ledger.quiet() {
			return true
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		}
	}
}

// finish ends a load, waits until all is answered, and judges. The result may be noted on also if there is
// an error.
func (r *rig) finish(ctx context.Context, stop func(), l limits) (Result, error) {
	r.t.say("waiting until all is answered")
	stop()
	if !r.settle(ctx, settleWithin) && ctx.Err() == nil {
		r.t.say("something is still pending after %s", settleWithin)
	}
	return r.judge(ctx, l)
}

// settleWithin is longer than any ladder takes, a rest and a second round included.
const settleWithin = 90 * time.Second

// logged counts the lines of the nodes' logs that have a text.
func (r *rig) logged(text string) (n int) {
	for _, node := range r.nodes {
		log, err := os.ReadFile(node.Log)
		if err != nil {
			r.t.say("the log of node %s cannot be read: %v", node.name, err)
		}
		n += bytes.Count(log, []byte(text))
	}
	return n
}

// judge holds the ledger against the database and against what should have come. It does so also after
// ctx has ended, with what is there.
func (r *rig) judge(ctx context.Context, l limits) (Result, error) {
	if err := r.failed(); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	until := time.Now()
	incidents, err := readIncidents(ctx, r.db)
	if err != nil {
		return Result{}, err
	}
	book := r.ledger.read()
	if err := book.save(filepath.Join(r.t.dir, "journal.txt")); err != nil {
		return Result{}, fmt.Errorf("keeping the journal: %w", err)
	}
	l.late += r.stall.was().Round(10 * time.Millisecond)
	result := compare(record{book: book, world: r.world, incidents: incidents, until: until}, l)
	if held := r.stall.was(); held > 200*time.Millisecond {
		result.note("other work on this machine held the experiment itself up for %.2f s; pages may be as much later", held.Seconds())
	}
	return result, nil
}
