package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rouse/api/problem"
	"rouse/rosters"
)

// maxConfiguredRotations bounds what one document can cause: each is gone through for weeks.
const maxConfiguredRotations = 10_000

// section is one kind of thing in a configuration: what was sent of it and is stored, and how that is done.
type section[T any] struct {
	kind, list, key string // "roster", "rosters", "slug"
	sent            []T    // nil: the document does not speak of it
	stored          []T
	versions        map[string]int

	name    func(T) string
	whole   func(T) T                                    // fills in what may be missing
	settle  func(T) T                                    // makes it what will be read once it is stored; nil: that is the same
	valid   func(T) error                                // what keeps it from being stored
	bounds  func([]T) string                             // what is too much of all of them together; nil: nothing is
	names   func(T, refer)                               // what it names
	besides func(was, is T) []FieldChange                // what else changes with it, that is no part of the document; nil: nothing
	write   func(context.Context, T, int) error          // stores it; the version is 0 for a new one
	remove  func(ctx context.Context, name string) error // as by its own operation
}

// anySection is a section of whatever kind.
type anySection interface {
	register(*draft)
	plan(*draft)
}

// step is one thing that is to be done.
type step struct {
	Step
	at, key string // where the document has it, and what it is called by there
	do      func(context.Context) error
}

// changes are what makes of a stored configuration the one that was sent.
type changes struct {
	writes   []step
	removals []step // the last things first
}

// draft is a plan that is being made.
type draft struct {
	faults
	changes
	prune bool
	there map[string]bool // what there will be, "roster dba"
	goes  map[string]bool // what will go
}

// planned works out what is to be done, or tells all that is wrong with the document.
func planned(parts []anySection, prune bool) (*changes, error) {
	d := &draft{prune: prune, there: map[string]bool{}, goes: map[string]bool{}}
	for _, p := range parts {
		p.register(d)
	}
	for _, p := range parts {
		p.plan(d)
	}
	if len(d.fields) > 0 {
		return nil, invalid(d.fields)
	}
	return &d.changes, nil
}

// register notes what there will be of a kind.
func (s *section[T]) register(d *draft) {
	for _, t := range s.sent {
		d.there[s.kind+" "+s.name(t)] = true
	}
	for _, t := range s.stored {
		id := s.kind + " " + s.name(t)
		switch {
		case s.sent == nil || !d.prune:
			d.there[id] = true
		case !d.there[id]:
			d.goes[id] = true
		}
	}
}

func (s *section[T]) plan(d *draft) {
	if s.bounds != nil {
		if much := s.bounds(s.sent); much != "" {
			d.add(problem.Field{Pointer: "/" + s.list, Detail: much})
			return
		}
	}
	stored, seen := map[string]T{}, map[string]bool{}
	for _, t := range s.stored {
		stored[s.name(t)] = t
	}
	for i, t := range s.sent {
		if len(d.fields) == maxFaults {
			return // nobody is told more
		}
		at, id := fmt.Sprintf("/%s/%d", s.list, i), s.name(t)
		if seen[id] {
			d.add(problem.Field{Pointer: at + "/" + s.key, Value: id, Detail: "is used twice; give each its own"})
			continue
		}
		seen[id] = true
		s.names(t, func(kind, name string, path ...any) { d.refer(at, kind, name, path) })
		was, exists := stored[id]
		s.change(d, step{Step: Step{Kind: s.kind, ID: id, Action: "create"}, at: at, key: s.key}, s.whole(t), was, exists)
	}
	var removals []step
	for _, t := range s.stored {
		if id := s.name(t); d.goes[s.kind+" "+id] {
			removals = append(removals, step{Step: Step{Kind: s.kind, ID: id, Action: "delete"}, do: func(ctx context.Context) error { return s.remove(ctx, id) }})
		}
	}
	d.removals = append(removals, d.removals...) // before what they may name
}

