package prove

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"rouse/engine"
	"rouse/notifiers/fake"
	"rouse/rosters"
)

// stormProof is a storm of alerts: how large it is, and what came of it.
type stormProof struct {
	t                        *trial
	r                        *rig
	alerts, services, people int
	lasts                    time.Duration
	readers                  readers

	first, told []time.Duration // from a person's first alert to their first message; from an alert to the message that told it
	calm        time.Duration
	again       map[place]int // messages about nothing new
	known       map[place]int // of them those that the server knew to be such
	peak        []string      // resident memory, by node
}

// What is promised in a storm.
const (
	stormFirst = 30 * time.Second // everybody has a message about it
	stormCalm  = 15 * time.Second // somebody with another trouble has theirs
	stormTold  = 60 * time.Second // everybody has been told of everything
	stormTexts = 3                // about nothing new go to anybody within ten minutes, which no storm here takes
	stormCalls = 1                // likewise
)

// proveStorm lets thousands of alerts come in a minute, for hundreds of services of fifty people, of whom
// nobody answers, while others read whatever can be read, without a pause.
func proveStorm(ctx context.Context, t *trial) (Result, error) {
	p := &stormProof{t: t, alerts: t.size(2000, 10_000), services: 60, people: 50, lasts: 12 * time.Second}
	if t.o.Full {
		p.services, p.lasts = 300, time.Minute
	}
	r, err := t.newRig(ctx, layout{nodes: 2, world: p.world(), environ: []string{fmt.Sprint("ROUSE_STORM_TEXTS=", stormTexts), fmt.Sprint("ROUSE_STORM_CALLS=", stormCalls)}})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	p.r = r
	r.phones.react(func(person, sent) reaction { return reaction{} })
	told := r.listen()
	stop, err := p.readers.start(ctx, r)
	if err != nil {
		return Result{}, err
	}
	p.send(ctx)
	t.say("waiting until everybody is told of everything")
	p.await(ctx)
	stop()
	p.weigh()
	if err := p.ask(ctx); err != nil {
		return Result{}, err
	}
	result, err := r.judge(ctx, limits{late: stormTold, also: p.judge})
	p.notes(&result)
	told.into(&result)
	return result, err
}

// calmService has nothing to do with the storm, and somebody of its own.
const calmService = "calm"

// world has services with rosters of their own, in which fifty people take turns. Nothing is due by itself
// but second contacts.
func (p *stormProof) world() *world {
	const long = 10 * time.Minute
	w := newWorld(long)
	w.addTeam(p.t.rand, team{id: "imoc", plans: []plan{pushed}, habit: manager}, 0)
	plans := [][]rosters.Channel{{rosters.Push, rosters.SMS}, {rosters.SMS, rosters.Push}, {rosters.Push, rosters.Voice}}
	member := func(i int) rosters.PersonID { return rosters.PersonID(fmt.Sprintf("member-%d", i%p.people)) }
	for i := range p.people {
		w.addReached(member(i), habit{}, p.lasts/2, plans[i%len(plans)]...)
	}
	for i := range p.services {
		id := fmt.Sprintf("service-%d", i)
		w.addRoster(rosters.Roster{ID: rosters.RosterID(id), Name: id, Rotations: []rosters.Rotation{{ID: "turn", Zone: "Europe/Berlin",
			Start: "2024-01-01T09:00:00", Rule: "FREQ=WEEKLY", Participants: []rosters.PersonID{member(i), member(i + 1)}}}})
		w.addService(engine.ServiceID(id), engine.Level{Targets: []engine.Target{{Roster: rosters.RosterID(id)}}, Wait: long})
	}
	w.addReached("somebody-else", habit{}, long, rosters.Push, rosters.SMS)
	w.addService(calmService, engine.Level{Targets: []engine.Target{{Person: "somebody-else"}}, Wait: long})
	return w
}

// send sends the storm, evenly, and in the middle of it an alert of another kind. It returns when all are
// taken in, or given up.
func (p *stormProof) send(ctx context.Context) {
	chance := p.t.chance("alerts")
	var senders sync.WaitGroup
	report := func(a alert) { senders.Go(func() { p.r.report(p.r.ctx, a) }) }
	began := time.Now()
	for i := range p.alerts {
		fake.Sleep(ctx, time.Until(began.Add(p.lasts*time.Duration(i)/time.Duration(p.alerts))))
		if ctx.Err() != nil {
			break
		}
		if i == p.alerts/2 {
			report(alert{trouble: "calm", service: calmService, severity: 1})
		}
		report(alert{trouble: fmt.Sprintf("storm-%d", i), service: p.r.world.services[chance.IntN(p.services)], severity: engine.Severity(1 + chance.IntN(2))})
	}
	senders.Wait()
	p.t.say("%d alerts in %.1f s", p.alerts, time.Since(began).Seconds())
}

// await waits until every alert that was taken in is named in a message to somebody, but not for ever.
func (p *stormProof) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stormTold)
	defer cancel()
	for fake.Sleep(ctx, 500*time.Millisecond) {
		b := p.r.ledger.read()
		named := map[string]bool{}
		for _, s := range b.sent {
			for _, key := range s.names {
				named[key] = named[key] || s.accepted
			}
		}
		if len(named) >= len(b.accepted) {
			return
		}
	}
}

// weigh asks what the nodes' memory was at the most.
func (p *stormProof) weigh() {
	for _, n := range p.r.nodes {
		peak, err := peakMiB(n.PID())
		if err != nil {
			p.t.say("the memory of node %s is not known: %v", n.name, err)
			continue
		}
		p.peak = append(p.peak, fmt.Sprintf("%d MiB", peak))
	}
}

// peakMiB is the most memory that a process ever had: VmHWM in proc(5). Linux only.
func peakMiB(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(kib)
	return n >> 10, err
}
