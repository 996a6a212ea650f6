package prove

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rouse/engine"
	"rouse/notifiers/fake"
	"rouse/notifiers/ntfy/ntfysim"
	"rouse/notifiers/twilio/twiliosim"
	"rouse/rosters"
)

// proveDelivery has the first provider of every channel go wrong in five ways, one after the other, under load.
// There is a second one of each, and everybody has a second contact.
func proveDelivery(ctx context.Context, t *trial) (Result, error) {
	p := &deliveryProof{t: t, mishaps: newMishaps(), people: 240}
	if t.o.Full {
		p.people = 800
	}
	r, err := t.newRig(ctx, layout{nodes: 2, world: p.world(), mishaps: p.mishaps, spare: true})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	p.r = r
	stop := r.load(deliveryPerSecond, func(i int) alert {
		return alert{trouble: fmt.Sprintf("trouble-%d", i), service: r.world.services[i%p.people], severity: engine.Severity(1 + i%2)}
	})
	if err := p.spells(ctx); err != nil {
		return Result{}, err
	}
	result, err := r.finish(ctx, stop, limits{late: backLate, mayFail: true, spare: true, also: p.judge})
	p.notes(&result)
	return result, err
}

// deliveryProof is one run.
type deliveryProof struct {
	t       *trial
	r       *rig
	mishaps *mishaps
	people  int
	gone    []spell
	arrived arrivals // nil: as the simulators tell
}

// spell is a time in which the first providers went wrong in one way.
type spell struct {
	name     string
	from, to time.Time
	n, spare int             // incidents that began in it, and those of them whose person was reached by a spare provider first
	took     []time.Duration // until the person was reached
}

const deliveryPerSecond = 5

// world has people with two contacts each, of whom everybody answers what reaches them.
func (p *deliveryProof) world() *world {
	const long = 30 * time.Minute // nothing is due by itself
	w := newWorld(long)
	w.addTeam(p.t.rand, team{id: "imoc", plans: []plan{pushed, texted}, habit: manager}, 0)
	plans := [][]rosters.Channel{{rosters.Push, rosters.SMS}, {rosters.SMS, rosters.Push}, {rosters.SMS, rosters.Voice}, {rosters.Voice, rosters.Push}}
	for i := range p.people {
		id := rosters.PersonID(fmt.Sprintf("person-%d", i))
		w.addReached(id, habit{ack: 1, least: 200 * time.Millisecond, most: time.Second}, long, plans[i%len(plans)]...)
		w.addService(engine.ServiceID(id), engine.Level{Targets: []engine.Target{{Person: id}}, Wait: long})
	}
	return w
}

// spells has them go wrong.
func (p *deliveryProof) spells(ctx context.Context) error {
	lasts, rests := 8*time.Second, 2*time.Second
	if p.t.o.Full {
		lasts, rests = 5*time.Minute, 20*time.Second
	}
	all := []rosters.Channel{rosters.Push, rosters.SMS, rosters.Voice}
	phones := all[1:]
	befall := func(what mishap, channels ...rosters.Channel) func() error {
		return func() error { p.mishaps.set(what, channels...); return nil }
	}
	well := befall(mishap{}, all...)
	for _, s := range []struct {
		name       string
		lasts      time.Duration
		begin, end func() error
	}{
		{"dead", lasts, p.cut, p.heal},
		{"slow (20 s)", lasts, befall(mishap{kind: slow, after: 20 * time.Second}, all...), well},
		{"throttling (429)", lasts, befall(mishap{kind: tooMany, after: time.Minute}, all...), well},
		{"failing (500) after sending", lasts / 2, befall(mishap{kind: sentFails}, all...), well},
		{"resetting after sending", lasts / 2, befall(mishap{kind: sentResets}, all...), well},
		{"lying", lasts, befall(mishap{kind: lies}, phones...), well}, // a push has no receipt that could be missed
	} {
		if ctx.Err() != nil {
			return nil
		}
		now := spell{name: s.name, from: time.Now()}
		if err := s.begin(); err != nil {
			return err
		}
		for left := s.lasts; left > 0 && fake.Sleep(ctx, min(left, 30*time.Second)); left -= 30 * time.Second {
			p.t.say("the first providers are %s, for %s more", s.name, max(0, left-30*time.Second))
		}
		if err := s.end(); err != nil {
			return err
		}
		now.to = time.Now()
		p.gone = append(p.gone, now)
		fake.Sleep(ctx, rests)
	}
	return nil
}

