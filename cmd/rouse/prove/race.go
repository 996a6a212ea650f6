package prove

import (
	"context"
	"fmt"
	"time"

	"rouse/engine"
)

// raceWithin is how near an answer comes to what it races with.
const raceWithin = 500 * time.Millisecond

// proveRace has people answer at the very moment at which their level ends, or their next contact is due:
// just before, just after, and while a provider is being called. Nothing else is broken.
func proveRace(ctx context.Context, t *trial) (Result, error) {
	n := t.size(300, 10_000)
	const perSecond = 12
	waits := pace{first: 2 * time.Second, second: 2 * time.Second, imoc: 5 * time.Second}
	r, err := t.newRig(ctx, layout{nodes: 2, second: time.Second, // a phone rings for 25 s, unless it is told to stop
		world: usualWorld(t.rand, waits, time.Duration(n/perSecond)*time.Second+2*time.Minute)})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	r.phones.react(func(who person, s sent) reaction { return r.races(who, s, waits.first) })
	chance := t.chance("alerts")
	done := make(chan struct{})
	stop := r.load(perSecond, func(i int) alert {
		if i == n-1 {
			close(done)
		}
		return r.world.anyAlert(chance, fmt.Sprintf("%s-%d", t.name, i))
	})
	r.await(ctx, done, n, perSecond)
	result, err := r.finish(ctx, stop, limits{late: unbrokenLate, median: halfLate})
	result.N, result.Unit = result.Raced, "races"
	result.note("%d acknowledgements, %d of them within %s of a page or a level's end; the last message was begun %.3f s after one; %d calls were hung up",
		result.Answers, result.Raced, raceWithin, result.AfterAckMax, result.HungUp)
	return result, err
}

// unbrokenLate is how late a page may be where nothing is broken, halfLate how late half of them may be
// whatever is: what is broken concerns a few at a time, and the quick way serves the others.
const (
	unbrokenLate = 2 * time.Second
	halfLate     = 300 * time.Millisecond
)

// await waits until all alerts of a load have been sent, and tells how far it is.
func (r *rig) await(ctx context.Context, done <-chan struct{}, n, perSecond int) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for began := time.Now(); ; {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
			r.t.say("%d of %d alerts sent", min(n, int(time.Since(began).Seconds()*float64(perSecond))), n)
		}
	}
}

// races says when somebody answers: around the end of the level, or around their second contact if they
// have one.
func (r *rig) races(who person, s sent, wait time.Duration) reaction {
	chance := r.t.chance("race", string(who.ID), s.about())
	if who.habit.ack == manager.ack {
		return who.habit.draw(chance)
	}
	moment := wait
	if len(who.Contacts) > 1 && chance.IntN(2) == 0 {
		moment = who.Contacts[1].After
	}
	if chance.IntN(10) == 0 {
		return reaction{}
	}
	return reaction{acknowledges, moment + between(chance, -raceWithin, raceWithin)}
}

// raced counts the acknowledgements that came within a moment of the end of a level or of a call of a
// provider.
func (c *comparison) raced(inc *incident) (n int) {
	ack, ok := inc.first(1, engine.ReasonAcknowledged)
	if !ok {
		return 0
	}
	near := func(at time.Time) bool { return at.Sub(ack.at).Abs() <= raceWithin }
	for _, l := range inc.lines {
		if l.reason == engine.ReasonLevelBegins && near(l.at) {
			return 1
		}
	}
	for _, p := range inc.pages {
		for _, a := range p.attempts {
			for _, s := range c.byNo[attemptRef{inc.id, a.no}].sent {
				if near(s.began) {
					return 1
				}
			}
		}
		if ladder := c.world.ladders[inc.service]; p.level >= 0 && p.level < len(ladder.Levels) && near(p.startedAt.Add(ladder.Levels[p.level].Wait)) {
			return 1 // the level would have ended then; a question has none
		}
	}
	return 0
}
