package prove

import (
	"context"
	"fmt"
	"sync"
	"time"

	"rouse/engine"
	"rouse/notifiers/fake"
	"rouse/notifiers/twilio/twiliosim"
	"rouse/rosters"
)

// proveProviders has providers go wrong in every way that is known of them: for each way there is somebody
// whose first contact it befalls and, beside that, all of a provider is out of order for a while, in each
// way in turn.
func proveProviders(ctx context.Context, t *trial) (Result, error) {
	p := &providerProof{t: t, cases: providerCases(), of: map[rosters.PersonID]providerCase{}, mishaps: newMishaps(), waves: t.size(2, 60),
		played: make(chan struct{})}
	r, err := t.newRig(ctx, layout{nodes: 2, world: p.world(), mishaps: p.mishaps})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	p.r = r
	p.preparePhones()
	stop := r.load(fleetPerSecond, p.fleetAlert())
	r.work.Go(func() { p.play(ctx) })
	p.outages(ctx)
	p.await(ctx) // what cannot be reached at all cannot be reached by anybody
	for _, channel := range []rosters.Channel{rosters.Push, rosters.SMS} {
		if err := p.unreachable(ctx, channel); err != nil {
			return Result{}, err
		}
	}
	result, err := r.finish(ctx, stop, limits{late: backLate, mayFail: true, also: p.judge})
	p.notes(&result)
	return result, err
}

// providerProof is one run.
type providerProof struct {
	t       *trial
	r       *rig
	cases   []providerCase
	of      map[rosters.PersonID]providerCase
	mishaps *mishaps
	waves   int
	played  chan struct{} // closed when the alerts of all cases are accepted

	failed, silent []time.Duration // from the first message of a path to that of the next
	judged         int             // cases
}

// How many services share what befalls whole providers, and how many alerts they have.
const (
	fleetCalls     = 8 // whose people are called first
	fleetOthers    = 30
	fleetPerSecond = 4
)

// world has the people of all cases and waves, and those of the fleet.
func (p *providerProof) world() *world {
	w := newWorld(5 * time.Second)
	w.addTeam(p.t.rand, team{id: "imoc", plans: []plan{pushed, texted}, habit: manager}, 0)
	for _, c := range p.cases {
		for wave := range p.waves {
			c.addTo(w, p.mishaps, wave)
			p.of[rosters.PersonID(c.named(wave))] = c
		}
	}
	pairs := [][]rosters.Channel{{rosters.Push, rosters.SMS}, {rosters.SMS, rosters.Push}, {rosters.SMS, rosters.Voice}}
	for i := range fleetCalls + fleetOthers {
		channels := pairs[i%len(pairs)]
		if i < fleetCalls {
			channels = []rosters.Channel{rosters.Voice, rosters.Push}
		}
		var levels []engine.Level
		for _, level := range []string{"first", "second"} {
			id := rosters.PersonID(fmt.Sprintf("fleet-%d-%s", i, level))
			w.addReached(id, habit{ack: 0.9, least: 200 * time.Millisecond, most: time.Second}, 10*time.Minute, channels...)
			levels = append(levels, engine.Level{Targets: []engine.Target{{Person: id}}, Wait: 12 * time.Second})
		}
		w.addService(engine.ServiceID(fmt.Sprintf("fleet-%d", i)), levels...)
	}
	return w
}

// fleetAlert goes round the fleet; those who are called are spared, as a phone rings for one at a time.
func (p *providerProof) fleetAlert() func(i int) alert {
	return func(i int) alert {
		no := fleetCalls + i%fleetOthers
		if i%10 == 9 {
			no = i / 10 % fleetCalls
		}
		return alert{trouble: fmt.Sprintf("fleet-%d", i), service: engine.ServiceID(fmt.Sprintf("fleet-%d", no)), severity: engine.Severity(1 + i%2)}
	}
}

// preparePhones tells the phones of the cases' people what to do. They answer the contact that has to be
// the last, a little later than the next would be tried by mistake.
func (p *providerProof) preparePhones() {
	for id, c := range p.of {
		number := ""
		for _, contact := range p.r.world.people[id].Contacts {
			if contact.Channel != rosters.Push {
				number = contact.Address
			}
		}
		if c.on == rosters.SMS {
			p.r.phones.line.Phone(number).OnSMS(c.text)
		}
		if c.call.Do != "" {
			p.r.phones.machine(number, c.call)
		}
	}
	p.r.phones.react(func(who person, s sent) reaction {
		c, one := p.of[who.ID]
		switch {
		case !one:
			return p.r.phones.byHabit(who, s)
		case c.moves && s.channel == c.second():
			return reaction{acknowledges, 300 * time.Millisecond}
		case !c.moves && s.channel == c.on:
			return reaction{acknowledges, 2500 * time.Millisecond}
		default:
			return reaction{}
		}
	})
}

