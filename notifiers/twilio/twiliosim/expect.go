package twiliosim

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rouse/notifiers/fake"
)

// ExpectSMS waits for a text that contains all of these, and returns it. Each text is returned once:
// a second ExpectSMS waits for a second text.
func (p *Phone) ExpectSMS(t fake.TB, within time.Duration, containing ...string) SMS {
	t.Helper()
	var found SMS
	p.expect(t, within, "a text", containing, func() bool {
		for _, sms := range p.inbox {
			if !sms.expected && fake.ContainsAll(sms.Body, containing) {
				sms.expected, found = true, sms.SMS
				return true
			}
		}
		return false
	})
	return found
}

// ExpectCall waits for the phone to ring, or to have rung, and returns the call. Each call is
// returned once.
func (p *Phone) ExpectCall(t fake.TB, within time.Duration) Call {
	t.Helper()
	var found Call
	p.expect(t, within, "a call", nil, func() bool {
		for _, c := range p.calls {
			if c.expected == 0 && c.status != "queued" {
				c.expected, found = 1, c.seen()
				return true
			}
		}
		return false
	})
	return found
}

// ExpectSaid waits until something that contains all of these is read out on a call, and returns it.
// What was said before it, and itself, is not returned again.
func (p *Phone) ExpectSaid(t fake.TB, within time.Duration, containing ...string) string {
	t.Helper()
	found := ""
	p.expect(t, within, "words on the phone", containing, func() bool {
		for _, c := range p.calls {
			for i := max(0, c.expected-1); i < len(c.said); i++ {
				if fake.ContainsAll(c.said[i], containing) {
					found, c.expected = c.said[i], i+2
					return true
				}
			}
		}
		return false
	})
	return found
}

// ExpectEnd waits for a call to end with that status ("completed", "no-answer", "canceled", ...).
func (p *Phone) ExpectEnd(t fake.TB, within time.Duration, status string) Call {
	t.Helper()
	var found Call
	p.expect(t, within, "a call that ended", []string{status}, func() bool {
		for _, c := range p.calls {
			if c.over() && c.status == status {
				found = c.seen()
				return true
			}
		}
		return false
	})
	return found
}

func (p *Phone) expect(t fake.TB, within time.Duration, what string, containing []string, ready func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.sim.ctx, within)
	defer cancel()
	if p.sim.await(ctx, ready) {
		return
	}
	t.Fatalf("%s: no %s with %q within %s; it had:\n%s", p.number, what, containing, within, p.history())
}

// history is what happened to the phone, for a failed test.
func (p *Phone) history() string {
	var b strings.Builder
	for _, e := range p.sim.Events() {
		if e.Phone == p.number {
			fmt.Fprintf(&b, "  %s %-11s %d %q\n", e.At.Format("15:04:05.000"), e.Kind, e.Status, e.Text)
		}
	}
	if b.Len() == 0 {
		return "  nothing at all\n"
	}
	return b.String()
}
