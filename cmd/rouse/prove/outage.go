package prove

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"rouse/engine"
	"rouse/notifiers/fake"
	"rouse/rosters"
)

// outage is a long stop with much open: who is to be told of what afterwards.
type outage struct {
	t      *trial
	r      *rig
	open   int
	people int

	whose   map[string]rosters.PersonID // incidents that nobody had answered when all stopped
	over    map[string]engine.Status    // the others
	before  int                         // messages until then
	ready   time.Time                   // again
	stopped []incident
}

// stoppedFor is how far the clock is moved while nothing runs: much more than any level waits.
const stoppedFor = 2 * time.Hour

// outageWait is how long levels wait: so long that none is over while the incidents are opened.
const outageWait = 30 * time.Minute

// proveOutage opens thousands of incidents, of which some are acknowledged and some resolved, stops everything,
// lets two hours pass, and starts it again.
func proveOutage(ctx context.Context, t *trial) (Result, error) {
	o := &outage{t: t, open: t.size(1000, 5000), people: 50}
	r, err := t.newRig(ctx, layout{nodes: 2, world: o.world()})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	o.r = r
	r.phones.react(func(person, sent) reaction { return reaction{} })
	o.fill(ctx)
	if err := o.quieten(ctx); err != nil {
		return Result{}, err
	}
	if err := o.stop(ctx); err != nil {
		return Result{}, err
	}
	o.await(ctx)
	return o.judge(ctx)
}

func (o *outage) world() *world {
	w := newWorld(outageWait)
	w.addTeam(o.t.rand, team{id: "imoc", plans: []plan{pushed}, habit: manager}, 0)
	for i := range o.people {
		first, second := rosters.PersonID(fmt.Sprintf("first-%d", i)), rosters.PersonID(fmt.Sprintf("second-%d", i))
		w.addReached(first, habit{}, 0, rosters.Push)
		w.addReached(second, habit{}, 0, rosters.Push)
		w.addService(engine.ServiceID(fmt.Sprintf("service-%d", i)), engine.Level{Targets: []engine.Target{{Person: first}}, Wait: outageWait},
			engine.Level{Targets: []engine.Target{{Person: second}}, Wait: outageWait})
	}
	return w
}

// fill opens the incidents, and waits until everybody has been told.
func (o *outage) fill(ctx context.Context) {
	const senders = 16
	todo := make(chan alert)
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for a := range todo {
				o.r.report(ctx, a)
			}
		})
	}
	for i := 0; i < o.open && ctx.Err() == nil; i++ {
		todo <- alert{trouble: fmt.Sprintf("trouble-%d", i), service: o.r.world.services[i%o.people], severity: engine.Severity(1 + o.t.rand.IntN(2))}
	}
	close(todo)
	sending.Wait()
	o.t.say("%d incidents are open", o.open)
	for fake.Sleep(ctx, 200*time.Millisecond) {
		var unsent int
		if err := o.r.db.QueryRow(ctx, `select count(*) from attempt where state in ('queued', 'sending')`).Scan(&unsent); err == nil && unsent == 0 {
			return
		}
	}
}

// quieten has some messages answered, and some troubles end by themselves.
func (o *outage) quieten(ctx context.Context) error {
	b := o.r.ledger.read()
	for _, s := range b.sent {
		if o.t.rand.IntN(20) == 0 && s.ack != "" {
			if status := o.r.phones.post(ctx, s.ack); status/100 != 2 {
				return fmt.Errorf("acknowledging %s was answered %d", s.key, status)
			}
		}
	}
	for _, a := range b.accepted {
		if o.t.rand.IntN(10) != 0 {
			continue
		}
		a.alert.action = engine.Resolve
		if _, err := o.r.post(ctx, a.alert); err != nil {
			return fmt.Errorf("resolving %s: %w", a.key, err)
		}
	}
	return nil
}

