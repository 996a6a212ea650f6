package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

const (
	effectsSpan = 28 * 24 * time.Hour // after now, or after the change counts
	maxChanges  = 200                 // that are told
)

// view is what a change is held against: who was to be on call before it, and when nobody could be paged.
type view struct {
	roster   rosters.RosterID // "": the request is about none
	from, to time.Time
	before   *rosters.Calendar
	holes    []engine.Hole
}

// view looks at the roster that a request is about, and at all that may be paged.
func (a *API) view(ctx context.Context, r *http.Request) (*view, error) {
	slug, err := a.rosterAbout(ctx, r)
	if err != nil {
		return nil, err
	}
	now, err := a.rosters.Now(ctx)
	if err != nil {
		return nil, err
	}
	v := &view{roster: rosters.RosterID(slug), from: now.Add(a.offset()).UTC().Truncate(time.Microsecond)}
	counts := v.from
	if at, err := time.Parse(time.RFC3339, r.URL.Query().Get("effective_from")); err == nil && at.After(counts) {
		counts = at
	}
	if v.to = counts.UTC().Add(effectsSpan); v.to.Sub(v.from) > maxSpan {
		v.to = v.from.Add(maxSpan)
	}
	if v.before, err = a.calendar(ctx, v); err != nil {
		return nil, err
	}
	v.holes, err = a.holes(ctx, v)
	return v, err
}

// holes lists when nobody could be paged; a view that is too long is looked at as far as that goes.
func (a *API) holes(ctx context.Context, v *view) ([]engine.Hole, error) {
	to := v.to
	if to.Sub(v.from) > engine.MaxCoverage {
		to = v.from.Add(engine.MaxCoverage)
	}
	c, err := a.coverage(ctx, v.from, to)
	if err != nil {
		return nil, err
	}
	return slices.Collect(c.Holes(v.from, to)), nil
}

// rosterAbout finds the roster that a request would change, "" if it is about none.
func (a *API) rosterAbout(ctx context.Context, r *http.Request) (slug string, err error) {
	vars := mux.Vars(r)
	switch {
	case strings.HasPrefix(r.URL.Path, "/v1/rosters/"):
		return vars["slug"], nil
	case strings.HasPrefix(r.URL.Path, "/v1/deleted/"):
		id, _ := strconv.ParseInt(vars["id"], 10, 64) // the contract saw to it
		t, err := a.rosters.Deleted(ctx, id)
		if errors.Is(err, rosterdb.ErrNotFound) {
			return "", nil // the handler says so
		}
		if owner, _ := t.Owned(); err == nil && t.Kind != rosterdb.TrashedPerson && t.Kind != rosterdb.TrashedContact {
			slug = owner
		}
		return slug, err
	case r.URL.Path == "/v1/rosters":
		return posted[struct{ Slug string }](r).Slug, nil
	}
	return "", nil
}

// posted reads what the handler is going to read from the body; nothing, if that cannot be read.
func posted[T any](r *http.Request) (body T) {
	if b, ok := r.Body.(checkedBody); ok {
		_ = json.Unmarshal(b.text, &body)
	}
	return body
}

// calendar is the roster as it is now; one that is not there has nobody on call.
func (a *API) calendar(ctx context.Context, v *view) (*rosters.Calendar, error) {
	found, err := a.rosters.RostersDuring(ctx, []rosters.RosterID{v.roster}, v.from, v.to)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		found = []rosterdb.Roster{{}}
	}
	c, _ := found[0].Compile() // what cannot be read has nobody on call
	return c, nil
}

// effects tells who is on call otherwise after the change, and when nobody can be paged any more; nil if
// all is as it was.
func (v *view) effects(ctx context.Context, a *API) (*Effects, error) {
	after, err := a.calendar(ctx, v)
	if err != nil {
		return nil, err
	}
	holes, err := a.holes(ctx, v)
	if err != nil {
		return nil, err
	}
	changes := rosters.Changes(v.before, after, v.from, v.to)
	opened, closed := engine.CompareHoles(v.holes, holes)
	if len(changes)+len(opened)+len(closed) == 0 {
		return nil, nil
	}
	e := &Effects{From: v.from, To: v.to, Changes: []Moved{}}
	people := func(ids []rosters.PersonID) []string {
		return mapped(ids, func(p rosters.PersonID) string { return string(p) })
	}
	for _, c := range changes {
		if len(e.Changes) < maxChanges {
			e.Changes = append(e.Changes, Moved{Roster: string(v.roster), From: c.From, To: c.To, Before: people(c.Before), After: people(c.After)})
		} else {
			e.More++
		}
	}
	e.GapsOpened = gapsOf(v.roster, changes, func(c rosters.Change) []rosters.PersonID { return c.After })
	e.GapsClosed = gapsOf(v.roster, changes, func(c rosters.Change) []rosters.PersonID { return c.Before })
	e.HolesOpened, e.HolesClosed = holesOut(opened), holesOut(closed)
	return e, nil
}

func holesOut(holes []engine.Hole) []Hole {
	return mapped(holes[:min(len(holes), maxChanges)], func(h engine.Hole) Hole { return holeOut(h, time.UTC) })
}

// refusal is why a change that opens holes is not done unless it is forced; nil if it opens none.
func (e *Effects) refusal() error {
	if e == nil || len(e.HolesOpened) == 0 {
		return nil
	}
	first := strings.TrimSuffix(e.HolesOpened[0].Text, ".")
	if more := len(e.HolesOpened) - 1; more > 0 {
		first += fmt.Sprintf("; and %d more", more)
	}
	p := problem.OpensHole.Because("An alert would then find nobody to page: %s. With force=true it is done all the same.", first)
	for _, h := range e.HolesOpened {
		p.With(problem.Field{Detail: h.Text})
	}
	return p
}

func gapsOf(roster rosters.RosterID, changes []rosters.Change, people func(rosters.Change) []rosters.PersonID) []Gap {
	var gaps []Gap
	for _, c := range changes {
		if len(people(c)) == 0 {
			if n := len(gaps); n > 0 && gaps[n-1].To.Equal(c.From) {
				gaps[n-1].To = c.To
			} else {
				gaps = append(gaps, Gap{Roster: string(roster), From: c.From, To: c.To})
			}
		}
	}
	return slices.Clip(gaps[:min(len(gaps), maxChanges)])
}

// orNone is the effects of a change that has none.
func (e *Effects) orNone() Effects {
	if e == nil {
		return Effects{Changes: []Moved{}}
	}
	return *e
}
