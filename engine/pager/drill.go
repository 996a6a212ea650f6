package pager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

const (
	drillLook  = time.Second // for drills that are in the way of a page
	drillEvery = time.Minute // for shifts that begin
	// Whoever was reached lately need not be tried before each shift.
	drillFresh = 7 * 24 * time.Hour
)

// The limits of how long before a shift its drill is made.
const (
	MinDrillBefore = 10 * time.Minute
	MaxDrillBefore = 7 * 24 * time.Hour
)

// ErrDrill says that something cannot be done to a drill, which is about one person and nobody else.
var ErrDrill = errors.New("it is a drill of one person")

// Drilling says who is to be drilled: exactly one of Person and Roster.
type Drilling struct {
	Person rosters.PersonID
	Roster rosters.RosterID // everybody who is on call in it now
	By     string           // who asks for it

	shift time.Time // the beginning of the shift that it is made before
}

// DrillRefused is somebody who cannot be drilled now.
type DrillRefused struct {
	Person rosters.PersonID
	Key    engine.Key // of the drill under way, or of the incident that the person is paged for; or ""
	Why    string
}

// Drills is what the outside may do about drills; *Pager is the only implementation outside tests.
type Drills interface {
	// StartDrills begins a drill of a person, or of each who is on call in a roster, unless one of them is under
	// way, or the person is being paged. ErrNotFound: there is no such person or roster, or nobody is on call.
	StartDrills(ctx context.Context, d Drilling) (started []enginedb.Drill, refused []DrillRefused, err error)
}

var _ Drills = (*Pager)(nil)

// StartDrills begins drills. Each is a transaction of its own, so that one that fails leaves the others.
func (p *Pager) StartDrills(ctx context.Context, d Drilling) (started []enginedb.Drill, refused []DrillRefused, err error) {
	people := []rosters.PersonID{d.Person}
	if d.Roster != "" {
		who := rosterdb.New(p.cfg.DB)
		roster, err := who.Roster(ctx, d.Roster)
		if errors.Is(err, rosterdb.ErrNotFound) {
			return nil, nil, fmt.Errorf("roster %q: %w", d.Roster, ErrNotFound)
		}
		if err != nil {
			return nil, nil, err
		}
		now, err := who.Now(ctx)
		if err != nil {
			return nil, nil, err
		}
		calendar, _ := roster.Compile() // what cannot be read has nobody on call
		if people = calendar.OnCall(now.Add(p.Offset())); len(people) == 0 {
			return nil, nil, fmt.Errorf("somebody on call in roster %q: %w", d.Roster, ErrNotFound)
		}
	}
	for _, person := range people {
		drill, no, err := p.startDrill(ctx, person, d)
		switch {
		case err != nil:
			return started, refused, err
		case no != nil:
			refused = append(refused, *no)
		default:
			started = append(started, drill)
		}
	}
	return started, refused, nil
}

// startDrill begins one, in one transaction with the incident that it is and the jobs that page for it.
func (p *Pager) startDrill(ctx context.Context, person rosters.PersonID, of Drilling) (drill enginedb.Drill, refused *DrillRefused, err error) {
	err = p.inTx(ctx, p.cfg.DB, func(tx pgx.Tx, digits int) (after func(), err error) {
		db, people := enginedb.New(tx), rosterdb.New(tx)
		who, err := people.Person(ctx, person)
		if errors.Is(err, rosterdb.ErrNotFound) {
			return nil, fmt.Errorf("person %q: %w", person, ErrNotFound)
		}
		if err != nil {
			return nil, err
		}
		if refused, err = notNow(ctx, db, person); err != nil || refused != nil {
			return nil, err
		}
		number, err := db.DrillNumber(ctx)
		if err != nil {
			return nil, err
		}
		now, err := people.Now(ctx)
		if err != nil {
			return nil, err
		}
		w := p.work(ctx, tx, digits, now.Add(p.Offset()))
		inc, first := engine.NewDrill(person, w.world.plan(person, engine.Major), notifiers.DrillSummary(who.Language), w.world.now)
		inc.ID, inc.Key = number.ID, number.Key
		drill = enginedb.Drill{Incident: inc.ID, Key: inc.Key, Person: person, Roster: of.Roster, Shift: of.shift, At: inc.OpenedAt,
			Until: inc.OpenedAt.Add(inc.AutoClose), StartedBy: of.By}
		switch added, err := db.AddDrill(ctx, drill); {
		case err != nil:
			return nil, err
		case !added: // somebody began one at the same moment
			refused = &DrillRefused{Person: person, Why: "a drill of theirs has just begun"}
			return nil, nil
		}
		d := w.draft(enginedb.Locked{})
		d.After = inc
		if err := w.step(d, first); err != nil {
			return nil, err
		}
		if after, err = w.save(); err == nil {
			drill, err = db.Drill(ctx, number.Key) // it may be over already
		}
		return after, err
	})
	if err == nil && refused == nil {
		p.log.Info("a drill begins", "key", drill.Key, "person", person, "roster", of.Roster, "by", cmp.Or(of.By, "the roster"))
	}
	return drill, refused, err
}

// notNow says why somebody is not drilled now, nil if nothing keeps them from it. Whoever is being paged has
// better to do than to tell a test from trouble.
func notNow(ctx context.Context, db enginedb.Store, who rosters.PersonID) (*DrillRefused, error) {
	open, err := db.OpenDrill(ctx, who)
	if err == nil {
		return &DrillRefused{Person: who, Key: open.Key, Why: fmt.Sprintf("drill %s is under way until %s", open.Key, open.Until.UTC().Format(time.RFC3339))}, nil
	}
	if !errors.Is(err, enginedb.ErrNotFound) {
		return nil, err
	}
	key, err := db.PagedFor(ctx, who)
	if err != nil || key == "" {
		return nil, err
	}
	return &DrillRefused{Person: who, Key: key, Why: fmt.Sprintf("%s is being paged for %s", who, key)}, nil
}

