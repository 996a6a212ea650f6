package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rouse/engine"
	"rouse/notifiers/twilio/twiliosim"
)

// story is the fixed play: what is done, and what has to come of it. After the first thing that does
// not come true every further step does nothing.
type story struct {
	*demo
	ctx  context.Context
	mark int // events from here on count for the next check
	err  error
}

// grace is what a check allows beyond the moment at which something is due: for a machine that is busy.
const grace = 5 * time.Second

// play plays the story.
func (d *demo) play(ctx context.Context) error {
	s := &story{demo: d, ctx: ctx}
	s.phones.of(s.person("ann")).line.OnCall(twiliosim.CallPlan{Do: twiliosim.Voicemail, After: 800 * time.Millisecond})
	d.raise()
	first := d.alerts.next("bitbucket", "critical", "Pushes fail with HTTP 500")
	s.annDoesNotAnswer(first)
	s.killedWhileBobIsPaged()
	s.bobTakesIt()
	s.databasePeopleArePagedIn()
	s.theAlertComesAgain(first)
	s.nobodyOwnsTheSecond()
	s.itIsOver(first)
	s.nothingIsLost()
	return s.err
}

// annDoesNotAnswer: push, SMS, and a call that a machine takes, which acknowledges nothing (rule 10).
func (s *story) annDoesNotAnswer(first alert) {
	s.alert(first, "firing", "", "opened", "HOT-1")
	s.is("HOT-1", "HOT-1 is open at severity 1", func(inc incident) bool { return inc.Severity == 1 && inc.Status == "new" })
	s.comes(0, "Ann gets a push", onPhone(pushed, "ann"))
	s.comes(s.pace.sms, "Ann gets an SMS", onPhone(texted, "ann"))
	s.comes(s.pace.call-s.pace.sms, "Ann's phone rings", onPhone(rings, "ann"))
	s.comes(time.Second, "voicemail picks up", onPhone(voicemail, "ann"))
	s.comes(30*s.pace.second, "the call ends, and no key was pressed", onPhone(callOver, "ann"))
	s.comes(s.pace.wait, "level 1 is over", because("HOT-1", engine.ReasonLevelOver))
	s.is("HOT-1", "voicemail has acknowledged nothing", func(inc incident) bool { return inc.Status == "new" && inc.Manager == "" })
}

// killedWhileBobIsPaged: the server is dead when Bob's SMS is due.
func (s *story) killedWhileBobIsPaged() {
	s.comes(0, "Bob gets a push", onPhone(pushed, "bob"))
	s.comes(0, "Rouse knows that", onPhone(receipt, "bob")) // killed before, it would rather send it twice than never
	s.do(s.killServer)
	s.linger(s.pace.sms + 200*time.Millisecond)
	s.holds("the server is dead, and Bob's SMS is overdue", s.process.PID() == 0)
	s.hereAfter()
	s.do(func() error { return s.restartServer(s.ctx) })
	s.comes(0, "Bob gets his SMS all the same", onPhone(texted, "bob"))
}

// bobTakesIt: whoever acknowledges the manager's page is the manager (rule 6).
func (s *story) bobTakesIt() {
	s.linger(time.Second)
	s.do(func() error {
		bob := s.phones.of(s.person("bob"))
		code, _ := bob.code()
		if code == "" {
			return errors.New("no SMS on Bob's phone has a code to reply with")
		}
		bob.line.Reply(code)
		return nil
	})
	s.comes(0, "Bob's reply with the code counts", because("HOT-1", engine.ReasonManager))
	s.comes(0, "Bob is told so by SMS", func(e event) bool { return e.kind == texted && e.person == "bob" })
	s.is("HOT-1", "Bob is the incident manager, and HOT-1 is being fixed", func(inc incident) bool {
		return inc.Status == "fixing" && inc.Manager == "bob"
	})
}

// databasePeopleArePagedIn: a second escalation, for a team.
func (s *story) databasePeopleArePagedIn() {
	s.do(func() error {
		return s.pageIn(s.ctx, command{key: "HOT-1", target: "dba", text: "the primary does not answer"})
	})
	s.comes(time.Second, "Dana's phone rings", onPhone(rings, "dana"))
	s.linger(500 * time.Millisecond)
	s.do(func() error { return s.phones.of(s.person("dana")).line.Press("1") })
	s.comes(2*time.Second, "Dana's key counts", func(e event) bool {
		return because("HOT-1", engine.ReasonAcknowledged)(e) && e.person == "dana"
	})
	s.is("HOT-1", "Dana is on it as dba, Bob stays the incident manager", func(inc incident) bool {
		return inc.Manager == "bob" && len(inc.Escalations) == 2 && inc.Escalations[1].Holder == "dana"
	})
}

// theAlertComesAgain: it joins, and pages nobody (rule 13).
func (s *story) theAlertComesAgain(first alert) {
	before := len(s.sent())
	s.alert(first, "firing", " again", "joined", "HOT-1")
	s.linger(1500 * time.Millisecond)
	s.holds("nobody is paged for the same trouble again", len(s.sent()) == before)
	s.is("HOT-1", "HOT-1 counts two alerts", func(inc incident) bool { return inc.Alerts == 2 })
}

