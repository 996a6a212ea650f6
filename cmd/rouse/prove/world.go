package prove

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// world is who can be paged, and for what. The database is filled from it, and the ledger judges by it:
// it never asks the database who should have been paged.
type world struct {
	people    map[rosters.PersonID]person
	rosters   map[rosters.RosterID]rosters.Roster
	calendars map[rosters.RosterID]*rosters.Calendar
	ladders   map[engine.ServiceID]engine.Ladder // as routed: IMOC is the last level
	services  []engine.ServiceID
	imocWait  time.Duration
	owners    map[place]rosters.PersonID
}

// place is where a message can be sent to.
type place struct {
	channel rosters.Channel
	address string
}

// person is somebody with a phone and habits.
type person struct {
	rosters.Person
	habit habit
	mute  bool // the provider never says what became of a text to them
}

// habit is what somebody does about a page, by chance. What is left of 1 is ignored.
type habit struct {
	ack, decline float64
	least, most  time.Duration // until they do it
}

var (
	sleeper = habit{ack: 0.45, decline: 0.15, least: 200 * time.Millisecond, most: 2500 * time.Millisecond}
	backup  = habit{ack: 0.6, decline: 0.1, least: 200 * time.Millisecond, most: 2500 * time.Millisecond}
	manager = habit{ack: 1, least: 200 * time.Millisecond, most: time.Second}
)

// pace is how long levels wait, and how much longer than by habit people take to answer. Experiments last
// minutes, where a company would have hours.
type pace struct {
	first, second, imoc time.Duration
	long                time.Duration // the first level of every fourth service, so that it shows whether what was lost comes back; 0: first
	thinking            time.Duration
}

var (
	brisk = pace{first: 3 * time.Second, second: 3 * time.Second, imoc: 5 * time.Second, long: 12 * time.Second}
	// leisurely leaves time for a message to be taken over before it is answered.
	leisurely = pace{first: 7 * time.Second, second: 6 * time.Second, imoc: 10 * time.Second, long: 10 * time.Second, thinking: 4 * time.Second}
)

// plan is how people are reached.
type plan string

const (
	pushed    plan = "push"
	texted    plan = "sms"
	called    plan = "voice"
	pushedSMS plan = "push, then sms"
)

// team is a roster to make: rotations of people who are reached in one way each.
type team struct {
	id    rosters.RosterID
	plans []plan // a rotation of two people for each
	habit habit
	hands bool // hands over every few seconds
	mute  bool
}

// copies is how many services there are of each kind: enough that a person gets single messages as a rule.
// IMOC, behind them all, gets them in bundles.
const copies = 8

// usualWorld has services for every channel, each with two levels of different people, and IMOC behind
// them all. Nobody stands on two levels of one ladder. span is how long the rosters that hand over every
// few seconds do so.
func usualWorld(r *rand.Rand, p pace, span time.Duration) *world {
	w := newWorld(p.imoc)
	add := func(t team) {
		t.habit.least, t.habit.most = t.habit.least+p.thinking, t.habit.most+p.thinking
		w.addTeam(r, t, span)
	}
	for i := range copies {
		for _, kind := range []struct {
			name       string
			im, backup team
		}{
			{"checkout", team{plans: []plan{pushed}}, team{plans: []plan{texted}, mute: true}},
			{"search", team{plans: []plan{texted}, mute: true}, team{plans: []plan{pushed}}},
			{"payments", team{plans: []plan{called}}, team{plans: []plan{texted}}},
			{"wiki", team{plans: []plan{pushed, texted}}, team{plans: []plan{called}}},
			{"login", team{plans: []plan{pushed}, hands: true}, team{plans: []plan{pushedSMS}, hands: true}},
			{"builds", team{plans: []plan{pushedSMS}}, team{plans: []plan{texted, called}}},
		} {
			name, first := fmt.Sprintf("%s-%d", kind.name, i+1), p.first
			if i%4 == 3 && p.long > 0 {
				first = p.long
			}
			kind.im.id, kind.im.habit = rosters.RosterID(name+"-im"), sleeper
			kind.backup.id, kind.backup.habit = rosters.RosterID(name+"-backup"), backup
			add(kind.im)
			add(kind.backup)
			w.addService(engine.ServiceID(name), engine.Level{Targets: []engine.Target{{Roster: kind.im.id}}, Wait: first},
				engine.Level{Targets: []engine.Target{{Roster: kind.backup.id}}, Wait: p.second})
		}
	}
	add(team{id: "imoc", plans: []plan{pushed, texted}, habit: manager})
	return w
}

func newWorld(imocWait time.Duration) *world {
	return &world{people: map[rosters.PersonID]person{}, rosters: map[rosters.RosterID]rosters.Roster{},
		calendars: map[rosters.RosterID]*rosters.Calendar{}, ladders: map[engine.ServiceID]engine.Ladder{}, imocWait: imocWait,
		owners: map[place]rosters.PersonID{}}
}

// addService adds a service with a policy of its own.
func (w *world) addService(id engine.ServiceID, levels ...engine.Level) {
	w.services = append(w.services, id)
	w.ladders[id], _ = engine.Route(&engine.Service{ID: id}, &engine.Policy{ID: engine.PolicyID(id), Levels: levels},
		engine.CatchAll{Roster: "imoc", Wait: w.imocWait})
}