// endDrills writes down what drills showed that ended, in the transaction in which they did.
func endDrills(ctx context.Context, tx pgx.Tx, changes []enginedb.Change) error {
	for _, c := range changes {
		if !c.After.Drill || c.After.Status != engine.Resolved || c.Before.Status == engine.Resolved {
			continue
		}
		d := enginedb.Drill{Incident: c.After.ID, Key: c.After.Key, EndedAt: c.After.EndedAt}
		for _, ef := range c.Effects {
			note, _ := ef.(engine.Note)
			switch note.Reason {
			case engine.ReasonDrillPassed:
				d.Result = enginedb.DrillPassed
			case engine.ReasonDrillDeclined:
				d.Result = enginedb.DrillDeclined
			case engine.ReasonDrillFailed:
				d.Result, d.Why = enginedb.DrillFailed, note.Text
			case engine.ReasonResolved:
				d.Result, d.Why = enginedb.DrillStopped, note.Text
			default:
				continue
			}
			d.Channel = note.Basis["via"]
			d.AnsweredAfter = c.After.EndedAt.Sub(c.After.OpenedAt)
		}
		if err := enginedb.New(tx).EndDrill(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// KeepDrills ends drills whose person is paged for real, and begins those that rosters want before shifts, until
// ctx ends. Any number of nodes may do it. How a drill ends otherwise is the engine's: by an answer, or at its
// incident's deadline, which every node sweeps.
func (p *Pager) KeepDrills(ctx context.Context) {
	tick := time.NewTicker(drillLook)
	defer tick.Stop()
	var looked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := recovered(func() error { return p.interruptDrills(ctx) })
		if time.Since(looked) >= drillEvery {
			looked = time.Now()
			err = errors.Join(err, recovered(func() error { return p.drillBeforeShifts(ctx) }))
		}
		if err != nil && ctx.Err() == nil {
			p.log.Warn("drills could not be looked after; trying again", "err", err)
		}
	}
}

// interruptDrills ends the drills that are in the way of a page: a call of theirs must not keep a phone busy.
func (p *Pager) interruptDrills(ctx context.Context) error {
	db := enginedb.New(p.cfg.DB)
	found, err := db.InterruptedDrills(ctx)
	var lost bool
	for _, in := range found {
		if in.Real == "" {
			lost = true
			continue
		}
		err = errors.Join(err, p.Resolve(ctx, in.Drill, "", fmt.Sprintf("Stopped: %s came, and goes first.", in.Real)))
	}
	if lost {
		n, failed := db.EndLostDrills(ctx)
		if err = errors.Join(err, failed); n > 0 {
			p.log.Warn("drills were ended by an older release, and showed nothing", "drills", n)
		}
	}
	return err
}

// drillBeforeShifts begins the drills of those who come on call in rosters that want one.
func (p *Pager) drillBeforeShifts(ctx context.Context) error {
	wanted, err := enginedb.New(p.cfg.DB).RosterDrills(ctx)
	if err != nil || len(wanted) == 0 {
		return err
	}
	who := rosterdb.New(p.cfg.DB)
	now, err := who.Now(ctx)
	if err != nil {
		return err
	}
	now = now.Add(p.Offset()).UTC()
	ids, ahead := []rosters.RosterID{}, time.Duration(0)
	for id, before := range wanted {
		ids, ahead = append(ids, id), max(ahead, before+handoffEarly)
	}
	slices.Sort(ids)
	found, err := who.RostersDuring(ctx, ids, now, now.Add(ahead))
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range found {
		calendar, _ := r.Compile() // what cannot be read has nobody on call
		for _, relief := range calendar.Reliefs(now, now.Add(wanted[r.ID]+handoffEarly)) {
			for _, person := range relief.On {
				errs = append(errs, p.drillBefore(ctx, shift{r.ID, relief.At, person}, wanted[r.ID], now))
			}
		}
	}
	return errors.Join(errs...)
}

// shift is one that begins.
type shift struct {
	roster rosters.RosterID
	at     time.Time
	who    rosters.PersonID
}

// drillBefore begins the drill before a shift, if it is time for it: once, by day, and not if the person was
// reached lately. One that is refused is tried again until the shift begins.
func (p *Pager) drillBefore(ctx context.Context, s shift, before time.Duration, now time.Time) error {
	person, err := rosterdb.New(p.cfg.DB).Person(ctx, s.who)
	if errors.Is(err, rosterdb.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	byDayNow := rosters.LastDaytime(person.Zone, now).Equal(now)
	if due := byDay(person.Zone, s.at.Add(-before)); due.After(now) || !byDayNow {
		return nil
	}
	db := enginedb.New(p.cfg.DB)
	if done, err := db.ShiftDrilled(ctx, s.roster, s.at, s.who); err != nil || done {
		return err
	}
	last, err := db.LastDrills(ctx, []rosters.PersonID{s.who})
	if err != nil {
		return err
	}
	if d := last[s.who]; d.Result.Passed() && d.At.After(now.Add(-drillFresh)) {
		return nil
	}
	_, _, err = p.startDrill(ctx, s.who, Drilling{Roster: s.roster, shift: s.at})
	return err
}