// nobodyOwnsTheSecond: an unknown service is IMOC's; a decline leaves it to the other (rules 4, 8).
func (s *story) nobodyOwnsTheSecond() {
	s.alert(s.alerts.next("payments-gateway", "high", "Card payments time out"), "firing", "", "opened", "HOT-2")
	s.comes(0, "it is nobody's, and goes to IMOC", because("HOT-2", engine.ReasonUnknownService))
	s.comes(0, "Ida gets a push", onPhone(pushed, "ida"))
	s.comes(0, "Lena gets one at the same time", onPhone(pushed, "lena"))
	s.linger(500 * time.Millisecond)
	s.do(func() error { return s.phones.of(s.person("ida")).pressButton(false) })
	s.comes(0, "Ida declines by the button", because("HOT-2", engine.ReasonDeclined))
	s.linger(500 * time.Millisecond)
	s.do(func() error { return s.phones.of(s.person("lena")).pressButton(true) })
	s.comes(0, "Lena acknowledges by the button", because("HOT-2", engine.ReasonManager))
	s.is("HOT-2", "Lena is the incident manager of HOT-2", func(inc incident) bool {
		return inc.Status == "fixing" && inc.Manager == "lena" && inc.Severity == 2
	})
}

// itIsOver: the source resolves its own incident, and no other.
func (s *story) itIsOver(first alert) {
	s.linger(500 * time.Millisecond)
	s.alert(first, "resolved", "", "resolved", "HOT-1")
	s.is("HOT-1", "HOT-1 is resolved", func(inc incident) bool { return inc.Status == "resolved" })
	s.is("HOT-2", "HOT-2 is not touched by that", func(inc incident) bool { return inc.Status == "fixing" })
}

// nothingIsLost: everything that was accepted paged somebody, once.
func (s *story) nothingIsLost() {
	if s.err != nil {
		return
	}
	l, err := s.ledger()
	if err != nil {
		s.err = err
		return
	}
	s.holds(fmt.Sprintf("of %d alerts and %d pages none is lost", l.alerts, len(s.sent())), len(l.lost) == 0 && l.pending == 0)
	s.holds("nobody was sent the same page twice", l.duplicates == 0)
}

func (s *story) person(handle string) person {
	who, ok := personByHandle(handle)
	if !ok {
		panic("there is no " + handle)
	}
	return who
}

// sent is everything that providers took so far.
func (s *story) sent() []message {
	list, err := s.messages(s.ctx)
	if s.err == nil {
		s.err = err
	}
	return list
}

// onPhone is for what phones do, and for receipts of what was sent to them.
func onPhone(k kind, handle string) func(event) bool {
	return func(e event) bool { return e.kind == k && e.person == handle }
}

func because(key string, r engine.Reason) func(event) bool {
	return func(e event) bool { return e.kind == decided && e.key == key && e.detail == string(r) }
}

// do does something; an error ends the story.
func (s *story) do(f func() error) {
	if s.err != nil {
		return
	}
	s.hereAfter()
	if err := f(); err != nil {
		s.fail("it could be done", err.Error())
	}
}

// hereAfter has the next checks see only what happens from now on.
func (s *story) hereAfter() { s.mark = s.journal.len() }

// linger lets time pass, as people do.
func (s *story) linger(d time.Duration) {
	if s.err != nil {
		return
	}
	select {
	case <-time.After(d):
	case <-s.ctx.Done():
		s.err = s.ctx.Err()
	}
}

// alert posts an alert and checks what Rouse answers.
func (s *story) alert(one alert, status, why, outcome, key string) {
	if s.err != nil {
		return
	}
	s.hereAfter()
	ctx, cancel := context.WithTimeout(s.ctx, grace)
	defer cancel()
	took, err := s.alerts.post(ctx, one, status, why)
	what := fmt.Sprintf("the alert is accepted: %s %s", outcome, key)
	switch {
	case err != nil:
		s.fail(what, err.Error())
	case took.outcome != outcome || took.key != key:
		s.fail(what, took.outcome+" "+took.key)
	default:
		s.pass(what)
	}
}

// comes waits for something that is due after so long.
func (s *story) comes(due time.Duration, what string, match func(event) bool) {
	if s.err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, due+grace)
	defer cancel()
	_, ok := s.journal.await(ctx, s.mark, match)
	switch {
	case ok:
		s.pass(what)
	case s.ctx.Err() != nil:
		s.err = s.ctx.Err()
	default:
		s.fail(fmt.Sprintf("%s, within %s", what, due+grace), "nothing of the kind. What happened instead:\n"+s.happened())
	}
}

// is checks what the API says of an incident.
func (s *story) is(key, what string, match func(incident) bool) {
	if s.err != nil {
		return
	}
	inc, err := s.incidentNow(s.ctx, key)
	switch {
	case err != nil:
		s.fail(what, err.Error())
	case !match(inc):
		inc.Timeline = nil
		s.fail(what, fmt.Sprintf("%+v", inc))
	default:
		s.pass(what)
	}
}

func (s *story) holds(what string, is bool) {
	if s.err != nil {
		return
	}
	if is {
		s.pass(what)
	} else {
		s.fail(what, "that it is not so")
	}
}

func (s *story) pass(what string) {
	s.journal.add(event{kind: passed, who: "✓", text: what})
}

func (s *story) fail(expected, got string) {
	if s.ctx.Err() != nil {
		s.err = s.ctx.Err()
		return
	}
	s.journal.add(event{kind: failed, who: "✗", text: "expected: " + expected + "\ngot: " + got})
	s.err = errors.New("the story did not come true. Expected: " + expected)
}

// happened is the last events that the check saw.
func (s *story) happened() string {
	events := s.journal.since(s.mark)
	var b strings.Builder
	for _, e := range events[max(0, len(events)-12):] {
		fmt.Fprintf(&b, "%.2fs %s %s: %s\n", e.at.Sub(s.began).Seconds(), e.key, e.who, e.text)
	}
	return strings.TrimRight(b.String(), "\n")
}