func (w *world) addTeam(r *rand.Rand, t team, span time.Duration) {
	// People change over every few seconds here, and every message is held against a page: nobody is told of that.
	made := rosters.Roster{ID: t.id, Name: string(t.id), Handoff: rosters.Handoff{Silent: true}}
	for i, how := range t.plans {
		rotation := rosters.Rotation{ID: fmt.Sprint("turn-", i+1), Zone: "Europe/Berlin", Start: "2024-01-01T09:00:00", Rule: "FREQ=WEEKLY"}
		for j := range 2 {
			id := rosters.PersonID(fmt.Sprintf("%s-%d%c", t.id, i+1, 'a'+j))
			w.addPerson(id, how, t.habit)
			p := w.people[id]
			p.mute = t.mute
			w.people[id] = p
			rotation.Participants = append(rotation.Participants, id)
		}
		made.Rotations = append(made.Rotations, rotation)
	}
	if t.hands {
		made.Overrides = handOvers(r, made.Rotations[0].Participants, span)
	}
	w.addRoster(made)
}

func (w *world) addRoster(r rosters.Roster) {
	w.rosters[r.ID] = r
	w.calendars[r.ID], _ = r.Compile() // what is made here can be read
}

// handOvers puts one after the other on call, for a few seconds each; for longer if that would be more than
// a few hundred times.
func handOvers(r *rand.Rand, people []rosters.PersonID, span time.Duration) (all []rosters.Override) {
	shift := max(5*time.Second, span/400)
	from := time.Now().UTC().Truncate(time.Second).Add(-10 * time.Second)
	for until := from.Add(span); from.Before(until); {
		to := from.Add(between(r, shift/2, 3*shift/2).Truncate(time.Millisecond))
		all = append(all, rosters.Override{ID: fmt.Sprint(len(all) + 1), Person: people[len(all)%len(people)], From: from, To: to})
		from = to
	}
	return all
}

func (w *world) addPerson(id rosters.PersonID, how plan, h habit) {
	number := fmt.Sprintf("+4917%09d", 600_000_000+len(w.people))
	push := rosters.Contact{Channel: rosters.Push, Address: "prove-" + string(id)}
	text := rosters.Contact{Channel: rosters.SMS, Address: number}
	call := rosters.Contact{Channel: rosters.Voice, Address: number}
	p := person{Person: rosters.Person{ID: id, Name: string(id), Zone: "UTC", Language: "en"}, habit: h}
	switch how {
	case texted:
		p.Contacts = []rosters.Contact{text}
	case called:
		p.Contacts = []rosters.Contact{call}
	case pushedSMS:
		text.After = 1500 * time.Millisecond
		p.Contacts = []rosters.Contact{push, text}
	default:
		p.Contacts = []rosters.Contact{push}
	}
	for _, c := range p.Contacts {
		w.owners[place{c.Channel, c.Address}] = id
	}
	w.people[id] = p
}

// onCall is who is to be paged at an instant, each once.
func (w *world) onCall(targets []engine.Target, at time.Time) (all []rosters.PersonID) {
	seen := map[rosters.PersonID]bool{}
	for _, t := range targets {
		found := []rosters.PersonID{t.Person}
		if t.Roster != "" {
			found = nil
			if c := w.calendars[t.Roster]; c != nil {
				found = c.OnCall(at)
			}
		}
		for _, p := range found {
			if !seen[p] {
				seen[p], all = true, append(all, p)
			}
		}
	}
	return all
}

// at finds who has an address.
func (w *world) at(to place) (person, bool) {
	id, known := w.owners[to]
	return w.people[id], known
}

// store fills an empty database and makes the senders' key.
func (w *world) store(ctx context.Context, db *pgxpool.Pool) (key string, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := w.storePeople(ctx, rosterdb.New(tx)); err != nil {
			return err
		}
		return w.storeServices(ctx, enginedb.New(tx))
	})
	if err != nil {
		return "", fmt.Errorf("filling the database: %w", err)
	}
	key, _, err = enginedb.New(db).CreateKey(ctx, enginedb.Key{Name: "prove", Scopes: []enginedb.Scope{enginedb.ScopeIntake}})
	return key, err
}

func (w *world) storePeople(ctx context.Context, db rosterdb.Store) error {
	for _, p := range w.people {
		if err := db.CreatePerson(ctx, p.Person); err != nil {
			return err
		}
	}
	for _, r := range w.rosters {
		if err := db.CreateRoster(ctx, rosters.Roster{ID: r.ID, Name: r.Name, Rotations: r.Rotations, Handoff: r.Handoff}, "prove"); err != nil {
			return err
		}
		for _, o := range r.Overrides {
			if _, err := db.CreateOverride(ctx, r.ID, o, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) storeServices(ctx context.Context, db enginedb.Store) error {
	for _, id := range w.services {
		ladder := w.ladders[id]
		policy := engine.Policy{ID: engine.PolicyID(id), Name: string(id), Levels: ladder.Levels[:len(ladder.Levels)-1]}
		if err := db.CreatePolicy(ctx, policy); err != nil {
			return err
		}
		if err := db.CreateService(ctx, engine.Service{ID: id, Name: string(id), Policy: policy.ID}); err != nil {
			return err
		}
	}
	return nil
}
