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
	// A calendar costs the more the farther ahead it is asked.
	// What a configuration changes, rotations from such an instant on, is looked at up to effectsSpan later.
	configuredAhead = engine.MaxCoverage - effectsSpan - 4*24*time.Hour
	farthestLooked  = 20 * 366 * 24 * time.Hour
)

// view is what a change is held against: who was to be on call before it, and when nobody could be paged.
type view struct {
	rosters  []rosters.RosterID // that the request is about, none or one; of a whole configuration those that change
	from, to time.Time
	counts   time.Time // from when on the change does
	was, is  *engine.Coverage
}

// view looks at all that may be paged, before it changes.
func (a *API) view(ctx context.Context, r *http.Request, path string) (*view, error) {
	if strings.HasPrefix(path, "/v1/providers/") { // what this node has not noticed yet is no effect of the change
		if err := a.providers.Read(ctx); err != nil {
			return nil, err
		}
	}
	v := &view{}
	slug, err := a.rosterAbout(ctx, r)
	if err != nil {
		return nil, err
	}
	if slug != "" {
		v.rosters = []rosters.RosterID{rosters.RosterID(slug)}
	}
	now, err := a.rosters.Now(ctx)
	if err != nil {
		return nil, err
	}
	v.from = now.Add(a.offset()).UTC().Truncate(time.Microsecond)
	v.counts = v.from
	if at, err := time.Parse(time.RFC3339, r.URL.Query().Get("effective_from")); err == nil && at.After(v.counts) {
		v.counts = at.UTC()
	}
	about, err := a.spanAbout(ctx, r, path)
	if err != nil {
		return nil, err
	}
	if v.counts.Before(about.From) && about.From.Before(v.counts.Add(farthestLooked)) {
		v.counts = about.From
	}
	if path != configurationPath { // of which only the rotations wait
		v.from = v.counts // nothing is otherwise before
	} else if v.counts.Sub(v.from) > configuredAhead {
		return nil, wrongParameter("effective_from", clock(v.counts), "must be within the next 60 days, so that all that comes of it can be looked at")
	}
	if v.to = v.counts.Add(effectsSpan); v.to.Before(about.To) {
		v.to = about.To
	}
	if v.to.Sub(v.from) > maxSpan {
		v.to = v.from.Add(maxSpan)
	}
	v.was, err = a.covered(ctx, v)
	return v, err
}

// spanAbout is when the override or swap is that a request is about, before and after; zero if it is about none.
func (a *API) spanAbout(ctx context.Context, r *http.Request, path string) (about rosters.Span, err error) {
	vars := mux.Vars(r)
	roster := rosters.RosterID(vars["slug"])
	stretch := func(s rosters.Span) {
		if !s.From.IsZero() && (about.From.IsZero() || s.From.Before(about.From)) {
			about.From = s.From
		}
		if s.To.After(about.To) {
			about.To = s.To
		}
	}
	switch {
	case strings.HasPrefix(path, "/v1/rosters/{slug}/overrides"):
		body := posted[struct{ From, To time.Time }](r)
		stretch(rosters.Span{From: body.From.UTC(), To: body.To.UTC()})
		if vars["id"] != "" {
			o, err := a.rosters.Override(ctx, roster, vars["id"])
			if err != nil && !errors.Is(err, rosterdb.ErrNotFound) { // the handler says so
				return about, err
			}
			stretch(rosters.Span{From: o.From, To: o.To})
		}
	case strings.HasPrefix(path, "/v1/rosters/{slug}/swaps/"):
		id, _ := strconv.ParseInt(vars["id"], 10, 64)               // the contract saw to it
		found, err := a.rosters.Swaps(ctx, roster, "", "", id+1, 1) // not locked: the roster comes first
		if err != nil {
			return about, err
		}
		for _, w := range found {
			if w.ID == id {
				stretch(w.Give)
				stretch(w.Take)
			}
		}
	}
	return about, nil
}

func (a *API) covered(ctx context.Context, v *view) (*engine.Coverage, error) {
	c, err := a.coverage(ctx, v.from, v.to)
	return &c, err
}

// after looks at the same again, once: nothing changes between two looks. What the request is not about
// keeps its calendar, so that it need not be gone through twice.
func (v *view) after(ctx context.Context, a *API) (*engine.Coverage, error) {
	if v.is != nil {
		return v.is, nil
	}
	is, err := a.covered(ctx, v)
	if err != nil {
		return nil, err
	}
	for id := range is.Calendars {
		if was := v.was.Calendars[id]; was != nil && !slices.Contains(v.rosters, id) {
			is.Calendars[id] = was
		}
	}
	v.is = is
	return is, nil
}

// until is the end of a part of the view that is not too long for a proof.
func (v *view) until(to time.Time) time.Time {
	if farthest := v.from.Add(engine.MaxCoverage); to.After(farthest) {
		return farthest
	}
	return to
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

// effects tells who is on call otherwise after the change, and when nobody can be paged any more; nil if
// all is as it was.
func (v *view) effects(ctx context.Context, a *API) (*Effects, error) {
	is, err := v.after(ctx, a)
	if err != nil {
		return nil, err
	}
	until := v.until(v.to)
	opened, closed := engine.CompareHoles(slices.Collect(v.was.Holes(v.from, until)), slices.Collect(is.Holes(v.from, until)))
	e := &Effects{From: v.from, To: v.to, Changes: []Moved{}, HolesOpened: holesOut(opened), HolesClosed: holesOut(closed)}
	for _, id := range v.rosters {
		e.add(id, rosters.Changes(calendar(v.was, id), calendar(is, id), v.from, v.to))
	}
	if len(e.Changes)+len(opened)+len(closed) == 0 {
		return nil, nil
	}
	return e, nil
}

// calendar is a roster's; one that is not there has nobody on call.
func calendar(c *engine.Coverage, id rosters.RosterID) *rosters.Calendar {
	if found := c.Calendars[id]; found != nil {
		return found
	}
	none, _ := rosters.Roster{}.Compile()
	return none
}

// add tells of what changes in a roster.
func (e *Effects) add(id rosters.RosterID, changes []rosters.Change) {
	for _, c := range changes {
		if len(e.Changes) == maxChanges {
			e.More++
			continue
		}
		e.Changes = append(e.Changes, Moved{Roster: string(id), From: c.From, To: c.To, Before: handles(c.Before), After: handles(c.After)})
	}
	e.GapsOpened = told(append(e.GapsOpened, gapsOf(id, changes, func(c rosters.Change) []rosters.PersonID { return c.After })...))
	e.GapsClosed = told(append(e.GapsClosed, gapsOf(id, changes, func(c rosters.Change) []rosters.PersonID { return c.Before })...))
}

func handles(people []rosters.PersonID) []string {
	return mapped(people, func(p rosters.PersonID) string { return string(p) })
}

func holesOut(holes []engine.Hole) []Hole {
	return mapped(told(holes), func(h engine.Hole) Hole { return holeOut(h, time.UTC) })
}

// told is as much of a list as anybody reads.
func told[T any](list []T) []T { return list[:min(len(list), maxChanges)] }

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
	return gaps
}

// orNone is the effects of a change that has none.
func (e *Effects) orNone() Effects {
	if e == nil {
		return Effects{Changes: []Moved{}}
	}
	return *e
}