// cut has the first providers refuse connections; heal lets them take some again. What was on its way to one just then
// may have come there, and nobody can ask.
func (p *deliveryProof) cut() error {
	const onItsWay = time.Second
	at := time.Now()
	for _, n := range p.r.nodes {
		n.ntfy.cut()
		n.twilio.cut()
	}
	p.r.ledger.fault(fault{kind: unreachable, from: at.Add(-onItsWay), to: time.Now()})
	return nil
}

func (p *deliveryProof) heal() error {
	for _, n := range p.r.nodes {
		for _, provider := range []*provider{n.ntfy, n.twilio} {
			if err := provider.heal(); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrivals are what phones got, and when: texts that were shown, calls that rang, pushes.
type arrivals map[arrival]time.Time

// arrival is one of them, by the provider's id for it; two providers may have the same.
type arrival struct {
	spare bool
	id    string
}

// of is when a message came to its phone.
func (a arrivals) of(m *message) (at time.Time, ok bool) {
	at, ok = a[arrival{m.spare, m.id}]
	return at, ok && m.id != ""
}

func (p *phones) arrivals() arrivals {
	all := arrivals{}
	for spare, line := range map[bool]*twiliosim.Sim{false: p.line, true: p.spareLine} {
		if line == nil {
			continue
		}
		for _, e := range line.Events() {
			if e.Kind == twiliosim.Texted || e.Kind == twiliosim.Ringing {
				all[arrival{spare, e.SID}] = e.At
			}
		}
	}
	for spare, push := range map[bool]*ntfysim.Sim{false: p.push, true: p.sparePush} {
		if push == nil {
			continue
		}
		for _, e := range push.Events() {
			if e.Kind == ntfysim.Pushed {
				all[arrival{spare, e.ID}] = e.At
			}
		}
	}
	return all
}

// first is the first message of a page that came to a phone, nil if none did; lied says that a provider claimed to
// have sent one before.
func (c *comparison) first(inc *incident, of *page, arrived arrivals) (first *message, at time.Time, lied bool) {
	for _, a := range of.attempts {
		for _, m := range c.byNo[attemptRef{inc.id, a.no}].sent {
			lied = lied || m.lied
			if came, ok := arrived.of(m); ok && (first == nil || came.Before(at)) {
				first, at = m, came
			}
		}
	}
	return first, at, lied
}

// judge checks that everybody was reached, whatever the first provider did, and how soon.
func (p *deliveryProof) judge(c *comparison) {
	if p.arrived == nil {
		p.arrived = p.r.phones.arrivals()
	}
	for i := range c.incidents {
		inc := &c.incidents[i]
		c.byPeople(inc)
		if len(inc.pages) > 0 {
			p.reached(c, inc, &inc.pages[0])
		}
	}
	c.lookedUp()
}

// reached checks that a page came to the phone of its person in time: later only if a provider had said that it sent
// a message, and had not.
func (p *deliveryProof) reached(c *comparison, inc *incident, of *page) {
	const expected = "when one provider fails another way is taken within %s"
	if len(of.attempts) == 0 {
		return // told of already
	}
	first, at, lied := c.first(inc, of, p.arrived)
	in := &spell{} // in none: a provider is well
	if i := slices.IndexFunc(p.gone, func(s spell) bool { return !of.startedAt.Before(s.from) && of.startedAt.Before(s.to) }); i >= 0 {
		in = &p.gone[i]
	}
	in.n++
	within := otherPath
	if lied {
		within = silentPath
	}
	hold := c.hold(&of.attempts[0], of)
	if first == nil {
		if c.until.Sub(of.startedAt) > within+hold {
			c.found(&c.result.Lost, inc.key, "everybody is reached, whatever one provider does", "%s was not, while providers were %s", of.person, in.name)
		}
		return
	}
	took := at.Sub(of.startedAt)
	in.took = append(in.took, took)
	if first.spare {
		in.spare++
	}
	if took > within+hold {
		c.found(&c.result.TooLate, inc.key, fmt.Sprintf(expected, within), "%s was reached by %s after %s, while providers were %s",
			of.person, first.channel, took.Round(time.Millisecond), in.name)
	}
}

func (p *deliveryProof) notes(r *Result) {
	for _, s := range p.gone {
		took := spreadOf(s.took)
		r.note("first providers %s for %s: %d people were to be paged, %d reached, %d of them by a second provider first; after p50 %.1f, p99 %.1f, max %.1f s",
			s.name, s.to.Sub(s.from).Round(time.Second), s.n, took.N, s.spare, took.P50, took.P99, took.Max)
	}
}
