package pager_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
)

// textsBob opens so many incidents that are each texted to Bob in a message of their own.
func (h *house) textsBob(n int) (texts []notifiers.Message) {
	h.t.Helper()
	h.texts()
	for i := range n {
		h.alert(fmt.Sprint("db-", i))
		texts = append(texts, h.phones.expect(h.t, bobsNumber, i+1))
		if (i+1)%3 == 0 { // more within ten seconds would be told in one message
			h.exec(`update attempt set claimed_at = claimed_at - interval '15 seconds' where claimed_at is not null`)
		}
	}
	return texts
}

func (h *house) managers(n int) (all []string) {
	for i := range n {
		all = append(all, string(h.incident(engine.Key(fmt.Sprintf("HOT-%d", i+1))).Manager))
	}
	return all
}

// Rule 10: keys name what is answered, in whatever spelling; what is not texted to the number is left alone.
func TestKeysAnswerByText(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.textsBob(3)
	from := func(event string, keys ...string) pager.From {
		return pager.From{Number: bobsNumber, Keys: keys, Event: event}
	}
	r, err := h.Acknowledge(t.Context(), from("SM1", "hot-2"), "sms")
	if err != nil || r.Key != "HOT-2" || r.Outcome != engine.OutcomeManager || r.Tally != (pager.Tally{}) {
		t.Errorf("the key did %+v, %v", r, err)
	}
	if _, err := h.Acknowledge(t.Context(), from("SM1", "hot-2"), "sms"); !errors.Is(err, pager.ErrSeen) {
		t.Errorf("told twice: %v", err)
	}
	if r, err := h.Acknowledge(t.Context(), from("SM2", "HOT-2"), "sms"); err != nil || r.Outcome != engine.OutcomeStillOn {
		t.Errorf("once more: %+v, %v; want to hear that it is his", r, err)
	}
	if _, err := h.Acknowledge(t.Context(), from("SM3", "HOT-1", "HOT-9"), "sms"); !errors.Is(err, pager.ErrAmbiguous) {
		t.Errorf("with a key of nothing: %v, want to be asked back", err)
	}
	if r, err := h.Decline(t.Context(), from("SM4", "3"), "sms"); err != nil || r.Key != "HOT-3" || r.Outcome != engine.OutcomeDeclined {
		t.Errorf("no to a number did %+v, %v", r, err)
	}
	if got := h.managers(3); !slices.Equal(got, []string{"", "bob", ""}) {
		t.Errorf("managed by %q", got)
	}
	if r, err := h.Acknowledge(t.Context(), pager.From{Number: "+4915100000000", Keys: []string{"HOT-1"}}, "sms"); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("a stranger's key did %+v, %v", r, err)
	}
	if r, err := h.Acknowledge(t.Context(), pager.From{Number: annsNumber, Keys: []string{"HOT-1"}}, "sms"); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("Ann, who was not paged, did %+v, %v", r, err)
	}
}

// Rule 10: all is what was open when the text came: repeated later, it takes nothing that began since.
func TestAllIsWhatWasOpenWhenItWasSaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.textsBob(3)
	if _, err := h.PageIn(t.Context(), "HOT-1", pager.PageIn{Target: engine.Target{Person: "bob"}, Role: "dba"}); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, bobsNumber, 4)
	all := pager.From{Number: bobsNumber, All: true, Event: "SM1"}
	r, err := h.Acknowledge(t.Context(), all, "sms")
	if err != nil || r.Tally != (pager.Tally{Done: 3}) || r.Outcome != engine.OutcomeManager {
		t.Errorf("all did %+v, %v; want three incidents, HOT-1 once for both roles", r, err)
	}
	if inc := h.incident("HOT-1"); inc.Escalations[1].Holder != "bob" {
		t.Error("of HOT-1 one role is left")
	}
	h.exec(`update attempt set claimed_at = claimed_at - interval '15 seconds' where claimed_at is not null`)
	h.alert("db-later")
	h.phones.expect(t, bobsNumber, 5)
	for range 3 {
		if r, err := h.Acknowledge(t.Context(), all, "sms"); !errors.Is(err, pager.ErrSeen) {
			t.Errorf("repeated it did %+v, %v", r, err)
		}
	}
	if got := h.managers(4); !slices.Equal(got, []string{"bob", "bob", "bob", ""}) {
		t.Errorf("managed by %q", got)
	}
}

