package pager_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
)

func TestBudgetsAreRead(t *testing.T) {
	all, err := pager.ParseBudgets("sms 200/day,  voice 50 / day, push 1000/hour")
	if err != nil || fmt.Sprint(all) != "[sms 200/day voice 50/day push 1000/hour]" {
		t.Errorf("read %v, %v", all, err)
	}
	for text, want := range map[string]string{
		"sms":                     "such as sms 200/day",
		"sms 200":                 "such as sms 200/day",
		"sms 0/day":               "use 1 to",
		"sms 99999999/day":        "use 1 to",
		"fax 1/day":               `"fax" is no channel`,
		"sms 1/day, sms 2/day":    "keep one",
		"sms 1/day,":              "such as sms 200/day",
		"sms 1/week":              "such as sms 200/day",
		"sms -1/day":              "such as sms 200/day",
		"sms 1/day; voice 10/day": "such as sms 200/day",
	} {
		if _, err := pager.ParseBudgets(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	at := time.Date(2026, 3, 29, 1, 30, 0, 0, time.FixedZone("CEST", 2*3600))
	if from, to := (pager.Budget{Per: pager.PerDay}).Span(at); from.Format(time.RFC3339) != "2026-03-28T00:00:00Z" || to.Sub(from) != 24*time.Hour {
		t.Errorf("the day is %s to %s", from, to)
	}
}

// When more was sent than the budget has, whoever is on call for what has no owner is told once; the page goes out.
func TestABudgetHoldsNothingBack(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.texts()
	budget := func(c *pager.Config) {
		c.Budgets = []pager.Budget{{Channel: notifiers.SMS, Limit: 2, Per: pager.PerDay}, {Channel: notifiers.Voice, Limit: 2, Per: pager.PerDay}}
	}
	h.Pager = h.node("node-a", budget)
	other := h.node("node-b", budget)
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)
	h.MoveClock(time.Until(noon))
	other.MoveClock(time.Until(noon))
	watch := func() {
		t.Helper()
		for _, p := range []*pager.Pager{h.Pager, other} {
			if err := p.WatchBudgetsNow(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 2 {
		h.alert(fmt.Sprint("db-", i))
		h.phones.expectTold(t, bobsNumber, i+1)
	}
	taken := func(n int) {
		t.Helper()
		h.until("they are known to be taken", func() bool { return h.count(`select count(*) from attempt where sent_at is not null`) >= n })
	}
	taken(2)
	h.exec(`update attempt set bundle = ''`) // whatever went out together counts as messages of its own here
	watch()
	if n := h.notices("budget"); n != nil {
		t.Errorf("within the budget told were %q", n)
	}
	for i := range 3 {
		h.alert(fmt.Sprint("app-", i))
	}
	if told := h.phones.expectTold(t, bobsNumber, 5); len(told) != 5 {
		t.Errorf("beyond the budget Bob was paged for %v", told)
	}
	taken(5)
	h.exec(`update attempt set bundle = ''`)
	watch()
	watch()
	if n := h.notices("budget"); len(n) != 1 || !strings.HasPrefix(n[0], "dora: More was sent than the budget sms 2/day has: 5 since ") {
		t.Errorf("told were %q", n)
	}
	tomorrow := func(p *pager.Pager) { p.MoveClock(24 * time.Hour) }
	tomorrow(h.Pager)
	tomorrow(other)
	watch()
	if n := h.notices("budget"); len(n) != 1 {
		t.Errorf("a day later told were %q", n)
	}
}

// A budget is of what providers took, whether it arrived or not. What none took costs nothing.
func TestABudgetCountsWhatProvidersTook(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.texts()
	h.Pager = h.node("node-a", func(c *pager.Config) {
		c.Budgets = []pager.Budget{{Channel: notifiers.SMS, Limit: 1, Per: pager.PerDay}}
	})
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)
	h.MoveClock(time.Until(noon))
	from, to := (pager.Budget{Per: pager.PerDay}).Span(noon)
	spent := func() int {
		t.Helper()
		n, err := enginedb.New(h.db).Spent(t.Context(), "sms", from, to)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	refuses := func(f *notifiers.Failure) {
		h.phones.mu.Lock()
		defer h.phones.mu.Unlock()
		h.phones.refuse[bobsNumber] = f
	}
	refuses(&notifiers.Failure{Kind: notifiers.Final, Provider: "phones", Detail: "no such number"})
	h.alert("db-1")
	h.until("nobody took it", func() bool {
		return h.count(`select count(*) from attempt where channel = 'sms' and state = 'failed'`) > 0
	})
	if n := spent(); n != 0 {
		t.Errorf("of what nobody took %d were counted", n)
	}
	refuses(nil)
	h.alert("db-2")
	h.until("one was taken", func() bool {
		return h.count(`select count(*) from attempt where channel = 'sms' and state = 'sent'`) > 0
	})
	taken := spent()
	if taken == 0 {
		t.Error("what was taken was not counted")
	}
	h.exec(`update attempt set state = 'failed' where state = 'sent'`) // and did not arrive
	if n := spent(); n < taken {
		t.Errorf("of %d that were taken %d were counted when they did not arrive", taken, n)
	}
}
