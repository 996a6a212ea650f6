package prove

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"rouse/engine"
	"rouse/notifiers/fake"
	"rouse/rosters"
)

const (
	spoolRate  = 50               // alerts a second
	spoolAgain = 60 * time.Second // for everything to be in the database once it answers
	spoolOrder = time.Second      // alerts accepted so long after one another open their incidents in that order
)

// proveSpool takes the database away while alerts come in, each its own trouble, kills the node while it takes
// in what it had kept on its disk, and looks for every alert that a sender was told is taken.
func proveSpool(ctx context.Context, t *trial) (Result, error) {
	s := &spoolTrial{t: t, away: 30 * time.Second}
	if t.o.Full {
		s.away = 10 * time.Minute
	}
	if t.o.Trials > 0 {
		s.away = time.Duration(t.o.Trials) * time.Second
	}
	r, err := t.newRig(ctx, layout{nodes: 1, world: s.world(), environ: []string{"ROUSE_SPOOL_LIMIT=100MB", "ROUSE_SPOOL_DIR=" + filepath.Join(t.dir, "spool")}})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	s.r = r
	r.phones.react(func(person, sent) reaction { return reaction{} })
	stop := r.load(spoolRate, s.alert)
	fake.Sleep(ctx, 3*time.Second)
	s.began = time.Now()
	t.say("the database is away for %s", s.away)
	if err := r.withoutPostgres(ctx, s.away); err != nil {
		return Result{}, err
	}
	s.back = time.Now()
	fake.Sleep(ctx, time.Second)
	r.nodes[0].kill() // what it had taken in, and not struck out, comes twice
	if !r.nodes[0].up(20 * time.Second) {
		return Result{}, fmt.Errorf("node a did not become ready: see its log (--keep)")
	}
	fake.Sleep(ctx, 2*time.Second)
	stop()
	return s.judge(ctx)
}

// spoolTrial is one run of it.
type spoolTrial struct {
	t           *trial
	r           *rig
	away        time.Duration
	began, back time.Time

	mu   sync.Mutex
	sent int
}

// world has many people who are each paged for a service of their own, and nobody who answers.
func (s *spoolTrial) world() *world {
	w := newWorld(outageWait)
	w.addTeam(s.t.rand, team{id: "imoc", plans: []plan{pushed}, habit: manager}, 0)
	for i := range 50 {
		id := rosters.PersonID(fmt.Sprintf("person-%d", i))
		w.addReached(id, habit{}, 0, rosters.Push)
		w.addService(engine.ServiceID(fmt.Sprintf("service-%d", i)), engine.Level{Targets: []engine.Target{{Person: id}}, Wait: outageWait})
	}
	return w
}

func (s *spoolTrial) alert(i int) alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	return alert{trouble: fmt.Sprintf("spool-%d", i), service: s.r.world.services[i%50], severity: engine.Critical}
}

// stored is an alert as the database has it.
type stored struct {
	incident int64
	alerts   int
}

// judge waits until all is in the database, and holds what senders were told against it.
func (s *spoolTrial) judge(ctx context.Context) (Result, error) {
	if err := s.r.failed(); err != nil {
		return Result{}, err
	}
	book := s.r.ledger.read()
	in, took, err := s.await(ctx, book.accepted)
	if err != nil {
		return Result{}, err
	}
	c := newComparison(record{book: book, world: s.r.world, until: time.Now()}, limits{})
	c.result.N, c.result.Unit, c.result.Refused = len(book.accepted), "alerts", len(book.refused)
	var kept int
	for _, a := range book.accepted {
		if a.at.After(s.began) && a.at.Before(s.back) {
			kept++
			c.result.raw.late = append(c.result.raw.late, a.at.Sub(a.posted))
		}
		found, ok := in[a.trouble]
		switch {
		case !ok:
			c.found(&c.result.Lost, "", "what was accepted is in the database", "%s, accepted at %s, is not", a.trouble, a.at.Format(clock))
		case found.alerts > a.tries:
			c.found(&c.result.Duplicated, "", "what is kept on disk is taken in once", "%s was sent %s and counts %d times", a.trouble, times(a.tries), found.alerts)
		}
	}
	if took > spoolAgain {
		c.found(&c.result.TooLate, "", "what was kept is in the database within a minute of its return", "it took %s", took.Round(time.Second))
	}
	s.order(c, book.accepted, in)
	c.result.spread()
	for _, what := range c.order {
		c.result.Breaches = append(c.result.Breaches, *c.breach[what])
	}
	r := c.result
	r.note("the database was away for %s; %d of %d alerts were accepted meanwhile, each answered in p50 %.3f, p99 %.3f, max %.3f s (late); all were in %.1f s after it was back, the node being killed once",
		s.away, kept, len(book.accepted), r.Late.P50, r.Late.P99, r.Late.Max, took.Seconds())
	return r, nil
}

// await tells when everything that was accepted was in the database, and how often.
func (s *spoolTrial) await(ctx context.Context, all []accepted) (in map[string]stored, took time.Duration, err error) {
	for deadline := s.back.Add(3 * spoolAgain); ; {
		if in, err = s.read(ctx); err != nil {
			return nil, 0, err
		}
		missing := slices.ContainsFunc(all, func(a accepted) bool { _, ok := in[a.trouble]; return !ok })
		if took = time.Since(s.back); !missing || time.Now().After(deadline) || !fake.Sleep(ctx, 250*time.Millisecond) {
			return in, took, nil
		}
	}
}

func (s *spoolTrial) read(ctx context.Context) (map[string]stored, error) {
	rows, err := s.r.db.Query(context.WithoutCancel(ctx), `select dedup_key, id, alert_n from incident`)
	if err != nil {
		return nil, fmt.Errorf("reading what is in the database: %w", err)
	}
	defer rows.Close()
	in := map[string]stored{}
	for rows.Next() {
		var trouble string
		var f stored
		if err := rows.Scan(&trouble, &f.incident, &f.alerts); err != nil {
			return nil, err
		}
		in[trouble] = f
	}
	return in, rows.Err()
}

// order checks that first pages come in the order in which troubles were reported, person by person.
func (s *spoolTrial) order(c *comparison, all []accepted, in map[string]stored) {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b accepted) int { return a.at.Compare(b.at) })
	latest := map[engine.ServiceID]accepted{} // the one with the highest number among those accepted long enough before
	waiting := map[engine.ServiceID][]accepted{}
	for _, a := range sorted {
		queue := waiting[a.service]
		for len(queue) > 0 && a.posted.Sub(queue[0].at) > spoolOrder {
			if is, ok := latest[a.service]; !ok || in[queue[0].trouble].incident > in[is.trouble].incident {
				latest[a.service] = queue[0]
			}
			queue = queue[1:]
		}
		waiting[a.service] = append(queue, a)
		before, ok := latest[a.service]
		if number := in[a.trouble].incident; ok && number != 0 && number < in[before.trouble].incident {
			c.found(&c.result.Early, "", "incidents are opened in the order of their alerts", "%s, accepted at %s, was opened before %s, accepted at %s",
				a.trouble, a.at.Format(clock), before.trouble, before.at.Format(clock))
		}
	}
}
