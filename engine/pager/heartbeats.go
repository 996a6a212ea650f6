package pager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine"
	"rouse/engine/enginedb"
)

// Heartbeats are watched by every node, as deadlines are, but apart from them: neither keeps the other waiting.
// What a look or a sign makes of a source, and what its alerts make of an incident, is one transaction under the
// lock of the source's row: so a sign and the alarm that it comes too late for never pass each other, and what
// was told is told once, wherever a node dies.
const (
	watchHeartbeatsEvery = time.Second // at the most; sooner when a deadline is nearer
	heartbeatWithin      = 5 * time.Second
	heartbeatRest        = 10 * time.Second      // of one that nothing could be done about
	heartbeatBusy        = time.Second           // until the next try with one whose incident somebody holds
	heartbeatPause       = 50 * time.Millisecond // between two looks for what is due: what is not found is in the hands of others
	orphansEvery         = time.Hour
)

// Beat is a sign of life on its way in.
type Beat struct {
	enginedb.HeartbeatRef
	Sign engine.Sign

	// Labels are those of what sends: of a heartbeat with sources they say whose sign it is. Several sets of
	// them are a sign of each.
	Labels []map[string]string
}

// Beat takes in a sign of life of a heartbeat, and tells what became of it: a run that failed opens or joins an
// incident, a sign that it is well again resolves it, any other is noted. When it returns without error the sign
// is stored. ErrNotFound if there is no such heartbeat.
func (p *Pager) Beat(ctx context.Context, b Beat) (Received, error) {
	var got Received
	ctx, cancel := context.WithTimeout(ctx, receiveWithin)
	defer cancel()
	err := p.inTx(ctx, p.cfg.Intake, func(tx pgx.Tx, digits int) (func(), error) {
		var after func()
		var err error
		got, after, err = p.beatIn(ctx, tx, digits, b)
		return after, err
	})
	if errors.Is(err, enginedb.ErrNotFound) {
		return Received{}, fmt.Errorf("a sign of life: %w", ErrNotFound)
	}
	if err != nil {
		return Received{}, fmt.Errorf("taking in a sign of life: %w", err)
	}
	p.metrics.signs.WithLabelValues(string(b.Sign.Kind)).Inc()
	return got, nil
}

// beat is Beat for a sign of life among alerts, as Prometheus' Watchdog is one: nobody is to be paged for it, so
// one that no heartbeat listens to is noted, and not stored. It has a transaction of its own: an alert beside it
// would hold incidents while it waits for a source, and a look at the source the other way round.
func (p *Pager) beat(ctx context.Context, a engine.Alert) (Received, error) {
	got, err := p.Beat(ctx, Beat{HeartbeatRef: enginedb.HeartbeatRef{Service: a.Service, Name: a.DedupKey}, Sign: engine.Sign{Kind: engine.SignAlive},
		Labels: []map[string]string{a.Labels}})
	if errors.Is(err, ErrNotFound) {
		got, err = Received{Outcome: Noted, Why: fmt.Sprintf("service %q has no heartbeat %q", a.Service, a.DedupKey)}, nil
	}
	if err == nil {
		p.metrics.alerts.WithLabelValues(a.Source, string(got.Outcome)).Inc()
	}
	return got, err
}

func (p *Pager) beatIn(ctx context.Context, tx pgx.Tx, digits int, b Beat) (Received, func(), error) {
	db := enginedb.New(tx)
	hb, err := db.HoldHeartbeat(ctx, b.HeartbeatRef)
	if err != nil {
		return Received{}, nil, err
	}
	got := Received{Outcome: Noted, DedupKey: hb.Name, Why: fmt.Sprintf("a sign of life of heartbeat %q", hb.Name)}
	if hb.Disabled {
		got.Why = fmt.Sprintf("heartbeat %q is disabled", hb.Name)
		return got, nil, nil
	}
	var changes []enginedb.SourceChange
	var alerts []engine.Alert
	for _, name := range b.sources(hb) {
		src, err := db.LockSource(ctx, hb, name, p.Offset())
		if errors.Is(err, enginedb.ErrFull) {
			p.log.WarnContext(ctx, "a heartbeat has too many sources", "service", hb.Service, "heartbeat", hb.Name, "label", hb.ByLabel, "limit", engine.MaxSources)
			got.Why = fmt.Sprintf("heartbeat %q has %d sources already: disable and enable it to forget those that are no more", hb.Name, engine.MaxSources)
			continue
		}
		if err != nil {
			return got, nil, err
		}
		change, followed := heard(src, b.Sign)
		changes, alerts = append(changes, change), append(alerts, followed...)
	}
	told, after, err := p.tellOf(ctx, tx, digits, alerts, true)
	if err == nil {
		err = db.SaveSources(ctx, changes)
	}
	for _, in := range told {
		if in.result.Key != "" {
			got.Key, got.Outcome, got.Why = in.result.Key, in.result.Outcome, in.result.Why
		}
	}
	return got, after, err
}