// change notes a step, unless what was sent is what is stored. Only what is to be stored is checked: what is
// there may be older than a rule.
func (s *section[T]) change(d *draft, todo step, is, was T, exists bool) {
	if exists && same(was, is) {
		return
	}
	if err := s.valid(is); err != nil {
		d.refuse(todo, err)
		return
	}
	if s.settle != nil {
		is = s.settle(is)
	}
	if exists {
		todo.Action = "change"
		if todo.Fields, todo.More = differences(was, is); len(todo.Fields) == 0 {
			return
		}
		if s.besides != nil {
			todo.Fields = append(todo.Fields, s.besides(was, is)...)
		}
	}
	version := s.versions[s.kind+" "+todo.ID]
	todo.do = func(ctx context.Context) error { return s.write(ctx, is, version) }
	d.writes = append(d.writes, todo)
}

// sectionOf is what the things of a kind stand in.
var sectionOf = map[string]string{"team": "teams", "person": "people", "roster": "rosters", "policy": "policies", "service": "services", "rules": "rules", "word": "severities"}

// refer refuses a name of something that there will not be.
func (d *draft) refer(from, kind, name string, path []any) {
	id := kind + " " + name
	if name == "" || d.there[id] {
		return
	}
	for _, part := range path {
		from += fmt.Sprint("/", part)
	}
	detail := "there is no such " + kind
	if d.goes[id] {
		detail = "would be deleted, as it is not among the " + sectionOf[kind] + " of this document"
	}
	d.add(problem.Field{Pointer: from, Value: name, Detail: detail})
}

// refuse adds what is wrong with something, at its place in the document.
func (d *draft) refuse(s step, err error) {
	for _, f := range problemOf(s.placed(err)).Errors {
		d.add(f)
	}
}

// placed is an error with pointers into the document.
func (s step) placed(err error) error {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		return err
	}
	moved := *p
	moved.Errors = slices.Clone(p.Errors)
	if p.Name != problem.Validation.Name || len(p.Errors) == 0 { // it is about the whole thing
		moved.Errors = []problem.Field{{Pointer: "/" + s.key, Value: s.ID, Detail: p.Detail}}
	}
	for i := range moved.Errors {
		moved.Errors[i].Pointer = s.at + moved.Errors[i].Pointer
	}
	if p.Name == problem.Validation.Name {
		return invalid(moved.Errors)
	}
	return &moved
}

// rosterBounds is about all rotations together.
func rosterBounds(sent []Roster) string {
	n := 0
	for _, r := range sent {
		n += len(r.Rotations)
	}
	if n > maxConfiguredRotations {
		return fmt.Sprintf("have %d rotations together; the limit is %d", n, maxConfiguredRotations)
	}
	return ""
}

// carryOut does all of it, or as little as it can and tells what is in the way.
func (h handlers) carryOut(ctx context.Context, c *changes) error {
	for _, s := range slices.Concat(c.writes, c.removals) {
		if s.Kind == "roster" {
			h.view.rosters = append(h.view.rosters, rosters.RosterID(s.ID))
		}
	}
	if err := h.rosters.LockRosters(ctx, h.view.rosters); err != nil {
		return err
	}
	for _, s := range c.writes {
		if err := s.do(ctx); err != nil {
			return s.placed(err)
		}
	}
	var stay []*problem.Problem
	for _, s := range c.removals {
		err := s.do(ctx)
		if p, ok := errors.AsType[*problem.Problem](err); ok && p.Name == problem.InUse.Name {
			stay = append(stay, p)
		} else if err != nil {
			return err
		}
	}
	return cannotGo(stay)
}

// cannotGo is the problem of all that cannot be deleted, nil if nothing is.
func cannotGo(stay []*problem.Problem) error {
	if len(stay) == 0 {
		return nil
	}
	detail := stay[0].Detail
	if more := len(stay) - 1; more > 0 {
		detail = fmt.Sprintf("%s %d more cannot be deleted either.", detail, more)
	}
	all := problem.InUse.Because("%s", detail)
	for _, p := range stay {
		if len(p.Errors) == 0 {
			all.With(problem.Field{Detail: strings.TrimSuffix(p.Detail, ".")})
		}
		all.With(p.Errors...)
	}
	return all
}
