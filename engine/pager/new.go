package pager

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// Times of the shell.
const (
	lease       = 5 * time.Second         // how long a worker holds an attempt without a sign of life
	renewEvery  = 1500 * time.Millisecond // how often it gives one
	sendWithin  = 25 * time.Second        // how long one attempt may take with its tries
	sweepEvery  = 500 * time.Millisecond  // at the most; sooner when a deadline is nearer
	tickers     = 4                       // transactions in which the sweeper ticks at the same time
	fewTicks    = 8                       // incidents that are ticked together before another ticker helps
	sweepers    = 32                      // attempts of one channel that the sweeper sends at the same time
	together    = 64                      // events that may share a transaction
	receivers   = 2                       // transactions that take in alerts at the same time
	sharedWait  = 200 * time.Millisecond  // for what another transaction has, by alerts that share one
	loneWait    = 3 * time.Second         // likewise, by an alert alone
	reporters   = 2                       // transactions that take in receipts at the same time
	claimers    = 2                       // statements that claim attempts at the same time
	claimTries  = 3                       // for an attempt whose incident somebody else holds
	claimWait   = 300 * time.Millisecond  // for its turn, each time
	claimTurns  = 4                       // connections that may be waiting so
	reportFor   = 30 * time.Second        // how long a worker tries to write down what the provider said
	tokenExpiry = 24 * time.Hour          // how long a button works
	startWithin = 2 * time.Second         // how long Start waits for the first sweep
)

// Pager is the Engine on a database.
type Pager struct {
	cfg      Config
	log      *slog.Logger
	jobs     *river.Client[pgx.Tx]
	metrics  metrics
	receipts map[rosters.Channel]time.Duration
	looks    *looks // into the queues
	audits   audits

	stop       context.CancelFunc
	sweeping   sync.WaitGroup
	slots      map[rosters.Channel]chan struct{} // the sweeper's sends
	turns      chan struct{}                     // claims that wait for a lock
	waits      *waits                            // of alerts for a lock
	tickers    chan struct{}                     // the sweeper's ticks
	routing    routing
	busy       *busy
	storm      *storm
	rooms      rooms
	turn       atomic.Int64 // of searches
	arrivals   *crowd[*arrival]
	reports    *crowd[*news]
	claims     *crowd[*taking]
	ready      chan struct{} // closed after the first sweep
	firstSweep sync.Once
	sends      sync.WaitGroup
	poke       chan struct{}
	watchNow   chan struct{} // look at the heartbeats
	watched    atomic.Int64  // unix nanoseconds of the last good look at them
	swept      atomic.Int64  // unix nanoseconds of the last good sweep
	overdue    atomic.Int64  // nanoseconds: the oldest deadline that sweep found
	moved      atomic.Int64  // nanoseconds by which MoveClock moved the clock
	kept       atomic.Int64  // unix nanoseconds of when this node last knew that time is kept
	waking     sync.Mutex    // held by who asks whether it is
}

var _ Engine = (*Pager)(nil)

