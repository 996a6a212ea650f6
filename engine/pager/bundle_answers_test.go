package pager_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
)

// texts makes Bob, who is reached by text, the first on call for bitbucket.
func (h *house) texts() {
	h.exec(`update policy_target set roster = 'backup' where policy = 'bitbucket' and level = 0`)
}

// calls makes Carl, who is reached by call, the first on call for bitbucket.
func (h *house) calls() {
	h.exec(`update policy_target set roster = 'dba' where policy = 'bitbucket' and level = 0`)
}

const carlsNumber = "+491700000003"

// tokenOf is the secret part of a message's buttons.
func tokenOf(m notifiers.Message) string {
	return strings.TrimSuffix(strings.TrimPrefix(m.AckURL, "https://rouse.test/a/"), "/ack")
}

// Whatever way a bundle is answered, the answer is for all of it. One was resolved meanwhile, and one taken.
func TestAnAnswerToABundleIsForAllOfIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given func(*house)
		to    string
		who   rosters.PersonID
		from  func(notifiers.Message) pager.From
	}{
		"a button": {func(*house) {}, "ann", "ann", func(m notifiers.Message) pager.From { return pager.From{Token: tokenOf(m)} }},
		"a code": {(*house).texts, bobsNumber, "bob", func(m notifiers.Message) pager.From {
			return pager.From{Number: bobsNumber, Code: m.Code, Event: "SM1"}
		}},
		"a bare word": {(*house).texts, bobsNumber, "bob", func(notifiers.Message) pager.From { return pager.From{Number: bobsNumber, Event: "SM1"} }},
		"a key":       {(*house).calls, carlsNumber, "carl", func(m notifiers.Message) pager.From { return pager.From{CallNonce: m.Nonce, Event: "CA1:1"} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newStorm(t)
			c.given(h)
			m, all := h.bundle("bitbucket", c.to, 7)
			h.untilQuiet()
			if err := h.Resolve(t.Context(), all[2], "", ""); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Acknowledge(t.Context(), pager.From{Key: all[3], Person: "dora"}, "rest"); err != nil {
				t.Fatal(err)
			}
			r, err := h.Acknowledge(t.Context(), c.from(m), "test")
			if want := (pager.Tally{Done: 5, Taken: 1, Over: 1}); err != nil || r.Tally != want || r.Outcome != engine.OutcomeManager || r.Key != all[0] {
				t.Errorf("the answer did %+v, %v; want %+v", r, err, want)
			}
			for i, key := range all {
				want := c.who
				if i == 2 {
					continue
				} else if i == 3 {
					want = "dora"
				}
				if inc := h.incident(key); inc.Manager != want {
					t.Errorf("%s is managed by %q, want %s", key, inc.Manager, want)
				}
			}
			if again, err := h.Acknowledge(t.Context(), c.from(m), "test"); c.from(m).Code+c.from(m).CallNonce != "" && (!errors.Is(err, pager.ErrSeen) || again.Tally != r.Tally) {
				t.Errorf("told twice: %+v, %v", again, err)
			}
			if n := ask[int](h, `select count(*) from timeline where reason = 'acknowledged'`); n != 6 {
				t.Errorf("%d acknowledgements, want 6", n)
			}
		})
	}
}

// Rule 8.
func TestDecliningABundleMovesOnForAllOfIt(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	m, all := h.bundle("bitbucket", "ann", 5)
	r, err := h.Decline(t.Context(), pager.From{Token: tokenOf(m)}, "push")
	if err != nil || r.Tally != (pager.Tally{Done: 5}) || r.Outcome != engine.OutcomeDeclined {
		t.Errorf("declining did %+v, %v", r, err)
	}
	if bobs := h.phones.expect(t, bobsNumber, 1); len(keys(bobs)) != len(all) {
		t.Errorf("Bob was texted about %v", keys(bobs))
	}
}

// The code of a page that was told in the message of another answers for that page.
func TestACodeOfOneInABundleAnswersForThatOne(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.texts()
	_, all := h.bundle("bitbucket", bobsNumber, 3)
	code := ask[string](h, `select code from page p join incident i on i.id = p.incident where i.key = $1`, string(all[1]))
	r, err := h.Acknowledge(t.Context(), pager.From{Number: bobsNumber, Code: code}, "sms")
	if err != nil || r.Key != all[1] || r.Tally != (pager.Tally{}) {
		t.Errorf("the code of %s did %+v, %v", all[1], r, err)
	}
	for _, key := range []engine.Key{all[0], all[2]} {
		if inc := h.incident(key); inc.Manager != "" {
			t.Errorf("it made %q the manager of %s", inc.Manager, key)
		}
	}
}

