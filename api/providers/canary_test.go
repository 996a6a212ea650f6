package providers_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rouse/api/providers"
	"rouse/api/seal"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
	"rouse/notifiers"
)

// withCanary is a gateway whose receipts come back, with a robot's number.
func (s *sms) withCanary(name string, more map[string]any) providers.Wish {
	settings := map[string]any{"method": "GET", "url": s.URL + "/?name=" + name, "receipt": map[string]any{"state": `"delivered"`, "nonce": "query.nonce"},
		"canary": map[string]string{"sms": "+4915100000001"}}
	for k, v := range more {
		settings[k] = v
	}
	text, _ := json.Marshal(settings)
	return providers.Wish{Name: name, Kind: providers.Gateway, Settings: text}
}

// metric is the value of a metric of a provider, if it is there.
func metric(t *testing.T, r *providers.Registry, name, provider string) (value float64, ok bool) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.Collectors()...)
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		for _, m := range family.Metric {
			for _, l := range m.Label {
				if family.GetName() == name && l.GetName() == "provider" && l.GetValue() == provider {
					return m.GetGauge().GetValue(), true
				}
			}
		}
	}
	return 0, false
}

// A canary that stays away has its provider asked last on every node within seconds, until one comes back.
func TestAProviderWhoseCanaryStaysAwayIsAskedLastByAllNodes(t *testing.T) {
	db, box, to := dbtest.New(t), seal.New(key(t, 1)), newSMS(t)
	one, two := node(t, db, box), node(t, db, box)
	save(t, one, db, to.withCanary("first", nil))
	save(t, one, db, to.gateway("second"))
	read(t, one, two)
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	defer keeping.Wait()
	defer stop()
	keeping.Go(func() { two.Keep(ctx) })

	canaries := one.Canaries()
	if len(canaries) != 1 || canaries[0].Provider != "first" || canaries[0].Channel != notifiers.SMS || canaries[0].To != "+4915100000001" {
		t.Fatalf("canaries %+v", canaries)
	}
	if _, err := canaries[0].Notifier.Notify(t.Context(), notifiers.Message{Nonce: "N", To: ann, Purpose: notifiers.Notice, Text: "x"}); err != nil {
		t.Error(err)
	}
	store := enginedb.New(db)
	wanted := enginedb.WantedCanary{CanaryRef: enginedb.CanaryRef{Provider: "first", Channel: "sms"}}
	for range 3 {
		wanted.Nonce = rand.Text()
		if _, err := db.Exec(t.Context(), `update canary set due_at = '-infinity'`); err != nil {
			t.Fatal(err)
		}
		if _, err := store.ClaimCanaries(t.Context(), []enginedb.WantedCanary{wanted}, time.Minute, 0); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := one.View(t.Context(), "first"); err != nil || v.State != providers.Failing || !v.Channels[0].Down() || v.Channels[0].Canary.Misses != 2 {
		t.Errorf("it is shown as %+v, %v", v, err)
	}
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !is(); {
			if time.Now().After(deadline) {
				t.Fatalf("never %s", what)
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	until("asked last by the other node", func() bool { return to.asked(t, two, ann) == "second" })
	if up, ok := metric(t, two, "rouse_canary_up", "first"); !ok || up != 0 {
		t.Errorf("the metric is %v, %v", up, ok)
	}
	if _, ok := metric(t, two, "rouse_canary_up", "second"); ok {
		t.Error("there is a metric of a provider without a robot")
	}
	if _, err := store.CanaryCame(t.Context(), wanted.Nonce, 0); err != nil {
		t.Fatal(err)
	}
	until("asked first again", func() bool { return to.asked(t, two, ann) == "first" })
	if up, ok := metric(t, two, "rouse_canary_up", "first"); !ok || up != 1 {
		t.Errorf("well again, the metric is %v, %v", up, ok)
	}
	if s, ok := metric(t, two, "rouse_canary_seconds", "first"); !ok || s <= 0 {
		t.Errorf("it came back after %v, %v", s, ok)
	}
	w := to.withCanary("first", nil)
	w.Disabled = true
	save(t, one, db, w)
	read(t, one)
	if all := one.Canaries(); len(all) != 0 {
		t.Errorf("of a provider that is disabled: %+v", all)
	}
}

func TestCanariesThatCannotComeBackAreRefused(t *testing.T) {
	db, box, to := dbtest.New(t), seal.New(key(t, 1)), newSMS(t)
	r := node(t, db, box)
	ntfy := providers.Wish{Name: "own", Kind: providers.Ntfy, Settings: json.RawMessage(`{"url": "https://ntfy.example.com", "canary": {"push": "a topic"}}`)}
	for _, test := range []struct {
		wish  providers.Wish
		field string
		says  string
	}{
		{to.withCanary("g", map[string]any{"canary": map[string]string{"sms": "0151"}}), "/settings/canary/sms", "is not a robot's phone number"},
		{to.withCanary("g", map[string]any{"canary": map[string]string{"fax": "+49151"}}), "/settings/canary/fax", "is no channel"},
		{to.withCanary("g", map[string]any{"canary": "x"}), "/settings/canary", "must be a robot's address for each channel"},
		{to.withCanary("g", map[string]any{"canary": map[string]string{"voice": "+4915100000001"}}), "/settings/canary/voice", "is no channel of a provider of kind gateway"},
		{to.withCanary("g", map[string]any{"receipt": nil}), "/settings/canary/sms", "would never come back"},
		{ntfy, "/settings/canary/push", "is not a topic"},
		{providers.Wish{Name: "w", Kind: providers.WebPush, Settings: json.RawMessage(`{"canary": {"web_push": "x"}}`)}, "/settings/canary/web_push", "is not offered: a push to a browser"},
		{providers.Wish{Name: "h", Kind: providers.Webhook, Settings: json.RawMessage(`{"canary": {"webhook": "https://example.com"}}`)}, "/settings/canary/webhook", "is not offered"},
		{providers.Wish{Name: "m", Kind: providers.Email, Settings: json.RawMessage(`{"host": "smtp.example.com", "from": "r@example.com", "canary": {"email": "r@example.com"}}`)}, "/settings/canary/email", "is not offered"},
	} {
		_, err := r.Save(t.Context(), enginedb.New(db), test.wish, providers.AnyVersion)
		if err == nil || !strings.Contains(err.Error(), test.field) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v; want %s %s", test.wish.Settings, err, test.field, test.says)
		}
	}
	w := to.withCanary("g", map[string]any{"receipt": nil, "reply": map[string]string{"from": "query.from", "text": "query.text"}})
	save(t, r, db, w)
}

// What a provider says of its messages counts once, however often it says it, and on the channel that it says it of.
func TestWhatDoesNotArriveIsItsProvidersFailure(t *testing.T) {
	db, to := dbtest.New(t), newSMS(t)
	r := node(t, db, seal.New(key(t, 1)))
	save(t, r, db, to.gateway("first"))
	save(t, r, db, to.gateway("second"))
	read(t, r)
	lost := notifiers.Receipt{Channel: notifiers.SMS, Provider: "first", State: notifiers.Failed, Elsewhere: true, Detail: "filtered by the carrier"}
	failing := func() bool {
		t.Helper()
		v, err := r.View(t.Context(), "first")
		if err != nil {
			t.Fatal(err)
		}
		return v.State == providers.Failing
	}
	for range 5 {
		r.Heard("the same", lost)
	}
	gone, stranger, sent := lost, lost, lost
	gone.Gone, stranger.Provider, sent.State = true, "nobody", notifiers.Sent
	for i, other := range []notifiers.Receipt{gone, stranger, sent, {Provider: "first", State: notifiers.Failed, Elsewhere: true}} {
		r.Heard(string(rune('a'+i)), other)
	}
	r.Heard("another", lost)
	if failing() {
		t.Error("it fails after two that did not arrive")
	}
	r.Heard("a third", lost)
	if !failing() || to.asked(t, r, ann) != "second" {
		t.Error("it is well, and asked first, after three that did not arrive")
	}
}