// New makes a Pager that can receive and answer; Start lets it page.
func New(cfg Config) (*Pager, error) {
	if cfg.DB == nil {
		return nil, errors.New("pager: Config.DB is nil")
	}
	if cfg.CatchAll.Roster == "" {
		cfg.CatchAll.Roster = "imoc"
	}
	if cfg.KeyPrefix == "" {
		cfg.KeyPrefix = "HOT"
	}
	if cfg.Node == "" {
		cfg.Node = "node-" + rand.Text()[:8]
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Intake == nil {
		cfg.Intake = cfg.DB
	}
	if cfg.Chats == nil {
		cfg.Chats = func() []Chat { return nil }
	}
	if cfg.Channels == nil {
		cfg.Channels = notifiers.NewChannels(nil)
	}
	p := &Pager{cfg: cfg, log: cfg.Log.With("node", cfg.Node), metrics: newMetrics(), slots: map[rosters.Channel]chan struct{}{},
		turns: make(chan struct{}, claimTurns), tickers: make(chan struct{}, tickers), busy: newBusy(), storm: newStorm(), ready: make(chan struct{}), poke: make(chan struct{}, 1), watchNow: make(chan struct{}, 1)}
	p.receipts = cfg.receiptWithin()
	p.waits = newWaits(int(cfg.Intake.Config().MaxConns)/2 - receivers) // with these, no more than half
	p.arrivals = newCrowd(together, receivers, p.receive)
	p.reports = newCrowd(together, reporters, p.reportTogether)
	p.claims = newCrowd(together, claimers, p.claimTogether)
	queues := map[string]river.QueueConfig{withdrawQueue: {MaxWorkers: 10, FetchCooldown: 10 * time.Millisecond}}
	for _, c := range rosters.Channels {
		p.slots[c] = make(chan struct{}, sweepers)
		queues[sendQueue(c)] = river.QueueConfig{MaxWorkers: 50, FetchCooldown: 10 * time.Millisecond}
	}
	p.looks = newLooks(queues)
	workers := river.NewWorkers()
	river.AddWorker(workers, &sendWorker{p: p})
	river.AddWorker(workers, &withdrawWorker{p: p})
	jobs, err := river.NewClient(riverpgxv5.New(cfg.DB), &river.Config{
		ID:     cfg.Node,
		Schema: "river",
		// Only the limiter of notifications: a notification that is swallowed costs a poll interval.
		FetchCooldown:               time.Millisecond,
		FetchPollInterval:           5 * time.Second, // nothing depends on it: jobs are announced, and the sweeper takes up what is left
		Queues:                      queues,
		JobTimeout:                  sendWithin + reportFor + 5*time.Second,
		RescueStuckJobsAfter:        2 * time.Minute, // the sweeper was there long before
		CompletedJobRetentionPeriod: time.Hour,
		SoftStopTimeout:             10 * time.Second,
		Workers:                     workers,
		Plugins:                     []rivertype.Plugin{p.looks, &databaseTime{}},
		Logger:                      slog.New(warnings{p.log.Handler()}),
	})
	if err != nil {
		return nil, fmt.Errorf("making the queue's client: %w", err)
	}
	p.jobs = jobs
	return p, nil
}

// Start lets the node take part: it works the queue and sweeps, until Stop. When it returns, the first
// sweep is done and the node is ready, unless the database keeps it waiting.
func (p *Pager) Start(ctx context.Context) error {
	n, err := enginedb.New(p.cfg.DB).Repair(ctx, p.Offset())
	if err != nil {
		return err
	}
	if n > 0 {
		p.log.Warn("incidents without a deadline were given one", "incidents", n)
	}
	if err := p.awake(ctx); err != nil { // before the queue goes on with what it had
		return err
	}
	if err := p.jobs.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("starting the queue: %w", err)
	}
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	p.sweeping.Go(func() { p.sweepUntil(ctx) })
	p.sweeping.Go(func() { p.watchHeartbeats(ctx) })
	select {
	case <-p.ready:
	case <-time.After(startWithin):
	}
	return nil
}

// Stop ends the node's part and waits for the sends under way, as long as ctx allows.
func (p *Pager) Stop(ctx context.Context) error {
	if p.stop == nil {
		return nil
	}
	p.stop()
	p.sweeping.Wait()
	if err := p.jobs.Stop(ctx); err != nil {
		return fmt.Errorf("stopping the queue: %w", err)
	}
	done := make(chan struct{})
	go func() { p.sends.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for sends under way: %w", ctx.Err())
	}
}

// MoveClock moves the clock of this Pager on by d, as if that much time had passed: for tests and
// rehearsals. What fell due meanwhile is done at once.
func (p *Pager) MoveClock(d time.Duration) {
	p.moved.Add(int64(d))
	p.wake()
	select {
	case p.watchNow <- struct{}{}:
	default:
	}
}

// Offset is what this Pager adds to the database's clock.
func (p *Pager) Offset() time.Duration { return p.cfg.Offset + time.Duration(p.moved.Load()) }

// hurry wakes the sweeper when the next deadline is nearer than its next look.
func (p *Pager) hurry(inc engine.Incident, now time.Time) {
	if d := inc.Deadline(); d.IsZero() || d.Sub(now) >= sweepEvery {
		return
	}
	p.wake()
}

func (p *Pager) wake() {
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// warnings passes on what the queue says from warnings up: it is talkative below.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }
func (w warnings) WithGroup(g string) slog.Handler      { return warnings{w.Handler.WithGroup(g)} }