// sources are those that the sign is of, in the order in which everybody locks them.
func (b Beat) sources(hb engine.Heartbeat) []string {
	names := []string{}
	for _, labels := range b.Labels {
		names = append(names, hb.SourceOf(labels))
	}
	if len(b.Labels) == 0 {
		names = append(names, hb.SourceOf(nil))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// heard is what a sign makes of a source.
func heard(src enginedb.LockedSource, sign engine.Sign) (enginedb.SourceChange, []engine.Alert) {
	h, s := src.Heartbeat, src.HeartbeatSource
	var alerts []engine.Alert
	switch {
	case src.Gone: // and there again, before anybody has looked
		alerts = h.Forgotten(s, whyGone(src))
		s = engine.HeartbeatSource{Name: s.Name}
	case !src.ResumedAt.IsZero():
		s = h.Resumed(s, src.ResumedAt)
	}
	s, more := h.Heard(s, sign, src.Now)
	return enginedb.SourceChange{Heartbeat: h, HeartbeatSource: s, Deadline: h.Deadline(s)}, append(alerts, more...)
}

// looked is what time makes of a source.
func looked(src enginedb.LockedSource) (enginedb.SourceChange, []engine.Alert) {
	h, s := src.Heartbeat, src.HeartbeatSource
	if src.Gone || src.Deleted {
		return enginedb.SourceChange{Heartbeat: h, HeartbeatSource: s, Forget: true}, h.Forgotten(s, whyGone(src))
	}
	if !src.ResumedAt.IsZero() {
		s = h.Resumed(s, src.ResumedAt)
	}
	s, alerts := h.Tick(s, src.Now)
	return enginedb.SourceChange{Heartbeat: h, HeartbeatSource: s, Deadline: h.Deadline(s)}, alerts
}

func whyGone(src enginedb.LockedSource) string {
	switch {
	case src.Deleted:
		return "The heartbeat was deleted."
	case src.Heartbeat.Disabled:
		return "The heartbeat was disabled."
	}
	return "The heartbeat was changed and begins anew."
}

// tellOf brings alerts about heartbeats to their incidents, in the transaction that holds the sources. Of
// those whose incident somebody else holds nothing is done unless it may wait: they are marked alone.
func (p *Pager) tellOf(ctx context.Context, tx pgx.Tx, digits int, alerts []engine.Alert, wait bool) ([]*arrival, func(), error) {
	some := make([]*arrival, 0, len(alerts))
	for _, a := range alerts {
		some = append(some, &arrival{ctx: ctx, alert: storable(a), done: make(chan struct{})})
	}
	if len(some) == 0 {
		return nil, nil, nil
	}
	saved, err := p.receiveIn(ctx, tx, some, digits, wait)
	return some, func() {
		if saved != nil {
			saved()
		}
		for _, in := range some {
			if in.alone {
				continue
			}
			p.metrics.alerts.WithLabelValues(in.alert.Source, string(in.result.Outcome)).Inc()
			p.log.Info("about a heartbeat", "service", in.alert.Service, "heartbeat", in.alert.Labels["heartbeat"], "action", in.alert.Action, "key", in.result.Key)
		}
	}, err
}

// watchHeartbeats looks after heartbeats until ctx ends, as every other node does.
func (p *Pager) watchHeartbeats(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	p.watched.Store(time.Now().UnixNano())
	var orphans time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.watchNow:
		}
		wait := watchHeartbeatsEvery
		err := recovered(func() (err error) {
			if time.Since(orphans) > orphansEvery {
				orphans = time.Now()
				if err := enginedb.New(p.cfg.DB).FindOrphans(ctx); err != nil {
					return err
				}
			}
			wait, err = p.lookAtHeartbeats(ctx)
			return err
		})
		switch {
		case err == nil:
			p.watched.Store(time.Now().UnixNano())
		case ctx.Err() == nil:
			p.log.Error("looking after heartbeats failed; trying again", "err", err)
		}
		timer.Reset(wait)
	}
}