// stop ends all nodes at once, notes what is open, lets the time pass, and starts them.
func (o *outage) stop(ctx context.Context) (err error) {
	for _, n := range o.r.nodes {
		n.halt(false)
	}
	if o.stopped, err = readIncidents(ctx, o.r.db); err != nil {
		return err
	}
	o.whose, o.over = map[string]rosters.PersonID{}, map[string]engine.Status{}
	for _, inc := range o.stopped {
		if inc.status != engine.New {
			o.over[string(inc.key)] = inc.status
			continue
		}
		o.whose[string(inc.key)] = o.r.world.ladders[inc.service].Levels[0].Targets[0].Person
	}
	o.before = len(o.r.ledger.read().sent)
	o.t.say("stopped, with %d incidents open that nobody has answered, and %d answered or over; %s pass", len(o.whose), len(o.over), stoppedFor)
	for _, n := range o.r.nodes {
		n.mu.Lock()
		o.r.layout.environ = []string{"ROUSE_CLOCK_OFFSET=" + stoppedFor.String()}
		n.mu.Unlock()
	}
	for _, n := range o.r.nodes {
		n.start()
	}
	if !o.r.nodes[0].up(20 * time.Second) {
		return fmt.Errorf("node %s did not become ready: see its log (--keep)", o.r.nodes[0].name)
	}
	o.ready = time.Now()
	return nil
}

// await waits until everything is told, and nothing has come for a while.
func (o *outage) await(ctx context.Context) {
	const calm = 6 * time.Second
	until := time.Now().Add(time.Minute)
	for fake.Sleep(ctx, 500*time.Millisecond) && time.Now().Before(until) {
		sent := o.r.ledger.read().sent[o.before:]
		if len(sent) > 0 && time.Since(sent[len(sent)-1].began) > calm {
			return
		}
	}
}

// judge counts what each person was told after the stop.
func (o *outage) judge(ctx context.Context) (Result, error) {
	if err := o.r.failed(); err != nil {
		return Result{}, err
	}
	ctx = context.WithoutCancel(ctx)
	after, err := readIncidents(ctx, o.r.db)
	if err != nil {
		return Result{}, err
	}
	book := o.r.ledger.read()
	c := newComparison(record{book: book, world: o.r.world, incidents: after, until: time.Now()}, limits{})
	c.result.N, c.result.Unit = len(o.whose), "incidents"
	named, messages := map[string]int{}, map[rosters.PersonID]int{}
	for _, s := range book.sent[o.before:] {
		who := c.world.owners[s.to()]
		if !s.accepted {
			continue
		}
		c.result.Sent++
		messages[who]++
		c.result.raw.late = append(c.result.raw.late, s.began.Sub(o.ready))
		for _, key := range s.names {
			o.named(c, who, key, named)
		}
	}
	for key, who := range o.whose {
		if named[key] == 0 {
			c.found(&c.result.Lost, engine.Key(key), "after a stop everybody is told of all that is open", "%s was not told of it", who)
		}
	}
	most := 0
	for who, n := range messages {
		most = max(most, n)
		if n > 1 {
			c.found(&c.result.TooLate, "", "after a stop everybody gets one message that names all", "%s got %d", who, n)
		}
	}
	o.levels(c)
	return o.result(c, len(messages), most), nil
}

func (o *outage) named(c *comparison, who rosters.PersonID, key string, named map[string]int) {
	switch {
	case o.over[key] != "":
		c.found(&c.result.WrongPerson, engine.Key(key), "nothing is paged that was answered or over", "%s was told of it, and it was %s", who, o.over[key])
		return
	case o.whose[key] != who:
		c.found(&c.result.WrongPerson, engine.Key(key), "nobody is told of what is not theirs", "%s was, and it is %s's", who, o.whose[key])
	}
	if named[key]++; named[key] > 1 {
		c.found(&c.result.Duplicated, engine.Key(key), "nothing is told twice", "%s was told of it %d times", who, named[key])
	}
}

// levels checks that no ladder has moved.
func (o *outage) levels(c *comparison) {
	lines := map[int64]int{}
	for _, inc := range o.stopped {
		lines[inc.id] = len(inc.lines)
	}
	for _, inc := range c.incidents {
		if slices.ContainsFunc(inc.lines[lines[inc.id]:], func(l line) bool { return l.reason == engine.ReasonLevelOver || l.level != 0 }) {
			c.found(&c.result.Early, inc.key, "no level is over for the time in which everything was stopped", "its ladder went on")
		}
	}
}

func (o *outage) result(c *comparison, people, most int) Result {
	c.result.spread()
	for _, what := range c.order {
		c.result.Breaches = append(c.result.Breaches, *c.breach[what])
	}
	r := c.result
	r.note("%d people were told of %d incidents in %d messages, %d at the most, the last one %.1f s after the start; late is from then",
		people, r.N, r.Sent, most, r.Late.Max)
	return r
}
