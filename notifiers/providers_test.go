package notifiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProvider answers as it is told, one answer per call, the last one for ever.
type fakeProvider struct {
	name    string
	answers []error // nil takes the message
	calls   []time.Duration
	begun   time.Time
	lookups int
	takes   time.Duration // for an answer
}

func (p *fakeProvider) Notify(_ context.Context, m Message) (Receipt, error) {
	answer := p.answers[min(len(p.calls), len(p.answers)-1)]
	p.calls = append(p.calls, time.Since(p.begun))
	time.Sleep(p.takes)
	if answer != nil {
		return Receipt{}, answer
	}
	return Receipt{Provider: p.name, ProviderID: m.Nonce, State: Sent}, nil
}

// finding is a provider that can look.
type finding struct {
	*fakeProvider
	found bool
	err   error
}

func (f finding) Find(_ context.Context, m Message) (Receipt, bool, error) {
	f.lookups++
	if m.Since.IsZero() {
		return Receipt{}, false, errors.New("since when?")
	}
	return Receipt{Provider: f.name, ProviderID: "found", State: Sent}, f.found, f.err
}

func failure(kind Kind) *Failure { return &Failure{Kind: kind, Provider: "p", Detail: "trouble"} }

func provider(name string, answers ...error) *fakeProvider {
	return &fakeProvider{name: name, answers: answers, begun: time.Now()}
}

func chain(notifiers ...Notifier) *Chain {
	var providers []Provider
	for i, n := range notifiers {
		name := fmt.Sprint(i)
		switch p := n.(type) {
		case *fakeProvider:
			name = p.name
		case finding:
			name = p.name
		}
		providers = append(providers, Provider{Name: name, Notifier: n})
	}
	return NewChain(providers...)
}

// What each failure of the first provider means for it and for the second.
func TestChainAfterFailure(t *testing.T) {
	elsewhere, doubtful, patient, tooLate := failure(Final), failure(Passing), failure(Passing), failure(Passing)
	elsewhere.Elsewhere, doubtful.Doubtful = true, true
	patient.RetryAfter, tooLate.RetryAfter = 3*time.Second, time.Minute
	for name, c := range map[string]struct {
		answers       []error
		look          string // what the first provider's Finder says: "", "found", "none", "no telling"
		first, second int    // calls
		by            string
		kind          Kind // of the error, "" for none
	}{
		"takes it":                 {answers: []error{nil}, first: 1, by: "first"},
		"final":                    {answers: []error{failure(Final)}, first: 1, kind: Final},
		"final here":               {answers: []error{elsewhere}, first: 1, second: 1, by: "second"},
		"passing for long":         {answers: []error{failure(Passing)}, first: 3, second: 1, by: "second"},
		"passing once":             {answers: []error{failure(Passing), nil}, first: 2, by: "first"},
		"asks for 3 s":             {answers: []error{patient, nil}, first: 2, by: "first"},
		"asks for a minute":        {answers: []error{tooLate, nil}, first: 1, second: 1, by: "second"},
		"unknown, cannot look":     {answers: []error{failure(Unknown)}, first: 1, kind: Unknown},
		"unknown, found":           {answers: []error{failure(Unknown)}, look: "found", first: 1, by: "found"},
		"unknown, not there":       {answers: []error{failure(Unknown), nil}, look: "none", first: 2, by: "first"},
		"unknown, never there":     {answers: []error{failure(Unknown)}, look: "none", first: 3, second: 1, by: "second"},
		"unknown, no telling":      {answers: []error{failure(Unknown)}, look: "no telling", first: 1, kind: Unknown},
		"not a Failure":            {answers: []error{errors.New("?")}, first: 1, kind: Unknown},
		"doubtful, found":          {answers: []error{doubtful}, look: "found", first: 1, by: "found"},
		"doubtful, not there":      {answers: []error{doubtful, nil}, look: "none", first: 2, by: "first"},
		"doubtful, no telling":     {answers: []error{doubtful, nil}, look: "no telling", first: 2, by: "first"},
		"passing, then for good":   {answers: []error{failure(Passing), failure(Final)}, first: 2, kind: Final},
		"passing is not looked up": {answers: []error{failure(Passing), nil}, look: "found", first: 2, by: "first"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := provider("first", c.answers...), provider("second", nil)
				var n Notifier = first
				if c.look != "" {
					f := finding{fakeProvider: first, found: c.look == "found"}
					if c.look == "no telling" {
						f.err = errors.New("lookup failed")
					}
					n = f
				}
				r, err := chain(n, second).Notify(t.Context(), Message{Nonce: "n"})
				by := r.Provider
				if r.ProviderID == "found" {
					by = "found"
				}
				if len(first.calls) != c.first || len(second.calls) != c.second || by != c.by {
					t.Errorf("first called %d times, second %d, sent by %q; want %d, %d, %q", len(first.calls), len(second.calls), by, c.first, c.second, c.by)
				}
				if (err == nil) != (c.kind == "") || err != nil && KindOf(err) != c.kind {
					t.Errorf("error %v, want kind %q", err, c.kind)
				}
			})
		})
	}
}

func TestChainPausesBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := failure(Passing)
		slow.RetryAfter = 2 * time.Second
		p := provider("p", failure(Passing), slow, nil)
		if _, err := chain(p).Notify(t.Context(), Message{}); err != nil {
			t.Fatal(err)
		}
		if pause := p.calls[1] - p.calls[0]; pause < minBackoff || pause > maxBackoff {
			t.Errorf("paused %s at first", pause)
		}
		if pause := p.calls[2] - p.calls[1]; pause != 2*time.Second {
			t.Errorf("paused %s when asked for 2s", pause)
		}
	})
}

// A try that could not begin before the deadline is not waited for: the caller has other channels.
func TestChainKeepsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		begun := time.Now()
		if _, err := chain(provider("p", failure(Passing))).Notify(ctx, Message{}); KindOf(err) != Passing {
			t.Error(err)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("took %s", took)
		}
	})
}

func TestChainStopsWhenCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		p := provider("p", failure(Passing))
		if _, err := chain(p).Notify(ctx, Message{}); err == nil || len(p.calls) != 1 {
			t.Errorf("%d calls, %v", len(p.calls), err)
		}
	})
}

// F4: before each try but the first, somebody may have answered; then there is no further try, at this
// provider or the next.
func TestChainTriesOnlyWhatIsStillWanted(t *testing.T) {
	elsewhere := failure(Final)
	elsewhere.Elsewhere = true
	for name, c := range map[string]struct {
		answers       []error
		answered      int // somebody answers during this try
		first, second int // calls
		kind          Kind
	}{
		"during the first try":    {answers: []error{failure(Passing)}, answered: 1, first: 1, kind: Passing},
		"during the second":       {answers: []error{failure(Passing)}, answered: 2, first: 2, kind: Passing},
		"before the other's turn": {answers: []error{failure(Passing)}, answered: 3, first: 3, kind: Passing},
		"while refused here":      {answers: []error{elsewhere}, answered: 1, first: 1, kind: Final},
		"never":                   {answers: []error{failure(Passing)}, answered: 99, first: 3, second: 1},
		"but it is out already":   {answers: []error{nil}, answered: 0, first: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := provider("first", c.answers...), provider("second", nil)
				_, err := chain(first, second).Notify(t.Context(), Message{Wanted: func(context.Context) bool { return len(first.calls) < c.answered }})
				if len(first.calls) != c.first || len(second.calls) != c.second {
					t.Errorf("first called %d times, second %d; want %d, %d", len(first.calls), len(second.calls), c.first, c.second)
				}
				if (err == nil) != (c.kind == "") || err != nil && KindOf(err) != c.kind {
					t.Errorf("error %v, want kind %q", err, c.kind)
				}
			})
		})
	}
}

func TestBreakerPutsProviderLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, good := provider("broken", failure(Passing)), provider("good", nil)
		c := chain(broken, good)
		notify := func() {
			if _, err := c.Notify(t.Context(), Message{}); err != nil {
				t.Fatal(err)
			}
		}
		notify()
		if len(broken.calls) != 3 {
			t.Fatalf("called %d times", len(broken.calls))
		}
		notify()
		if len(broken.calls) != 3 || len(good.calls) != 2 {
			t.Errorf("with its breaker open it was called first: %d, %d", len(broken.calls), len(good.calls))
		}
		time.Sleep(breakFor)
		broken.answers = []error{nil}
		notify()
		if len(broken.calls) != 4 {
			t.Error("not called again after 10 s")
		}
		notify()
		if len(broken.calls) != 5 {
			t.Error("well again, and not preferred")
		}
	})
}

// While one message finds out whether a provider works again, the others do not wait for it.
func TestBreakerLetsOneMessageFindOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, good := provider("broken", failure(Passing)), provider("good", nil)
		c := chain(broken, good)
		notify := func() (took time.Duration) {
			begun := time.Now()
			if _, err := c.Notify(t.Context(), Message{}); err != nil {
				t.Error(err)
			}
			return time.Since(begun)
		}
		notify()
		time.Sleep(breakFor)
		broken.takes = 9 * time.Second
		first := make(chan time.Duration, 1)
		go func() { first <- notify() }()
		synctest.Wait()
		if took := notify(); took != 0 {
			t.Errorf("another message waited %s", took)
		}
		if took := <-first; took != broken.takes {
			t.Errorf("the one that found out took %s", took)
		}
		if took := notify(); took != 0 || len(broken.calls) != 4 {
			t.Errorf("when it is known that it is still out of order, a message waited %s; it was called %d times", took, len(broken.calls))
		}
	})
}

