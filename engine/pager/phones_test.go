package pager_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/migrations/dbtest"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// soon is how long a test waits for what should have happened long ago.
const soon = 15 * time.Second

// phones is every channel at once: it keeps what was sent and does as it is told.
type phones struct {
	mu       sync.Mutex
	got      []notifiers.Message
	arrived  chan struct{} // closed and renewed with each message
	refuse   map[string]*notifiers.Failure
	hold     map[string]chan struct{} // a send to this address waits until it is closed
	found    map[string]bool          // a Finder says that the address was reached
	looked   []notifiers.Message
	hungUp   []string
	withdraw chan string
}

func newPhones() *phones {
	return &phones{arrived: make(chan struct{}), refuse: map[string]*notifiers.Failure{}, hold: map[string]chan struct{}{},
		found: map[string]bool{}, withdraw: make(chan string, 100)}
}

func (ph *phones) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	ph.mu.Lock()
	ph.got = append(ph.got, m)
	close(ph.arrived)
	ph.arrived = make(chan struct{})
	refuse, hold := ph.refuse[m.To], ph.hold[m.To]
	ph.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Unknown, Detail: "no answer", Err: ctx.Err()}
		}
	}
	if refuse != nil {
		return notifiers.Receipt{}, refuse
	}
	return notifiers.Receipt{Provider: "phones", ProviderID: "id-" + m.Nonce, State: notifiers.Sent}, nil
}

func (ph *phones) Find(_ context.Context, m notifiers.Message) (notifiers.Receipt, bool, error) {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	ph.looked = append(ph.looked, m)
	return notifiers.Receipt{Provider: "phones", ProviderID: "found", State: notifiers.Sent}, ph.found[m.To], nil
}

func (ph *phones) Withdraw(_ context.Context, id string) error {
	ph.withdraw <- id
	return nil
}

func (ph *phones) sentTo(to string) []notifiers.Message {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	var ms []notifiers.Message
	for _, m := range ph.got {
		if m.To == to {
			ms = append(ms, m)
		}
	}
	return ms
}

// expect waits for the nth message to an address.
func (ph *phones) expect(t *testing.T, to string, n int) notifiers.Message {
	t.Helper()
	deadline := time.After(soon)
	for {
		ph.mu.Lock()
		arrived := ph.arrived
		ph.mu.Unlock()
		if ms := ph.sentTo(to); len(ms) >= n {
			return ms[n-1]
		}
		select {
		case <-arrived:
		case <-deadline:
			t.Fatalf("%s never got message %d; sent were %v", to, n, ph.all())
		}
	}
}

func (ph *phones) all() []string {
	ph.mu.Lock()
	defer ph.mu.Unlock()
	var s []string
	for _, m := range ph.got {
		s = append(s, fmt.Sprintf("%s %s by %s", m.Key, m.To, m.Channel))
	}
	return s
}

// house is one engine with its database, its people and their phones.
type house struct {
	*pager.Pager
	t      *testing.T
	db     *pgxpool.Pool
	phones *phones
	log    *slog.Logger
}

// newHouse: Ann is the incident manager of bitbucket, Bob stands behind her; Carl is the DBA, Dora the
// catch-all.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: dbtest.New(t), phones: newPhones(), log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	seed(t, h.db)
	h.Pager = h.node("node-a")
	return h
}

// node starts one more engine on the same database and phones.
func (h *house) node(name string) *pager.Pager {
	h.t.Helper()
	chain := notifiers.NewChain(notifiers.Provider{Name: "phones", Notifier: h.phones})
	intake, err := pgxpool.NewWithConfig(h.t.Context(), h.db.Config())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(intake.Close)
	p, err := pager.New(pager.Config{DB: h.db, Intake: intake, Node: name, Log: h.log, PublicURL: "https://rouse.test",
		Channels: map[notifiers.Channel]notifiers.Notifier{notifiers.Push: chain, notifiers.SMS: chain, notifiers.Voice: chain},
		CatchAll: engine.CatchAll{Roster: "imoc", LastResort: []rosters.PersonID{"bob"}}})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := p.Start(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			h.t.Error(err)
		}
	})
	return p
}

func seed(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	ctx := t.Context()
	people := rosterdb.New(db)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	contact := func(c rosters.Channel, to string, after time.Duration) rosters.Contact {
		return rosters.Contact{Channel: c, Address: to, After: after}
	}
	must(people.CreatePerson(ctx, rosters.Person{ID: "ann", Name: "Ann", Zone: "Europe/Berlin", Language: "en", Contacts: []rosters.Contact{
		contact(rosters.Push, "ann", 0), contact(rosters.SMS, "+491700000001", time.Minute), contact(rosters.Voice, "+491700000001", 2*time.Minute)}}))
	must(people.CreatePerson(ctx, rosters.Person{ID: "bob", Name: "Bob", Zone: "UTC", Language: "en", Contacts: []rosters.Contact{contact(rosters.SMS, "+491700000002", 0)}}))
	must(people.CreatePerson(ctx, rosters.Person{ID: "carl", Name: "Carl", Zone: "UTC", Language: "en", Contacts: []rosters.Contact{contact(rosters.Voice, "+491700000003", 0)}}))
	must(people.CreatePerson(ctx, rosters.Person{ID: "dora", Name: "Dora", Zone: "UTC", Language: "en", Contacts: []rosters.Contact{contact(rosters.Push, "dora", 0)}}))
	for roster, who := range map[rosters.RosterID]rosters.PersonID{"bitbucket-im": "ann", "backup": "bob", "dba": "carl", "imoc": "dora"} {
		must(people.CreateRoster(ctx, rosters.Roster{ID: roster, Name: string(roster), Rotations: []rosters.Rotation{
			{ID: "weekly", Zone: "UTC", Start: "2024-01-01T09:00:00", Rule: "FREQ=WEEKLY", Participants: []rosters.PersonID{who}}}}))
	}
	admin := enginedb.New(db)
	must(admin.CreatePolicy(ctx, engine.Policy{ID: "bitbucket", Name: "Bitbucket", Levels: []engine.Level{
		{Targets: []engine.Target{{Roster: "bitbucket-im"}}, Wait: 5 * time.Minute},
		{Targets: []engine.Target{{Roster: "backup"}}, Wait: 5 * time.Minute}}}))
	must(admin.CreateService(ctx, engine.Service{ID: "bitbucket", Name: "Bitbucket", Policy: "bitbucket"}))
}

func (h *house) alert(dedup string) pager.Received {
	h.t.Helper()
	r, err := h.Receive(h.t.Context(), engine.Alert{Action: engine.Trigger, Service: "bitbucket", Severity: engine.Critical,
		Summary: "Pushes fail", DedupKey: dedup, Source: "test", Raw: []byte(`{"summary":"Pushes fail"}`)})
	if err != nil {
		h.t.Fatalf("an alert was not accepted: %v", err)
	}
	return r
}

func (h *house) incident(key engine.Key) engine.Incident {
	h.t.Helper()
	inc, err := enginedb.New(h.db).Incident(h.t.Context(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	return inc
}

// eventually waits until the incident is as it should be. The database tells nobody of changes, so it is
// asked again and again.
func (h *house) eventually(key engine.Key, what string, is func(engine.Incident) bool) engine.Incident {
	h.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(soon)
	for {
		inc := h.incident(key)
		if is(inc) {
			return inc
		}
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("%s never was %s; it is %+v", key, what, inc)
		}
	}
}