// A number can be forged: what was not sent to it lately needs the code, and where codes are demanded everything does.
func TestANumberAloneAnswersLittle(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1") // Ann has it on her screen
	from := pager.From{Number: annsNumber, Keys: []string{string(key)}}
	if _, err := h.Acknowledge(t.Context(), from, "sms"); !errors.Is(err, pager.ErrNeedsCode) {
		t.Errorf("what was pushed: %v", err)
	}
	code := ask[string](h, `select code from page`)
	wrong := fmt.Sprintf("%06d", 1)
	if wrong == code {
		wrong = "000002"
	}
	read := ask[string](h, `select nonce from attempt`)
	if c, err := h.Caller(t.Context(), annsNumber, "CA1"); err != nil || len(c.Open) != 1 || c.Open[0].Nonce != read || c.Open[0].Message.Summary != "Pushes fail" {
		t.Errorf("Ann's call hears %+v, %v", c, err)
	}
	call := pager.From{Number: annsNumber, Read: read, Call: "CA1", Event: "CA1:1"}
	if _, err := h.Acknowledge(t.Context(), call, "call-in"); !errors.Is(err, pager.ErrNeedsCode) {
		t.Errorf("a call: %v", err)
	}
	call.Code = wrong
	if _, err := h.Acknowledge(t.Context(), call, "call-in"); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("a call with a wrong code: %v", err)
	}
	if inc := h.incident(key); inc.Status != engine.New {
		t.Fatalf("%s is %s", key, inc.Status)
	}
	call.Code = code
	if r, err := h.Acknowledge(t.Context(), call, "call-in"); err != nil || r.Key != key || r.Outcome != engine.OutcomeManager {
		t.Errorf("a call with the code did %+v, %v", r, err)
	}

	strict := h.node("strict", func(c *pager.Config) { c.CodesOnly = true })
	texts := h.textsBobAlso(2)
	for name, from := range map[string]pager.From{"a key": {Keys: []string{texts[0].Key}}, "all": {All: true}} {
		from.Number = bobsNumber
		if r, err := strict.Acknowledge(t.Context(), from, "sms"); !errors.Is(err, pager.ErrNeedsCode) {
			t.Errorf("%s where codes are demanded did %+v, %v", name, r, err)
		}
	}
	if r, err := strict.Acknowledge(t.Context(), pager.From{Number: bobsNumber, All: true, Code: texts[1].Code}, "sms"); err != nil || r.Tally.Done != 2 {
		t.Errorf("all with a code did %+v, %v", r, err)
	}
}

func (h *house) textsBobAlso(n int) (texts []notifiers.Message) {
	h.t.Helper()
	h.texts()
	for i := range n {
		h.alert(fmt.Sprint("also-", i))
		texts = append(texts, h.phones.expect(h.t, bobsNumber, i+1))
	}
	return texts
}

// Rule 10: a call to Rouse answers what was sent to that phone, and nothing that began after it did.
func TestACallIsAboutWhatWasOpenWhenItBegan(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.textsBob(2)
	c, err := h.Caller(t.Context(), bobsNumber, "CA1")
	if err != nil || c.Person.ID != "bob" || len(c.Open) != 2 || c.Open[0].Message.Key != "HOT-1" {
		t.Fatalf("Bob's call hears %+v, %v", c, err)
	}
	h.alert("db-later")
	h.phones.expect(t, bobsNumber, 3)
	if again, err := h.Caller(t.Context(), bobsNumber, "CA1"); err != nil || len(again.Open) != 2 {
		t.Errorf("in the same call: %+v, %v", again, err)
	}
	all := pager.From{Number: bobsNumber, All: true, Call: "CA1", Event: "CA1:0"}
	if r, err := h.Acknowledge(t.Context(), all, "call-in"); err != nil || r.Tally != (pager.Tally{Done: 2}) {
		t.Errorf("0 did %+v, %v", r, err)
	}
	if got := h.managers(3); !slices.Equal(got, []string{"bob", "bob", ""}) {
		t.Errorf("managed by %q", got)
	}
	if _, err := h.Acknowledge(t.Context(), all, "call-in"); !errors.Is(err, pager.ErrSeen) {
		t.Errorf("repeated: %v", err)
	}

	t.Log("a phone of two people is nobody's")
	h.exec(`update contact set address = $1 where person = 'carl'`, bobsNumber)
	if c, err := h.Caller(t.Context(), bobsNumber, "CA2"); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("their call hears %+v, %v", c, err)
	}
}