// A provider that takes long to fail is not tried again while there is another: somebody is to be woken.
func TestChainLeavesASlowProviderForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, next := provider("slow", failure(Passing)), provider("next", nil)
		slow.takes = 10 * time.Second
		if _, err := chain(slow, next).Notify(t.Context(), Message{}); err != nil || len(slow.calls) != 1 || len(next.calls) != 1 {
			t.Errorf("the slow one was called %d times, the next %d: %v", len(slow.calls), len(next.calls), err)
		}
		slow.calls, slow.answers, slow.takes = nil, []error{failure(Passing), nil}, 6*time.Second
		poor := failure(Final)
		poor.Elsewhere = true
		if _, err := chain(slow, provider("poor", poor)).Notify(t.Context(), Message{}); err != nil || len(slow.calls) != 2 {
			t.Errorf("when nobody else can, the slow one was called %d times, want 2: %v", len(slow.calls), err)
		}
		slow.calls, slow.answers = nil, []error{failure(Passing)}
		if _, err := chain(slow).Notify(t.Context(), Message{}); err == nil || len(slow.calls) != 3 {
			t.Errorf("alone it was called %d times, want 3: %v", len(slow.calls), err)
		}
	})
}

// A page is never held back: with nobody else, a provider is asked however often it failed.
func TestBreakerNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		only := provider("only", failure(Passing), failure(Passing), failure(Passing), nil)
		c := chain(only)
		if _, err := c.Notify(t.Context(), Message{}); err == nil {
			t.Fatal("no error")
		}
		if _, err := c.Notify(t.Context(), Message{}); err != nil || len(only.calls) != 4 {
			t.Errorf("%d calls, %v", len(only.calls), err)
		}
	})
}

func TestBreakerIsNotOpenedByBadAddresses(t *testing.T) {
	p, other := provider("p", failure(Final)), provider("other", nil)
	c := chain(p, other)
	for range 5 {
		_, _ = c.Notify(t.Context(), Message{}) // refused each time
	}
	if len(p.calls) != 5 || len(other.calls) != 0 {
		t.Errorf("called %d times, the other %d", len(p.calls), len(other.calls))
	}
}

// F2: what an earlier worker may have sent is looked for at every provider first.
func TestChainLooksBeforeItSendsAgain(t *testing.T) {
	first, second := provider("first", nil), provider("second", nil)
	c := chain(finding{fakeProvider: first}, finding{fakeProvider: second, found: true})
	r, err := c.Notify(t.Context(), Message{Since: time.Now()})
	if err != nil || r.ProviderID != "found" || r.Provider != "second" || len(first.calls)+len(second.calls) != 0 {
		t.Errorf("%+v, %v, %d sent", r, err, len(first.calls)+len(second.calls))
	}
	c = chain(finding{fakeProvider: first, err: errors.New("cannot look")})
	if r, err := c.Notify(t.Context(), Message{Since: time.Now()}); err != nil || r.Provider != "first" || len(first.calls) != 1 {
		t.Errorf("rather twice than never: %+v, %v", r, err)
	}
	if r, err := c.Notify(t.Context(), Message{}); err != nil || len(first.calls) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// F4, F11: a worker that slept while it looked finds that somebody has answered, or has its message.
func TestChainAsksAgainAfterItLooked(t *testing.T) {
	first := provider("first", nil)
	_, err := chain(finding{fakeProvider: first}).Notify(t.Context(), Message{Since: time.Now(), Wanted: func(context.Context) bool { return false }})
	if KindOf(err) != Final || len(first.calls) != 0 {
		t.Errorf("%v, %d sent", err, len(first.calls))
	}
}

// All failed: the error leads with what leaves the most hope, and keeps what the others said.
func TestChainTellsEveryFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := &Failure{Kind: Final, Elsewhere: true, Provider: "a", Detail: "region not enabled"}
		_, err := chain(provider("a", here), provider("b", &Failure{Kind: Passing, Provider: "b", Detail: "out of order"})).Notify(t.Context(), Message{})
		if KindOf(err) != Passing || !strings.Contains(err.Error(), "region not enabled") || !strings.Contains(err.Error(), "out of order") {
			t.Error(err)
		}
		_, err = chain(provider("b", failure(Passing)), provider("a", failure(Final))).Notify(t.Context(), Message{})
		if KindOf(err) != Final {
			t.Errorf("the address is wrong for good, whoever was out of order: %v", err)
		}
	})
}

