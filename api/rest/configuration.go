package rest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

const configurationPath = "/v1/configuration"

// What a plan tells, and how much of it at most.
const (
	pagesSpan       = 14 * 24 * time.Hour // after now, or after the change counts
	maxSteps        = 2000
	maxFieldChanges = 100 // of one step
	lastTouched     = 10  // changes that whoever was slower is told of
)

// everything is more than there is of anything that admins keep.
const everything = 1_000_000

// configuration is all that admins keep, as a document that could be sent back.
type configuration struct {
	Configuration
	versions map[string]int // by kind and slug, "roster dba"
	at       time.Time
	duties   map[rosters.RosterID]rosterdb.Roster // with the rotations that count at that time, beside those planned last
}

// readConfiguration reads it in order: the database's own may be that of a language.
func (h handlers) readConfiguration(ctx context.Context, at time.Time) (configuration, error) {
	c := configuration{Configuration: Configuration{Teams: []Team{}, People: []Person{}, Rosters: []Roster{}, Policies: []Policy{}, Services: []Service{}, Rules: []RuleList{}, Severities: []Word{}},
		versions: map[string]int{}, at: at, duties: map[rosters.RosterID]rosterdb.Roster{}}
	for _, read := range []func(context.Context, *configuration) error{h.readTeams, h.readPeople, h.readRosters, h.readPolicies, h.readServices, h.readRules, h.readWords} {
		if err := read(ctx, &c); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (h handlers) readTeams(ctx context.Context, c *configuration) error {
	found, err := h.rosters.Teams(ctx, "", everything)
	for _, t := range found {
		c.Teams = append(c.Teams, teamOut(rosterdb.Team{Team: t.Team}))
		c.versions["team "+string(t.ID)] = t.Version
	}
	slices.SortFunc(c.Teams, func(a, b Team) int { return cmp.Compare(a.Slug, b.Slug) })
	return err
}

func (h handlers) readPeople(ctx context.Context, c *configuration) error {
	found, err := h.rosters.StoredPeople(ctx, "", everything)
	for _, p := range found {
		c.People = append(c.People, h.configured(p.Person))
		c.versions["person "+string(p.ID)] = p.Version
	}
	slices.SortFunc(c.People, func(a, b Person) int { return cmp.Compare(a.Handle, b.Handle) })
	return err
}

// configured is a person without what the server gives.
func (h handlers) configured(p rosters.Person) Person {
	out := h.person(rosterdb.Person{Person: p, ContactIDs: make([]int64, len(p.Contacts))})
	for i := range out.Contacts {
		c := &out.Contacts[i]
		c.Dead, c.Verified, c.VerifiedAt = "", false, time.Time{}
	}
	return out
}

func (h handlers) readRosters(ctx context.Context, c *configuration) error {
	ids, err := h.rosters.RosterIDs(ctx, "", "", everything)
	if err != nil {
		return err
	}
	drills, err := h.incidents.RosterDrills(ctx)
	if err != nil {
		return err
	}
	found, err := h.rosters.RostersDuring(ctx, ids, c.at, c.at.Add(time.Microsecond))
	for _, r := range found {
		c.Rosters = append(c.Rosters, configuredRoster(r.Roster, r.Team, drills[r.ID]))
		c.versions["roster "+string(r.ID)], c.duties[r.ID] = r.Version, r
	}
	slices.SortFunc(c.Rosters, func(a, b Roster) int { return cmp.Compare(a.Slug, b.Slug) })
	return err
}

func configuredRoster(r rosters.Roster, team rosters.TeamID, drill time.Duration) Roster {
	r.Revision, r.Since = 0, time.Time{}
	out := rosterOut(rosterdb.Roster{Roster: r, Team: team})
	out.Drill = drillWish(drill)
	return out
}

func (h handlers) readPolicies(ctx context.Context, c *configuration) error {
	found, err := h.incidents.Policies(ctx, "", "", everything)
	for _, p := range found {
		c.Policies = append(c.Policies, configuredPolicy(p.Policy, p.Team))
		c.versions["policy "+string(p.ID)] = p.Version
	}
	slices.SortFunc(c.Policies, func(a, b Policy) int { return cmp.Compare(a.Slug, b.Slug) })
	return err
}

func configuredPolicy(p engine.Policy, team rosters.TeamID) Policy {
	return policyOut(enginedb.Policy{Policy: p, Stamp: enginedb.Stamp{Team: team}})
}

func (h handlers) readServices(ctx context.Context, c *configuration) error {
	found, err := h.incidents.Services(ctx, "", "", everything)
	for _, s := range found {
		c.Services = append(c.Services, configuredService(s.Service, s.Team))
		c.versions["service "+string(s.ID)] = s.Version
	}
	slices.SortFunc(c.Services, func(a, b Service) int { return cmp.Compare(a.Slug, b.Slug) })
	return err
}

func configuredService(s engine.Service, team rosters.TeamID) Service {
	return serviceOut(enginedb.Service{Service: s, Stamp: enginedb.Stamp{Team: team}})
}

// digest tells configurations apart, and from when on rotations count, which the document does not say. It is
// short enough to be typed.
func (c configuration) digest() (string, error) {
	since := map[rosters.RosterID]time.Time{}
	for id, r := range c.duties {
		since[id] = r.Since
	}
	text, err := json.Marshal([]any{c.Configuration, since})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), err
}

func quoted(digest string) string { return `"` + digest + `"` }

// GetConfiguration reads all of it as it is at one instant, and waits for nobody.
func (h handlers) GetConfiguration(ctx context.Context, _ GetConfigurationRequestObject) (GetConfigurationResponseObject, error) {
	var c configuration
	err := pgx.BeginFunc(ctx, h.db, func(tx pgx.Tx) (err error) {
		tied := handlers{API: h.on(tx), caller: h.caller}
		if err = tied.rosters.Snapshot(ctx); err == nil {
			c, err = tied.readConfiguration(ctx, never)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	digest, err := c.digest()
	if err != nil {
		return nil, err
	}
	return GetConfiguration200JSONResponse{c.Configuration, GetConfiguration200ResponseHeaders{quoted(digest)}}, nil
}

// ReplaceConfiguration works under the lock that lock took: what it reads stays as it is until the transaction
// is over. What is not to be saved is given up before it is worked out who would be paged, so that nobody waits
// for that.
func (h handlers) ReplaceConfiguration(ctx context.Context, r ReplaceConfigurationRequestObject) (ReplaceConfigurationResponseObject, error) {
	var plan Plan
	var digest string
	var err error
	if r.Params.DryRun {
		err = pgx.BeginFunc(ctx, h.db, func(tx pgx.Tx) error {
			tied := h
			tied.API = h.on(tx)
			if plan, digest, err = tied.replace(ctx, r); err != nil {
				return err
			}
			return errGivenUp
		})
		if errors.Is(err, errGivenUp) {
			err = nil
		}
	} else {
		plan, digest, err = h.replace(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	h.addPages(&plan)
	return ReplaceConfiguration200JSONResponse{plan, ReplaceConfiguration200ResponseHeaders{quoted(digest)}}, nil
}

// replace stores what is otherwise, and looks at what may be paged then.
func (h handlers) replace(ctx context.Context, r ReplaceConfigurationRequestObject) (plan Plan, digest string, err error) {
	stored, err := h.readConfiguration(ctx, h.view.counts)
	if err != nil {
		return plan, "", err
	}
	if plan.BasedOn, err = stored.digest(); err != nil {
		return plan, "", err
	}
	if err := h.still(ctx, r.Params.IfMatch, plan.BasedOn); err != nil {
		return plan, "", err
	}
	changes, err := planned(h.sections(*r.Body, stored), r.Params.Prune == nil || *r.Params.Prune)
	if err != nil {
		return plan, "", err
	}
	if err := h.carryOut(ctx, changes); err != nil {
		return plan, "", err
	}
	plan.add(changes)
	if _, err := h.view.after(ctx, h.API); err != nil {
		return plan, "", err
	}
	digest, err = h.digestNow(ctx, plan.BasedOn, plan)
	return plan, digest, err
}

// digestNow is that of what is stored then.
func (h handlers) digestNow(ctx context.Context, based string, done Plan) (string, error) {
	if len(done.Changes) == 0 {
		return based, nil
	}
	c, err := h.readConfiguration(ctx, never)
	if err != nil {
		return "", err
	}
	return c.digest()
}

// still refuses an If-Match of another state. Which that was is not kept: it tells what was changed last.
func (h handlers) still(ctx context.Context, ifMatch, digest string) error {
	named := strings.Trim(strings.TrimPrefix(strings.TrimSpace(ifMatch), "W/"), `"`)
	if named == "" || named == "*" || named == digest {
		return nil
	}
	last, err := h.rosters.LastTouched(ctx, lastTouched)
	if err != nil {
		return err
	}
	p := problem.Changed.Because("The configuration is not the one that If-Match names, %s. Read it again, and decide again.", shortened(named))
	for i, t := range last {
		if i == 0 {
			p.Detail = fmt.Sprintf("The configuration is not the one that If-Match names: it was changed since. Last %s. Read it again, and decide again.", touchedText(t))
		}
		p.With(problem.Field{Detail: touchedText(t)})
	}
	return p
}

func touchedText(t rosterdb.Touched) string {
	what := "changed"
	if t.Deleted {
		what = "deleted"
	}
	return fmt.Sprintf("%s %s was %s at %s", t.Kind, t.Slug, what, clock(t.At))
}

func (p *Plan) add(c *changes) {
	all := slices.Concat(c.writes, c.removals)
	p.Changes = mapped(all[:min(len(all), maxSteps)], func(s step) Step { return s.Step })
	p.More = len(all) - len(p.Changes)
}

// addPages tells who would be paged otherwise.
func (h handlers) addPages(p *Plan) {
	p.PagesFrom, p.PagesTo = h.view.from, h.view.until(h.view.counts.Add(pagesSpan))
	moves := engine.PageChanges(*h.view.was, *h.view.is, p.PagesFrom, p.PagesTo)
	p.Pages = mapped(told(moves), pageMoved)
	p.MorePages = len(moves) - len(p.Pages)
}

func pageMoved(c engine.PageChange) PageMoved {
	return PageMoved{Service: string(c.Service), Severities: mapped(c.Severities, func(s engine.Severity) int { return int(s) }), Level: c.Level, CatchAll: c.CatchAll,
		From: c.From.UTC(), To: c.To.UTC(), Before: handles(c.Before.People), BeforeDelay: Duration(c.Before.After), After: handles(c.After.People), AfterDelay: Duration(c.After.After),
		Text: c.Text(time.UTC), Where: c.Where(), What: c.What()}
}
