package notifiers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
)

func TestLimitsAreRead(t *testing.T) {
	for text, want := range map[string]notifiers.Limit{
		"":               {},
		"1/s":            {Every: time.Second, Burst: 4},
		"10/s":           {Every: 100 * time.Millisecond, Burst: 10},
		"30/min":         {Every: 2 * time.Second, Burst: 4},
		"100 / h":        {Every: 36 * time.Second, Burst: 4},
		"1/s burst 20":   {Every: time.Second, Burst: 20},
		" 5/s  burst 5 ": {Every: 200 * time.Millisecond, Burst: 5},
	} {
		got, err := notifiers.ParseLimit(text)
		if err != nil || got != want {
			t.Errorf("%q is read as %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := notifiers.ParseLimit(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q, which is read as %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"10", "x/s", "0/s", "-1/s", "10/day", "10/s burst", "10/s burst 3", "10/s burst 1001", "1.5/s", "2000/s", "10/s 20"} {
		if got, err := notifiers.ParseLimit(text); err == nil || !strings.Contains(err.Error(), " ") {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
}

// What is less bad leaves room for what is worse, and a bucket has enough of it for all.
func TestReservesAreWithinEveryBucket(t *testing.T) {
	last := -1
	for _, m := range []struct {
		purpose  notifiers.Purpose
		severity int
	}{{notifiers.Page, 1}, {notifiers.Page, 2}, {notifiers.Page, 3}, {notifiers.Notice, 0}} {
		keep := notifiers.Reserve(m.purpose, m.severity)
		if keep <= last {
			t.Errorf("%s of severity %d leaves %d, no more than what is worse", m.purpose, m.severity, keep)
		}
		last = keep
	}
	smallest, err := notifiers.ParseLimit("1/h")
	if err != nil || smallest.Burst <= last {
		t.Errorf("the smallest bucket holds %d, and notices leave %d to others", smallest.Burst, last)
	}
}

// A provider that has room goes first for once, if it may be used at all.
func TestAProviderWithRoomGoesFirst(t *testing.T) {
	chain := notifiers.NewChain(
		notifiers.Provider{Name: "first", Notifier: plain{}, Limit: notifiers.Limit{Every: time.Second, Burst: 4}},
		notifiers.Provider{Name: "german", Notifier: plain{}, For: []string{"+49"}},
		notifiers.Provider{Name: "last", Notifier: plain{}})
	for _, test := range []struct {
		m    notifiers.Message
		want string
	}{
		{notifiers.Message{To: "+431"}, "first"},
		{notifiers.Message{To: "+431", Via: "last"}, "last"},
		{notifiers.Message{To: "+431", Via: "german"}, "first"},
		{notifiers.Message{To: "+491", Via: "german"}, "german"},
		{notifiers.Message{To: "+491", Via: "last", Avoid: []string{"last"}}, "first"},
	} {
		r, err := chain.Notify(t.Context(), test.m)
		if err != nil || r.Provider != test.want {
			t.Errorf("to %s via %q: %s, %v; want %s", test.m.To, test.m.Via, r.Provider, err, test.want)
		}
	}
	lanes := chain.Lanes("+491", []string{"last"})
	if len(lanes) != 2 || lanes[0].Provider != "first" || lanes[0].Limit.None() || lanes[1].Provider != "german" || !lanes[1].Limit.None() {
		t.Errorf("the lanes are %+v", lanes)
	}
}

// plain takes everything.
type plain struct{}

func (plain) Notify(context.Context, notifiers.Message) (notifiers.Receipt, error) {
	return notifiers.Receipt{State: notifiers.Sent}, nil
}