// Rule 10, in the database: hundreds of answers in any order, repeated, with the codes and keys of others and of
// what is over: nothing is answered but what was meant.
func TestAnswersInAnyOrderAnswerNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const n, answers = 12, 300
	texts := h.textsBob(n)
	dice := rand.New(rand.NewPCG(7, 7))
	meant := map[engine.Key]bool{}
	counted := 0
	for i := range answers {
		m := texts[dice.IntN(n)]
		from := pager.From{Number: bobsNumber, Event: fmt.Sprint("SM", dice.IntN(answers/2))}
		what := i % 6
		switch what {
		case 0:
			from.Code = m.Code
		case 1:
			from.Keys = []string{m.Key}
		case 2:
			from.Keys = []string{m.Key, "HOT-99"}
		case 3:
			from.Number, from.Code = annsNumber, m.Code
		case 4:
			from.Code, from.Keys = m.Code, []string{texts[(dice.IntN(n-1)+1)%n].Key}
			if from.Keys[0] == m.Key {
				continue
			}
		default: // a bare word, and twelve texts
		}
		if i > answers/2 || dice.IntN(3) > 0 { // few of them are right at first
			if what < 2 && i < answers/2 {
				continue
			}
		}
		r, err := h.Acknowledge(t.Context(), from, "sms")
		switch {
		case what < 2 && err == nil:
			if string(r.Key) != m.Key {
				t.Fatalf("%+v answered %s", from, r.Key)
			}
			meant[r.Key] = true
			counted++
		case what >= 2 && err == nil:
			t.Fatalf("%+v was not to be believed, and did %+v", from, r)
		}
		for j := range n {
			key := engine.Key(fmt.Sprintf("HOT-%d", j+1))
			if i%25 == 0 && (h.incident(key).Manager != "") != meant[key] {
				t.Fatalf("after %+v %s is managed by %q", from, key, h.incident(key).Manager)
			}
		}
	}
	if counted < n {
		t.Errorf("%d answers counted: this proves nothing", counted)
	}
}

// A code is not given to another page of the person for 30 days after the incident is over, whatever is pruned.
func TestACodeIsNotGivenAgainForThirtyDays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.pushed("db-1")
	if err := h.Resolve(t.Context(), "HOT-1", "", ""); err != nil {
		t.Fatal(err)
	}
	code := ask[string](h, `select code from page`)
	again := func() error {
		_, err := h.db.Exec(t.Context(), `insert into page (incident, no, escalation, person, level, round, state, started_at, contacts, next, code, live)
			values (2, 1, 1, 'ann', 0, 1, 'open', now(), '[]', 0, $1, true)`, code)
		return err
	}
	keep := pager.Keep{Incidents: pager.MinKeepIncidents} // no less can be set
	h.MoveClock(30*day - time.Hour)
	if _, err := h.Prune(t.Context(), keep); err != nil {
		t.Fatal(err)
	}
	if err := again(); err == nil {
		t.Error("within 30 days the code was given again")
	}
	if r, err := h.Acknowledge(t.Context(), pager.From{Number: annsNumber, Code: code}, "sms"); err != nil || r.Outcome != engine.OutcomeResolved {
		t.Errorf("the old code did %+v, %v", r, err)
	}
	h.MoveClock(2 * time.Hour)
	if done, err := h.Prune(t.Context(), keep); err != nil || done.Incidents != 1 {
		t.Fatalf("pruned %+v, %v", done, err)
	}
	if err := again(); err != nil {
		t.Errorf("afterwards it could not be given: %v", err)
	}
}