// machine answers the calls to a number from now on.
func (p *phones) machine(number string, plan twiliosim.CallPlan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.machines == nil {
		p.machines = map[string]twiliosim.CallPlan{}
	}
	p.machines[number] = plan
}

// play lets the alerts of the cases come, in waves; from the second on, all callbacks come twice and in
// the wrong order.
func (p *providerProof) play(ctx context.Context) {
	defer close(p.played)
	var senders sync.WaitGroup
	defer senders.Wait()
	for wave := range p.waves {
		if wave == 1 {
			p.r.phones.line.DuplicateCallbacks(true)
			p.r.phones.line.DisorderCallbacks(true)
		}
		for _, c := range p.cases {
			if c.slow && wave == 1 && !p.t.o.Full {
				continue // minutes are few
			}
			id := c.named(wave)
			senders.Go(func() {
				p.r.report(p.r.ctx, alert{trouble: "case-" + id, service: engine.ServiceID(id), severity: 1})
			})
			fake.Sleep(ctx, 40*time.Millisecond)
		}
		p.t.say("wave %d of %d", wave+1, p.waves)
		if wave+1 == p.waves || !fake.Sleep(ctx, 9*time.Second) {
			return
		}
	}
}

// spell is how long a provider is out of order in one way, and how long it is well then.
func (p *providerProof) spell() (lasts, rests time.Duration) {
	if p.t.o.Full {
		return 30 * time.Second, 5 * time.Second
	}
	return 2 * time.Second, 600 * time.Millisecond
}

// outages have the providers of the fleet go wrong, one after the other, in each way.
func (p *providerProof) outages(ctx context.Context) {
	lasts, rests := p.spell()
	chance := p.t.chance("outages")
	for _, at := range [][]rosters.Channel{{rosters.Push}, {rosters.SMS, rosters.Voice}} {
		kinds := []mishapKind{outOfOrder, tooMany, garbage, silent, resets, sentSilent, sentResets, sentFails}
		chance.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, kind := range kinds {
			p.mishaps.set(mishap{kind: kind, after: time.Second}, at...)
			fake.Sleep(ctx, lasts)
			p.mishaps.set(mishap{}, at...)
			fake.Sleep(ctx, rests)
		}
		p.t.say("the provider of %s was out of order in %d ways", at[0], len(kinds))
	}
}

// await waits until the cases are over, but not for ever.
func (p *providerProof) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for fake.Sleep(ctx, 200*time.Millisecond) {
		select {
		case <-p.played:
		default:
			continue
		}
		left := 0
		err := p.r.db.QueryRow(ctx, `select count(*) from incident where status = 'new' and dedup_key like 'case-%'`).Scan(&left)
		if err == nil && left == 0 {
			return
		}
	}
}

// unreachable is a provider that cannot be reached, for messages and for questions alike.
const unreachable faultKind = "provider unreachable"

// unreachable cuts the way to a provider, and lets it hang.
func (p *providerProof) unreachable(ctx context.Context, channel rosters.Channel) error {
	lasts, rests := p.spell()
	for _, how := range []func(*proxy){(*proxy).cut, (*proxy).hang} {
		from := time.Now()
		for _, n := range p.r.nodes {
			how(n.provider(channel).proxy)
		}
		fake.Sleep(ctx, lasts)
		for _, n := range p.r.nodes {
			if err := n.provider(channel).heal(); err != nil {
				return err
			}
		}
		p.r.ledger.fault(fault{kind: unreachable, from: from, to: time.Now()})
		fake.Sleep(ctx, rests)
	}
	return nil
}

// provider is what the node takes for the provider of a channel.
func (n *engineNode) provider(channel rosters.Channel) *provider {
	if channel == rosters.Push {
		return n.ntfy
	}
	return n.twilio
}

func (p *providerProof) notes(r *Result) {
	failed, silent := spreadOf(p.failed), spreadOf(p.silent)
	r.note("%d cases of %d ways to go wrong were judged one by one; beside them, push and Twilio were out of order in 10 ways each", p.judged, len(p.cases))
	r.note("from the first message of a contact that failed to that of the next p50 %.1f, max %.1f s (%d; %.0f s allowed); of one that nothing was heard of max %.1f s (%d; %.0f s)",
		failed.P50, failed.Max, failed.N, otherPath.Seconds(), silent.Max, silent.N, silentPath.Seconds())
}