// lookAtHeartbeats does what is due and says how long to sleep.
func (p *Pager) lookAtHeartbeats(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, heartbeatWithin)
	defer cancel()
	db := enginedb.New(p.cfg.DB)
	w, err := db.WatchHeartbeats(ctx, p.Offset(), p.cfg.Offset)
	if err != nil {
		return watchHeartbeatsEvery, err
	}
	switch {
	case w.Unwatched:
		since, n, err := db.ResumeHeartbeats(ctx, p.Offset(), p.cfg.Offset)
		if err == nil && !since.IsZero() && n > 0 {
			p.log.Warn("nobody watched the heartbeats: what was to come meanwhile gets its time again", "since", since, "sources", n)
		}
		return 0, err
	case !w.Pending || w.Next > watchHeartbeatsEvery:
		return watchHeartbeatsEvery, nil
	case w.Next > 0:
		return w.Next, nil
	}
	return p.lookAtDue(ctx)
}

// lookAtDue looks at sources whose deadline has passed, many in one transaction. If that fails for what is in
// it, each is tried by itself, so that one of which nothing can be made is nobody else's trouble.
func (p *Pager) lookAtDue(ctx context.Context) (time.Duration, error) {
	n, _, err := p.lookAtSome(ctx, together)
	switch {
	case err == nil && n == together:
		return 0, nil // there may be more
	case err == nil:
		return heartbeatPause, nil
	case !refused(err):
		return watchHeartbeatsEvery, err
	}
	for range together {
		n, tried, err := p.lookAtSome(ctx, 1)
		if err != nil && !refused(err) {
			return watchHeartbeatsEvery, err
		}
		if err != nil && len(tried) > 0 {
			src := tried[0]
			p.log.Error("nothing can be made of a heartbeat; trying again later", "service", src.Heartbeat.Service, "heartbeat", src.Heartbeat.Name, "source", src.Name, "err", err)
			rest := enginedb.SourceChange{Heartbeat: src.Heartbeat, HeartbeatSource: src.HeartbeatSource, PutOff: true, Deadline: src.Now.Add(heartbeatRest)}
			if err := enginedb.New(p.cfg.DB).SaveSources(ctx, []enginedb.SourceChange{rest}); err != nil {
				return watchHeartbeatsEvery, err
			}
		}
		if n == 0 && err == nil {
			break
		}
	}
	return 0, nil
}

func (p *Pager) lookAtSome(ctx context.Context, limit int) (n int, tried []enginedb.LockedSource, err error) {
	err = p.inOneTx(ctx, p.cfg.DB, func(tx pgx.Tx, digits int) (func(), error) {
		db := enginedb.New(tx)
		tried, err = db.DueSources(ctx, limit, p.Offset())
		if err != nil || len(tried) == 0 {
			return nil, err
		}
		var alerts []engine.Alert
		changes, of := make([]enginedb.SourceChange, len(tried)), []int{}
		for i, src := range tried {
			var followed []engine.Alert
			changes[i], followed = looked(src)
			for _, a := range followed {
				alerts, of = append(alerts, a), append(of, i)
			}
		}
		told, after, err := p.tellOf(ctx, tx, digits, alerts, false)
		if err != nil {
			return nil, err
		}
		for i, in := range told {
			if in.alone { // as it was; somebody holds its incident
				changes[of[i]].PutOff, changes[of[i]].Deadline = true, tried[of[i]].Now.Add(heartbeatBusy)
			}
		}
		return after, db.SaveSources(ctx, changes)
	})
	return len(tried), tried, err
}

var heartbeatsDesc = prometheus.NewDesc("rouse_heartbeats", "Sources of heartbeats, by how they are; a heartbeat that waits for its first sign counts as one.", []string{"state"}, nil)

// heartbeatCollector counts heartbeats when it is asked.
type heartbeatCollector struct{ p *Pager }

func (heartbeatCollector) Describe(ch chan<- *prometheus.Desc) { ch <- heartbeatsDesc }

func (c heartbeatCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	counts, err := enginedb.New(c.p.cfg.DB).CountHeartbeats(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(heartbeatsDesc, err)
		return
	}
	for _, state := range engine.HeartbeatStates() {
		ch <- prometheus.MustNewConstMetric(heartbeatsDesc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}
