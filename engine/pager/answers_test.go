package pager_test

import (
	"errors"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

// F18: Ann answers the only text she got. Its incident is over, and the one that is open was pushed and
// never texted: she cannot mean that.
func TestABareReplyIsNotAboutAPageThatWasNeverTexted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.pushed("db-1")
	h.MoveClock(time.Minute)
	text := h.phones.expect(t, annsNumber, 1)
	if err := h.Resolve(t.Context(), first, "", ""); err != nil {
		t.Fatal(err)
	}
	second := h.pushed("db-2")
	if r, err := h.Acknowledge(t.Context(), pager.From{Number: annsNumber}, "sms"); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("a reply to the text about %s did %+v, %v; want not found", first, r, err)
	}
	if r, err := h.Acknowledge(t.Context(), pager.From{Number: annsNumber, Code: text.Code}, "sms"); err != nil || r.Key != first || r.Outcome != engine.OutcomeResolved {
		t.Errorf("with the code of %s it did %+v, %v; want to hear that it is resolved", first, r, err)
	}
	if inc := h.incident(second); inc.Status != engine.New || inc.Manager != "" {
		t.Errorf("%s is %s under %q, and nobody answered its page", second, inc.Status, inc.Manager)
	}
}

// Two senders may give the same key. It leads neither to the other's incident: an alert that joined that one
// would page nobody, and a sender could end the incidents of others.
func TestAKeyOfAnotherServiceLeadsToNoIncident(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const ours engine.Key = "OPS-7"
	if r, err := h.Receive(t.Context(), engine.Alert{Key: ours, Service: "bitbucket", Severity: engine.Critical, Summary: "Pushes fail"}); err != nil || r.Key != ours {
		t.Fatalf("opened %+v, %v", r, err)
	}
	h.bobAcknowledges(ours)
	theirs := engine.Alert{Key: ours, Service: "payments", Severity: engine.Critical, Summary: "Payments are down", By: "dora"}
	r, err := h.Receive(t.Context(), theirs)
	if err != nil || r.Outcome != pager.Opened || r.Key == ours {
		t.Fatalf("the alert of payments was answered %+v, %v; want an incident of its own", r, err)
	}
	if m := h.phones.expect(t, "dora", 1); m.Key != string(r.Key) {
		t.Errorf("Dora was paged for %s, want %s", m.Key, r.Key)
	}
	for _, theirs.Action = range []engine.Action{engine.Acknowledge, engine.Resolve} {
		if r, err := h.Receive(t.Context(), theirs); err != nil || r.Outcome != pager.Noted {
			t.Errorf("%s by payments did %+v, %v; want it noted", theirs.Action, r, err)
		}
	}
	if inc := h.incident(ours); inc.Status != engine.Fixing || inc.Manager != "bob" || inc.AlertN != 1 {
		t.Errorf("payments made %s %s under %q with %d alerts", ours, inc.Status, inc.Manager, inc.AlertN)
	}
}

// However many of the next keys senders have taken, an alert is accepted.
func TestKeysThatSendersTookAreSkipped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`insert into incident (key, severity, summary, status, opened_at, alerted_at)
		select 'HOT-' || n, 1, 's', 'resolved', now(), now() from generate_series(1, 300) n`)
	if r := h.alert("db-1"); r.Key != "HOT-301" {
		t.Errorf("opened as %s, want HOT-301", r.Key)
	}
	if r := h.alert("db-2"); r.Key != "HOT-302" {
		t.Errorf("opened as %s, want HOT-302", r.Key)
	}
}

// After years, a person has had every code of six digits. The trigger stands for that million of rows.
func TestAnAlertIsNotRefusedForWantOfACode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`create function taken() returns trigger language plpgsql as
		'begin if length(new.code) <= 6 then raise unique_violation using constraint = ''page_code''; end if; return new; end'`)
	h.exec(`create trigger taken before insert on page for each row execute function taken()`)
	for _, dedup := range []string{"db-1", "db-2", "db-3"} {
		h.alert(dedup)
	}
	h.phones.expect(t, "ann", 3)
	h.MoveClock(5 * time.Minute) // Bob's pages get theirs in a tick
	m := h.phones.expect(t, bobsNumber, 3)
	r, err := h.Acknowledge(t.Context(), pager.From{Number: bobsNumber, Code: m.Code}, "sms")
	if err != nil || string(r.Key) != m.Key || r.Outcome != engine.OutcomeManager {
		t.Errorf("the code %q did %+v, %v; want Bob to manage %s", m.Code, r, err, m.Key)
	}
}
