package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"rouse/api"
	"rouse/api/calendar"
	"rouse/api/callbacks"
	"rouse/api/devices"
	"rouse/api/intake"
	"rouse/api/keys"
	"rouse/api/shifts"
	"rouse/api/verify"
	"rouse/api/wording"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
)

// Times of a shutdown: for requests under way, then for messages under way.
const (
	requestsEnd = 3 * time.Second
	sendsEnd    = 12 * time.Second // the queue gives a send 10 s before it cuts it off
)

const requestConns = 10

// serve puts everything together, runs it until ctx ends, and takes it apart again. It is long and
// straight so that one can read what is connected to what.
func serve(ctx context.Context, cfg config, getenv func(string) string, log *slog.Logger) error {
	began := time.Now()
	log.Info("Rouse is starting", "version", version(), "listen", cfg.listen, "public_url", cfg.publicURL)

	// The address first: it is the likeliest to be wrong, and clients that come too early wait.
	listener, err := net.Listen("tcp", cfg.listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w. Is another Rouse running? Set ROUSE_LISTEN", cfg.listen, err)
	}
	entrance := newEntrance(log)
	server := &http.Server{
		Handler:           entrance,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	defer server.Close()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	db, err := awaitDatabase(ctx, cfg, getenv, log, entrance.databaseIsAway)
	if err != nil {
		return err
	}
	defer db.Close()
	if cfg.dieAt != "" || cfg.clockOffset != 0 {
		log.Warn("REHEARSAL: this server is made to fail. Unset ROUSE_DIE_AT and ROUSE_CLOCK_OFFSET where people rely on it", "die_at", cfg.dieAt, "clock_offset", cfg.clockOffset)
	}
	secrets, err := secretBox(cfg, getenv)
	if err != nil {
		return err
	}
	if cfg.databaseURL == "" {
		log.Warn("TRIAL DATABASE: a private Postgres, without replica or backup. Set ROUSE_DATABASE_URL before anybody relies on this Rouse")
	}

	// Requests have a pool of their own: a flood of alerts keeps no page waiting for a connection.
	requests, err := db.another(ctx, requestConns)
	if err != nil {
		return err
	}
	defer requests.Close()
	carriers, err := newCarriers(cfg, requests, secrets, log)
	if err != nil {
		return err
	}
	if err := carriers.Load(ctx); err != nil {
		return err
	}
	if usable := carriers.Usable(); !usable[rosters.Push] && !usable[rosters.SMS] && !usable[rosters.Voice] {
		log.Warn("NO PUSH, SMS OR CALLS: nobody is woken. Set ROUSE_NTFY_URL, or ROUSE_TWILIO_ACCOUNT_SID and what belongs to it, or PUT /v1/providers/{name}")
	}
	words := wording.New(requests, log)
	if err := words.Load(ctx); err != nil {
		return err
	}
	p, err := pager.New(pager.Config{
		DB:           db.Pool,
		Intake:       requests,
		Channels:     carriers.Channels(),
		Wording:      words.Wording(),
		Chats:        carriers.Chats,
		VerifiedOnly: cfg.verifiedOnly,
		Caps:         cfg.storms.caps(),
		CatchAll:     cfg.catchAll,
		PublicURL:    cfg.publicURL,
		KeyPrefix:    cfg.keyPrefix,
		CodesOnly:    cfg.codesOnly,

		ReceiptWithin: cfg.delivery.receipts,
		RingFor:       cfg.delivery.ringFor,
		Canaries:      carriers.Canaries,
		CanaryEvery:   cfg.delivery.canaryEvery,
		Budgets:       cfg.delivery.budgets,
		Log:           log,
		Offset:        cfg.clockOffset,
		Reached:       dieAt(cfg.dieAt, cfg.dieAfter),
	})
	if err != nil {
		return err
	}

	beat := newHeartbeat(cfg, p.Audit, log)
	kept := newSpool(cfg, getenv, p, log)
	defer kept.Close() // what waits stays on disk
	senders := api.NewKeyring(requests, secrets, log)
	handler := api.New(api.Config{
		Engine: p,
		Drills: p,
		DB:     requests,
		Intake: intake.New(intake.Config{Engine: spooled{p, kept}, Keys: senders, Book: enginedb.New(requests), Signs: p, Heartbeats: enginedb.New(requests), AWS: cfg.forUsers(), Log: log}),
		Callbacks: callbacks.New(callbacks.Config{Engine: rehearsed{p, carriers}, Twilio: carriers.Twilios, Gateway: carriers.Gateway, Reply: carriers.Reply, Chats: carriers,
			Shifts:  shifts.New(shifts.Config{DB: requests, Pages: db.Pool, Channels: carriers.Usable, Offset: p.Offset, Log: log}),
			Guesses: enginedb.New(requests), Canary: p.CanaryCame,
			OptOuts: p,
			Devices: devices.New(requests, p.Offset), PushKey: carriers.PushKey, Endpoints: cfg.guard().CheckURL, Base: cfg.basePath(), Log: log}),
		Calendar:     calendar.New(calendar.Config{DB: requests, Offset: p.Offset, Log: log}),
		Health:       healthHandler(p.Audit, beat, kept, words, append(p.Collectors(), slices.Concat(kept.Collectors(), words.Collectors(), carriers.Collectors())...), log),
		Providers:    carriers,
		CatchAll:     cfg.catchAll,
		Channels:     carriers.Usable,
		VerifiedOnly: cfg.verifiedOnly,
		Codes:        verify.New(verify.Config{DB: requests, Send: carriers.Send, Offset: p.Offset, Log: log}),
		PublicURL:    cfg.publicURL,
		Secrets:      secrets,
		Offset:       p.Offset,
		Log:          log,
	})
	if err := p.Start(ctx); err != nil {
		return err
	}
	entrance.open(handler)
	aside, end := context.WithCancel(ctx)
	var upkeep sync.WaitGroup
	upkeep.Go(func() { beat.run(aside) })
	upkeep.Go(func() { senders.Keep(aside) })
	upkeep.Go(func() { carriers.Keep(aside) })
	upkeep.Go(func() { words.Keep(aside) })
	upkeep.Go(func() { kept.Run(aside) })
	upkeep.Go(func() { keys.ResealOnce(aside, enginedb.New(requests), secrets, log) })
	upkeep.Go(func() { p.PruneHourly(aside, cfg.keep) })
	upkeep.Go(func() { p.TellNotices(aside) })
	upkeep.Go(func() { p.WritePosts(aside) })
	upkeep.Go(func() { p.SendCanaries(aside) })
	upkeep.Go(func() { p.WatchBudgets(aside) })
	upkeep.Go(func() { p.TellHandoffs(aside) })
	upkeep.Go(func() { p.KeepDrills(aside) })
	upkeep.Go(func() { p.TellMaintenance(aside) })
	upkeep.Go(func() { p.WatchCoverage(aside) })
	defer upkeep.Wait()
	defer end()
	log.Info("ready", "address", listener.Addr().String(), "took", time.Since(began).Round(time.Millisecond))

	var cause error
	select {
	case <-ctx.Done():
	case err := <-served:
		cause = fmt.Errorf("serving requests: %w", err)
	case <-db.gone():
		cause = errors.New("the private Postgres is gone: see its log, and start Rouse again")
	}
	log.Info("stopping: no more requests are taken, sends under way are finished", "at_most", requestsEnd+sendsEnd)
	if err := atMost(requestsEnd, server.Shutdown); err != nil {
		log.Warn("requests were cut off", "error", err)
	}
	if err := atMost(sendsEnd, p.Stop); err != nil {
		log.Warn("sends were cut off; they are taken up again by another node, or at the next start", "error", err)
	}
	log.Info("stopped")
	return cause
}

// atMost gives f so long.
func atMost(limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return f(ctx)
}
