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
		"1/s":            {Every: time.Second, Burst: 5},
		"10/s":           {Every: 100 * time.Millisecond, Burst: 10},
		"30/min":         {Every: 2 * time.Second, Burst: 5},
		"100 / h":        {Every: 36 * time.Second, Burst: 5},
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
	for _, text := range []string{"10", "x/s", "0/s", "-1/s", "10/day", "10/s burst", "10/s burst 4", "10/s burst 1001", "1.5/s", "2000/s", "10/s 20"} {
		if got, err := notifiers.ParseLimit(text); err == nil || !strings.Contains(err.Error(), " ") {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
}

// What is less needed leaves room for what is more, and every bucket has enough of it for all.
func TestRanksAreWithinEveryBucket(t *testing.T) {
	last := notifiers.Rank(-1)
	for _, rank := range []notifiers.Rank{notifiers.RankOf(1, false, false), notifiers.RankOf(2, false, false), notifiers.RankOf(3, false, false),
		notifiers.RankOf(1, true, false), notifiers.RankOf(2, false, true)} {
		if rank <= last {
			t.Errorf("%d comes after %d", rank, last)
		}
		last = rank
	}
	smallest, err := notifiers.ParseLimit("1/h")
	if err != nil || smallest.Burst <= int(last) || last != notifiers.RankLast {
		t.Errorf("the smallest bucket holds %d, and notices leave %d to others", smallest.Burst, last)
	}
}

// A provider that has room goes first for once, if it may be used at all.
func TestAProviderWithRoomGoesFirst(t *testing.T) {
	chain := notifiers.NewChain(
		notifiers.Provider{Name: "first", Notifier: plain{}, Limit: notifiers.Limit{Every: time.Second, Burst: 5}},
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