// An answer that cannot be stored for one of them is stored for the others, and may be given again.
func TestAnAnswerThatFailsForOneStopsNoOther(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.texts()
	m, all := h.bundle("bitbucket", bobsNumber, 5)
	h.untilQuiet()
	h.exec(`create function refuse() returns trigger language plpgsql as 'begin raise exception ''refused'' using errcode = ''57P03''; end'`)
	h.exec(`create trigger refuse before insert on timeline for each row when (new.reason = 'acknowledged' and new.incident = 2) execute function refuse()`)
	from := pager.From{Number: bobsNumber, Code: m.Code, Event: "SM1"}
	r, err := h.Acknowledge(t.Context(), from, "sms")
	if err == nil || errors.Is(err, pager.ErrSeen) || r.Tally != (pager.Tally{Done: 4, Failed: 1}) {
		t.Errorf("the answer did %+v, %v; want four done and one failed", r, err)
	}
	h.exec(`drop trigger refuse on timeline`)
	r, err = h.Acknowledge(t.Context(), from, "sms") // as its provider repeats it
	if err != nil || r.Tally != (pager.Tally{Done: 5}) {
		t.Errorf("told again it did %+v, %v; want all five done", r, err)
	}
	if n := ask[int](h, `select count(*) from timeline where reason = 'acknowledged'`); n != len(all) {
		t.Errorf("%d acknowledgements, want %d", n, len(all))
	}
}

// Rule 5: a call about several goes on until nothing of it is left to answer; then it is hung up, once.
func TestACallAboutSeveralIsHungUpWithTheLast(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.calls()
	m, all := h.bundle("bitbucket", carlsNumber, 3)
	h.untilQuiet()
	h.exec(`drop trigger nothing on river.river_job`) // the queue hangs up, too
	for _, key := range all[:2] {
		h.bobAcknowledges(key)
	}
	h.until("the queue has looked at both", func() bool {
		return ask[int](h, `select count(*) from river.river_job where kind = 'withdraw' and state = 'completed'`) == 2
	})
	view, err := h.Call(t.Context(), m.Nonce)
	if err != nil || view.Over || view.Message.Key != string(all[2]) || len(view.Message.Also) > 0 {
		t.Errorf("with one left the call reads %+v, %v", view, err)
	}
	// The sweeper has looked for calls to hang up if it saw this one.
	h.exec(`insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, sent_at, unwanted, nonce, lease_until, provider_id)
		select incident, 99, page, contact, channel, address, state, reason, queued_at, sent_at, true, 'other', clock_timestamp(), 'other' from attempt where nonce = $1`, m.Nonce)
	h.exec(`update attempt set lease_until = clock_timestamp()`)
	if id := await(h, "hanging up the other", h.phones.withdraw); id != "other" {
		t.Errorf("hung up %q, which somebody is still to answer", id)
	}
	h.exec(`update attempt set lease_until = clock_timestamp() + interval '1 hour'`) // so that the queue alone hangs up
	h.bobAcknowledges(all[2])
	if id := await(h, "hanging up", h.phones.withdraw); id != "id-"+m.Nonce {
		t.Errorf("hung up %q, want the call", id)
	}
	h.until("the call is known to be over, for all", func() bool {
		return ask[int](h, `select count(*) from attempt where bundle = $1 and hung_up`, m.Nonce) == 3
	})
	if view, err := h.Call(t.Context(), m.Nonce); err != nil || !view.Over {
		t.Errorf("with none left the call reads %+v, %v", view, err)
	}
}

// What a call about several says: those that are still to be answered, the worst first.
func TestACallReadsAllThatIsLeft(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.calls()
	m, all := h.bundle("bitbucket", carlsNumber, 5)
	if err := h.Resolve(t.Context(), all[0], "", ""); err != nil {
		t.Fatal(err)
	}
	view, err := h.Call(t.Context(), m.Nonce)
	if err != nil || view.Over || !slices.Equal(keys(view.Message), asStrings(all[1:])) || view.Message.Purpose != notifiers.Page {
		t.Errorf("the call reads %+v, %v; want %v", view, err, all[1:])
	}
}

func asStrings(all []engine.Key) []string {
	out := make([]string, 0, len(all))
	for _, k := range all {
		out = append(out, string(k))
	}
	return out
}
