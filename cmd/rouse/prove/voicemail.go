package prove

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rouse/engine"
	"rouse/notifiers/twilio/twiliosim"
	"rouse/rosters"
)

// proveVoicemail has machines answer calls, many at the same time. What they do acknowledges nothing, and everybody
// is reached by their next contact.
func proveVoicemail(ctx context.Context, t *trial) (Result, error) {
	p := &voicemailProof{t: t, calls: t.size(40, 1000)}
	r, err := t.newRig(ctx, layout{nodes: 2, world: p.world()})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	p.r = r
	p.prepare()
	r.reportEvenly(ctx, p.calls, 20, func(i int) alert {
		return alert{trouble: fmt.Sprintf("trouble-%d", i), service: r.world.services[i], severity: engine.Severity(1 + i%2)}
	})
	result, err := r.finish(ctx, func() {}, limits{late: backLate, mayFail: true, also: p.judge})
	p.notes(&result)
	return result, err
}

// voicemailProof is one run.
type voicemailProof struct {
	t       *trial
	r       *rig
	calls   int
	arrived arrivals       // nil: as the simulators tell
	did     map[string]int // how often machines did what
}

// afterVoicemail is when the contact behind the call is due.
const afterVoicemail = 8 * time.Second

// machines are what answers calls.
var machines = []struct {
	does string
	plan twiliosim.CallPlan
}{
	{"a greeting", twiliosim.CallPlan{Do: twiliosim.Voicemail}},
	{"a greeting with a tone", twiliosim.CallPlan{Do: twiliosim.Voicemail, Tones: "1"}},
	{"a greeting with many tones", twiliosim.CallPlan{Do: twiliosim.Voicemail, After: time.Second, Tones: "1*1#211"}},
	{"silence", twiliosim.CallPlan{Do: twiliosim.Answer}},
	{"hanging up", twiliosim.CallPlan{Do: twiliosim.HangUp}},
}

// world has people who are called, and then texted or pushed.
func (p *voicemailProof) world() *world {
	const long = 30 * time.Minute // nothing else is due by itself
	w := newWorld(long)
	w.addTeam(p.t.rand, team{id: "imoc", plans: []plan{pushed}, habit: manager}, 0)
	for i := range p.calls {
		id, next := rosters.PersonID(fmt.Sprintf("person-%d", i)), rosters.SMS
		if i%2 == 0 {
			next = rosters.Push
		}
		w.addReached(id, habit{ack: 1, least: 200 * time.Millisecond, most: time.Second}, afterVoicemail, rosters.Voice, next)
		w.addService(engine.ServiceID(id), engine.Level{Targets: []engine.Target{{Person: id}}, Wait: long})
	}
	return w
}

func (p *voicemailProof) prepare() {
	for i, service := range p.r.world.services {
		p.r.phones.machine(p.r.world.people[rosters.PersonID(service)].Contacts[0].Address, machines[i%len(machines)].plan)
	}
	p.r.phones.react(func(who person, s sent) reaction {
		if s.channel == rosters.Voice {
			return reaction{} // nobody is there
		}
		return p.r.phones.byHabit(who, s)
	})
}

// judge checks that no call acknowledged anything, and that the next contact followed each.
func (p *voicemailProof) judge(c *comparison) {
	if p.arrived == nil {
		p.arrived = p.r.phones.arrivals()
	}
	p.did = map[string]int{}
	for i := range c.incidents {
		inc := &c.incidents[i]
		c.byPeople(inc)
		for _, l := range inc.lines {
			if l.reason == engine.ReasonAcknowledged && l.via == "voice" {
				c.found(&c.result.WrongPerson, inc.key, "a machine never acknowledges", "a call did at %s", l.at.Format(clock))
			}
		}
		for j := range inc.pages {
			p.page(c, inc, &inc.pages[j])
		}
	}
}

func (p *voicemailProof) page(c *comparison, inc *incident, of *page) {
	const expected = "the next contact follows a call that a machine answered"
	call, next := of.tried(0), of.tried(1)
	if call == nil {
		return // told of already
	}
	for _, m := range c.byNo[attemptRef{inc.id, call.no}].sent {
		if _, rang := p.arrived.of(m); rang && m.accepted {
			p.did[p.machine(inc.service)]++
		}
	}
	if next == nil {
		c.found(&c.result.Lost, inc.key, expected, "%s had none", of.person)
		return
	}
	for _, m := range c.byNo[attemptRef{inc.id, next.no}].sent {
		if _, came := p.arrived.of(m); came {
			return
		}
	}
	c.found(&c.result.Lost, inc.key, expected, "%s's %s did not come to the phone", of.person, next.channel)
}

// machine is what answers the calls about a service.
func (p *voicemailProof) machine(service engine.ServiceID) string {
	var i int
	if _, err := fmt.Sscanf(string(service), "person-%d", &i); err != nil {
		return ""
	}
	return machines[i%len(machines)].does
}

func (p *voicemailProof) notes(r *Result) {
	var all []string
	for _, m := range machines {
		all = append(all, fmt.Sprintf("%s %s", m.does, times(p.did[m.does])))
	}
	r.note("calls were answered by %s", strings.Join(all, ", "))
}
