package prove

import (
	"context"
	"fmt"
	"time"

	"rouse/engine"
	"rouse/notifiers/twilio/twiliosim"
	"rouse/rosters"
)

// proveUndelivered pages many by text, of which three in ten end undelivered: late, and with all receipts twice and in
// the wrong order.
func proveUndelivered(ctx context.Context, t *trial) (Result, error) {
	p := &undeliveredProof{t: t, people: t.size(100, 1000), fate: map[rosters.PersonID]fate{}}
	r, err := t.newRig(ctx, layout{nodes: 2, world: p.world()})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	p.r = r
	p.prepare()
	r.reportEvenly(ctx, p.people, 20, func(i int) alert {
		return alert{trouble: fmt.Sprintf("trouble-%d", i), service: r.world.services[i], severity: engine.Severity(1 + i%2)}
	})
	result, err := r.finish(ctx, func() { p.awaitReceipts(ctx) }, limits{late: backLate, mayFail: true, also: p.judge})
	p.notes(&result)
	return result, err
}

// undeliveredProof is one run.
type undeliveredProof struct {
	t       *trial
	r       *rig
	people  int
	fate    map[rosters.PersonID]fate
	arrived arrivals // nil: as the simulators tell

	dead int             // texts that were undelivered
	took []time.Duration // from when that was known to the other way
}

// fate is what becomes of the texts to somebody.
type fate struct {
	undelivered bool
	after       time.Duration // it is known
}

// world has people who are texted, and then pushed or called, of whom everybody answers what reaches them.
func (p *undeliveredProof) world() *world {
	const long = 30 * time.Minute // nothing is due by itself
	w := newWorld(long)
	w.addTeam(p.t.rand, team{id: "imoc", plans: []plan{pushed}, habit: manager}, 0)
	for i := range p.people {
		id, other := rosters.PersonID(fmt.Sprintf("person-%d", i)), rosters.Push
		if i%4 == 0 {
			other = rosters.Voice
		}
		w.addReached(id, habit{ack: 1, least: 200 * time.Millisecond, most: time.Second}, long, rosters.SMS, other)
		w.addService(engine.ServiceID(id), engine.Level{Targets: []engine.Target{{Person: id}}, Wait: long})
		switch chance := p.t.chance("fate", string(id)); {
		case i%10 >= 3:
			p.fate[id] = fate{false, between(chance, 0, 3*time.Second)}
		case i%10 == 0 && i%40 == 0: // after the time in which a receipt is waited for
			p.fate[id] = fate{true, between(chance, 31*time.Second, 45*time.Second)}
		default:
			p.fate[id] = fate{true, between(chance, 0, 25*time.Second)}
		}
	}
	return w
}

// prepare tells the network what becomes of the texts, and people that they cannot answer what they have not got.
func (p *undeliveredProof) prepare() {
	p.r.phones.line.DuplicateCallbacks(true)
	p.r.phones.line.DisorderCallbacks(true)
	for id, f := range p.fate {
		plan := twiliosim.SMSPlan{Delay: f.after}
		if f.undelivered {
			plan.ErrorCode = 30003 // unreachable
		}
		p.r.phones.line.Phone(p.r.world.people[id].Contacts[0].Address).OnSMS(plan)
	}
	p.r.phones.react(func(who person, s sent) reaction {
		does := p.r.phones.byHabit(who, s)
		switch f := p.fate[who.ID]; {
		case s.channel == rosters.SMS && f.undelivered:
			return reaction{}
		case s.channel == rosters.SMS:
			does.after += f.after
		}
		return does
	})
}

// awaitReceipts waits until the network has told of every text what became of it.
func (p *undeliveredProof) awaitReceipts(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	p.r.phones.line.Idle(ctx)
}

// judge checks that everybody whose text was not delivered was reached another way, and how soon that was known.
func (p *undeliveredProof) judge(c *comparison) {
	if p.arrived == nil {
		p.arrived = p.r.phones.arrivals()
	}
	for i := range c.incidents {
		inc := &c.incidents[i]
		c.byPeople(inc)
		for j := range inc.pages {
			p.page(c, inc, &inc.pages[j])
		}
	}
}

func (p *undeliveredProof) page(c *comparison, inc *incident, of *page) {
	const expected = "who was not reached by text is reached another way"
	f, one := p.fate[of.person]
	text := of.tried(0)
	if !one || text == nil {
		return
	}
	if f.undelivered {
		p.dead++
	}
	if f.undelivered && text.state != engine.Failed {
		var n int // the table counts what is lost
		c.found(&n, inc.key, "a text that ends undelivered is known to have failed, in whatever order receipts come", "%s's is %s", of.person, text.state)
	}
	first, at, _ := c.first(inc, of, p.arrived)
	began := c.byNo[attemptRef{inc.id, text.no}].sent
	switch {
	case first == nil:
		c.found(&c.result.Lost, inc.key, expected, "%s was not", of.person)
		return
	case f.undelivered && first.channel == rosters.SMS:
		c.found(&c.result.WrongPerson, inc.key, "the network delivers what it is told to deliver", "%s got a text", of.person)
		return
	case !f.undelivered || len(began) == 0:
		return
	}
	took := max(0, at.Sub(began[0].began.Add(f.after)))
	p.took = append(p.took, took)
	if took > otherPath || at.Sub(began[0].began) > silentPath {
		c.found(&c.result.TooLate, inc.key, fmt.Sprintf("the other way is taken within %s of a failure, and %s of silence", otherPath, silentPath),
			"%s was reached %s after the text was sent", of.person, at.Sub(began[0].began).Round(time.Millisecond))
	}
}

func (p *undeliveredProof) notes(r *Result) {
	took := spreadOf(p.took)
	r.note("%d of %d texts ended undelivered, after up to 45 s, with all receipts twice and the last one first; %d people were reached another way, after p50 %.2f, max %.2f s",
		p.dead, p.people, took.N, took.P50, took.Max)
}