type withdrawing struct {
	*fakeProvider
	has       string
	withdrawn []string
}

func (w *withdrawing) Withdraw(_ context.Context, id string) error {
	if id != w.has {
		return failure(Final)
	}
	w.withdrawn = append(w.withdrawn, id)
	return nil
}

func TestChainWithdraws(t *testing.T) {
	a, b := &withdrawing{fakeProvider: provider("a"), has: "CA1"}, &withdrawing{fakeProvider: provider("b"), has: "X2"}
	c := chain(provider("texts only"), a, b)
	if err := c.Withdraw(t.Context(), "X2"); err != nil || !slices.Equal(b.withdrawn, []string{"X2"}) || a.withdrawn != nil {
		t.Errorf("%v, %v, %v", err, a.withdrawn, b.withdrawn)
	}
	if err := c.Withdraw(t.Context(), "?"); err == nil {
		t.Error("nobody had it")
	}
	if err := chain(provider("texts only")).Withdraw(t.Context(), "SM1"); err != nil {
		t.Error(err)
	}
}

// A number's country decides who may send, and who sent in vain is not asked again.
func TestProvidersByCountryAndTurn(t *testing.T) {
	german, any := provider("german", nil), provider("any", nil)
	c := NewChain(Provider{Name: "german", Notifier: german, For: []string{"+49"}}, Provider{Name: "any", Notifier: any, For: []string{"+4", "+1"}})
	for _, tt := range []struct {
		to    string
		avoid []string
		want  string
		n     int
	}{
		{"+4917012345678", nil, "german", 2},
		{"+4917012345678", []string{"german"}, "any", 2},
		{"+4917012345678", []string{"german", "any"}, "", 2},
		{"+12025550123", nil, "any", 1},
		{"+33123456789", nil, "", 0},
	} {
		r, err := c.Notify(t.Context(), Message{To: tt.to, Avoid: tt.avoid})
		if r.Provider != tt.want || (err == nil) != (tt.want != "") || c.Reaches(tt.to) != tt.n {
			t.Errorf("%s but for %v: by %q (%v), %d can; want %q, %d", tt.to, tt.avoid, r.Provider, err, c.Reaches(tt.to), tt.want, tt.n)
		}
		if tt.want == "" && (KindOf(err) != Final || !strings.Contains(err.Error(), "provider is set up for this number")) {
			t.Errorf("%s but for %v: %v", tt.to, tt.avoid, err)
		}
	}
	topics := NewChain(Provider{Name: "ntfy", Notifier: provider("ntfy", nil)})
	if topics.Reaches("ann-pager") != 1 {
		t.Error("a topic has no provider")
	}
}

// What is shown of a provider: that it fails once it has failed three times running, since when and why. That
// an address is none says nothing against the provider; that the password is refused does.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		password := &Failure{Kind: Final, Elsewhere: true, Provider: "?", Detail: "the password is refused, says +4917012345678"}
		p := provider("p", nil, failure(Final), password, password, password, nil)
		remembered := &Breaker{}
		c := NewChain(Provider{Name: "p", Notifier: p, Breaker: remembered})
		began := time.Now()
		send := func() Health {
			time.Sleep(time.Minute) // of the bubble
			_, _ = c.Notify(t.Context(), Message{})
			return remembered.Health()
		}
		if h := send(); h != (Health{LastSuccess: began.Add(time.Minute)}) {
			t.Errorf("after a success: %+v", h)
		}
		if h := send(); h != (Health{LastSuccess: began.Add(time.Minute)}) {
			t.Errorf("after a wrong number: %+v", h)
		}
		send()
		if h := send(); !h.FailingSince.IsZero() || h.LastFailure != began.Add(4*time.Minute) {
			t.Errorf("after two failures: %+v", h)
		}
		if h := send(); h.FailingSince != began.Add(3*time.Minute) || !strings.Contains(h.Failure, "p: the password is refused") || strings.Contains(h.Failure, "12345678") {
			t.Errorf("after three failures: %+v", h)
		}
		c = NewChain(Provider{Name: "p", Notifier: p, Breaker: remembered})
		if h := send(); !h.FailingSince.IsZero() || h.LastSuccess != began.Add(6*time.Minute) || h.LastFailure != began.Add(5*time.Minute) {
			t.Errorf("after it works again, in another chain: %+v", h)
		}
	})
}
