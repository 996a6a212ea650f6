package rest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
)

const (
	comparedAlerts = 1000 // that came last are held against other rules
	maxElsewhere   = 100  // of them that are told
)

// ruleOf is a rule of the wire as the core has it.
func ruleOf(r Rule, team rosters.TeamID) engine.Rule {
	return engine.Rule{ID: engine.RuleID(r.ID), Team: team, Name: r.Name, When: r.When, Off: r.Off, Service: engine.ServiceID(r.Service),
		Severity: engine.Severity(r.Severity), Policy: engine.PolicyID(r.Policy), Page: mapped(r.Page, func(s Slug) rosters.RosterID { return rosters.RosterID(s) })}
}

func ruleOut(r engine.Rule) Rule {
	return Rule{ID: Slug(r.ID), Name: r.Name, When: r.When, Off: r.Off, Service: Slug(r.Service), Severity: Severity(r.Severity),
		Policy: Slug(r.Policy), Page: mapped(r.Page, func(id rosters.RosterID) Slug { return Slug(id) })}
}

func rulesOut(rules []engine.Rule, version int) Rules {
	return Rules{Items: mapped(rules, ruleOut), Version: version}
}

func (h handlers) ListRules(ctx context.Context, _ ListRulesRequestObject) (ListRulesResponseObject, error) {
	rules, version, err := h.incidents.Rules(ctx, "")
	return ListRules200JSONResponse{rulesOut(rules, version), ListRules200ResponseHeaders{etag(version)}}, err
}

func (h handlers) ListTeamRules(ctx context.Context, r ListTeamRulesRequestObject) (ListTeamRulesResponseObject, error) {
	if _, err := h.readTeam(ctx, r.Slug); err != nil {
		return nil, err
	}
	rules, version, err := h.incidents.Rules(ctx, rosters.TeamID(r.Slug))
	return ListTeamRules200JSONResponse{rulesOut(rules, version), ListTeamRules200ResponseHeaders{etag(version)}}, err
}

func (h handlers) ReplaceRules(ctx context.Context, r ReplaceRulesRequestObject) (ReplaceRulesResponseObject, error) {
	out, err := h.replaceRules(ctx, "", r.Params.IfMatch, *r.Body)
	return ReplaceRules200JSONResponse{out, ReplaceRules200ResponseHeaders{etag(out.Version)}}, err
}

func (h handlers) ReplaceTeamRules(ctx context.Context, r ReplaceTeamRulesRequestObject) (ReplaceTeamRulesResponseObject, error) {
	if _, err := h.readTeam(ctx, r.Slug); err != nil {
		return nil, err
	}
	out, err := h.replaceRules(ctx, rosters.TeamID(r.Slug), r.Params.IfMatch, *r.Body)
	return ReplaceTeamRules200JSONResponse{out, ReplaceTeamRules200ResponseHeaders{etag(out.Version)}}, err
}

// replaceRules replaces a list of rules, and tells what would go elsewhere by it.
func (h handlers) replaceRules(ctx context.Context, team rosters.TeamID, ifMatch string, body Rules) (Rules, error) {
	version, err := wanted(ifMatch)
	if err != nil {
		return Rules{}, err
	}
	rules := mapped(body.Items, func(r Rule) engine.Rule { return ruleOf(r, team) })
	if err := h.checkRules(ctx, team, rules); err != nil {
		return Rules{}, err
	}
	if err := h.tryRules(ctx, team, rules); err != nil {
		return Rules{}, err
	}
	before, err := h.routing(ctx)
	if err != nil {
		return Rules{}, err
	}
	err = h.incidents.ReplaceRules(ctx, team, rules, version)
	switch {
	case errors.Is(err, enginedb.ErrVersion):
		stored, is, err := h.incidents.Rules(ctx, team)
		if err != nil {
			return Rules{}, err
		}
		return Rules{}, changed("the rules", is, time.Time{}, rulesOut(stored, is), body)
	case errors.Is(err, enginedb.ErrExists):
		return Rules{}, problem.Conflict.Because("Another list has a rule of the same id: %s. Ids are unique among all rules.", h.takenRule(ctx, team, rules))
	case err != nil:
		return Rules{}, err
	}
	stored, version, err := h.incidents.Rules(ctx, team)
	if err != nil {
		return Rules{}, err
	}
	out := rulesOut(stored, version)
	out.Elsewhere, err = h.elsewhere(ctx, before)
	return out, err
}

// takenRule names the first rule that another list has.
func (h handlers) takenRule(ctx context.Context, team rosters.TeamID, rules []engine.Rule) engine.RuleID {
	stored, err := h.incidents.Routing(ctx)
	if err != nil {
		return "one of them" // what is refused is refused all the same
	}
	for _, r := range stored.Rules {
		if r.Team != team && slices.ContainsFunc(rules, func(mine engine.Rule) bool { return mine.ID == r.ID }) {
			return r.ID
		}
	}
	return "one of them"
}

// checkRules says what is wrong with rules: their form, their expressions, and what they name that is not there.
func (h handlers) checkRules(ctx context.Context, team rosters.TeamID, rules []engine.Rule) error {
	var fields []problem.Field
	ids := map[engine.RuleID]bool{}
	for i, r := range rules {
		at := fmt.Sprintf("/items/%d", i)
		fields = append(fields, fieldsBelow(at, r.Validate())...)
		if ids[r.ID] {
			fields = append(fields, problem.Field{Pointer: at + "/id", Value: string(r.ID), Detail: "is the id of another rule of the list"})
		}
		ids[r.ID] = true
		if err := pager.CheckRule(r.When); err != nil {
			fields = append(fields, problem.Field{Pointer: at + "/when", Value: shortened(r.When), Detail: err.Error()})
		}
		more, err := h.namedBy(ctx, team, r, at)
		if err != nil {
			return err
		}
		fields = append(fields, more...)
	}
	if len(fields) > 0 {
		return invalid(fields)
	}
	return nil
}

// namedBy says what a rule names that is not there, or not the team's to send alerts to.
func (h handlers) namedBy(ctx context.Context, team rosters.TeamID, r engine.Rule, at string) (fields []problem.Field, err error) {
	add := func(pointer, value, detail string) {
		fields = append(fields, problem.Field{Pointer: at + pointer, Value: value, Detail: detail})
	}
	if r.Service != "" {
		switch svc, err := h.incidents.Service(ctx, r.Service); {
		case errors.Is(err, enginedb.ErrNotFound):
			add("/service", string(r.Service), "there is no such service")
		case err != nil:
			return nil, err
		case team != "" && svc.Owner != team:
			add("/service", string(r.Service), fmt.Sprintf("is not owned by team %s; rules of a team lead to its own services", team))
		}
	}
	if r.Policy != "" {
		switch _, err := h.incidents.StoredPolicy(ctx, r.Policy); {
		case errors.Is(err, enginedb.ErrNotFound):
			add("/policy", string(r.Policy), "there is no such policy")
		case err != nil:
			return nil, err
		}
	}
	for i, id := range r.Page {
		there, err := h.rosters.HasRoster(ctx, id)
		if err != nil {
			return nil, err
		}
		if !there {
			add(fmt.Sprintf("/page/%d", i), string(id), "there is no such roster")
		}
	}
	return fields, nil
}

// fieldsBelow are what is wrong with a part.
func fieldsBelow(at string, err error) (fields []problem.Field) {
	var es rosters.FieldErrors
	if !errors.As(err, &es) {
		return nil
	}
	for _, f := range fieldsOf(es) {
		f.Pointer = at + f.Pointer
		fields = append(fields, f)
	}
	return fields
}

// routing is the routing as it is stored now.
func (h handlers) routing(ctx context.Context) (engine.Routing, error) {
	stored, err := h.incidents.Routing(ctx)
	if err != nil {
		return engine.Routing{}, err
	}
	return pager.ReadRouting(stored), nil
}

// tryRules refuses rules that fail for more than half of the last alerts, and did not before: each time the
// catch-all roster would be paged, too.
func (h handlers) tryRules(ctx context.Context, team rosters.TeamID, rules []engine.Rule) error {
	stored, err := h.incidents.Routing(ctx)
	if err != nil {
		return err
	}
	before := pager.ReadRouting(stored)
	stored.Rules = slices.DeleteFunc(stored.Rules, func(r engine.Rule) bool { return r.Team == team })
	stored.Rules = append(stored.Rules, rules...)
	last, found, err := h.compare(ctx, before, pager.ReadRouting(stored))
	if err != nil {
		return err
	}
	failing, why := map[engine.RuleID]int{}, map[engine.RuleID]string{}
	for _, e := range found {
		if id := e.Now.Failed; id != "" && e.Was.Failed == "" {
			failing[id]++
			why[id] = e.Now.Decisions[len(e.Now.Decisions)-1].Text // nothing is decided behind a rule that fails
		}
	}
	var fields []problem.Field
	for i, r := range rules {
		if n := failing[r.ID]; n > len(last)/2 {
			fields = append(fields, problem.Field{Pointer: fmt.Sprintf("/items/%d/when", i), Value: shortened(r.When),
				Detail: fmt.Sprintf("fails for %d of the last %d alerts, the limit is half of them. %s", n, len(last), why[r.ID])})
		}
	}
	if len(fields) > 0 {
		return invalid(fields)
	}
	return nil
}

// compare holds the last alerts against a routing and another.
func (h handlers) compare(ctx context.Context, before, after engine.Routing) ([]enginedb.Arrived, []engine.Elsewhere, error) {
	last, err := h.incidents.LastAlerts(ctx, comparedAlerts)
	if err != nil {
		return nil, nil, err
	}
	services, err := h.incidents.Services(ctx, "", "", everything)
	if err != nil {
		return nil, nil, err
	}
	byID := map[engine.ServiceID]*engine.Service{}
	for i := range services {
		byID[services[i].ID] = &services[i].Service
	}
	alerts, at := make([]engine.Alert, len(last)), make([]time.Time, len(last))
	for i, a := range last {
		alerts[i], at[i] = a.Alert, a.At
	}
	return last, before.Compare(after, alerts, at, func(id engine.ServiceID) *engine.Service { return byID[id] }), nil
}

// elsewhere holds the last alerts against the routing as it was, and as it is.
func (h handlers) elsewhere(ctx context.Context, before engine.Routing) (*Elsewhere, error) {
	after, err := h.routing(ctx)
	if err != nil {
		return nil, err
	}
	last, found, err := h.compare(ctx, before, after)
	if err != nil {
		return nil, err
	}
	out := &Elsewhere{LookedAt: len(last), Count: len(found), Items: []ElsewhereAlert{}}
	for _, e := range found[:min(len(found), maxElsewhere)] {
		a := last[e.Alert]
		out.Items = append(out.Items, ElsewhereAlert{At: a.At.UTC(), Incident: string(a.Incident), Source: a.Source, Summary: a.Summary, Was: wayOut(e.Was), Now: wayOut(e.Now)})
	}
	return out, nil
}

func wayOut(r engine.Routed) Way {
	return Way{Service: string(r.Service), Severity: int(r.Severity), Policy: string(r.Policy), Unpaged: r.Unpaged, Failed: string(r.Failed),
		Page: mapped(r.Page, func(id rosters.RosterID) string { return string(id) })}
}

func wordsOut(words engine.Words, version int) Words {
	out := Words{Items: []Word{}, Version: version}
	for source, of := range words {
		for word, meaning := range of {
			out.Items = append(out.Items, Word{Source: source, Word: word, Severity: int(meaning)})
		}
	}
	slices.SortFunc(out.Items, func(a, b Word) int { return slices.Compare([]string{a.Source, a.Word}, []string{b.Source, b.Word}) })
	return out
}

func (h handlers) ListWords(ctx context.Context, _ ListWordsRequestObject) (ListWordsResponseObject, error) {
	words, version, err := h.incidents.Words(ctx)
	return ListWords200JSONResponse{wordsOut(words, version), ListWords200ResponseHeaders{etag(version)}}, err
}

func (h handlers) ReplaceWords(ctx context.Context, r ReplaceWordsRequestObject) (ReplaceWordsResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	words := engine.Words{}
	for i, w := range r.Body.Items {
		source, word := engine.FoldWord(w.Source), engine.FoldWord(w.Word)
		if word == "" {
			return nil, wrong(fmt.Sprintf("/items/%d/word", i), w.Word, "has neither a letter nor a digit")
		}
		if words[source] == nil {
			words[source] = map[string]engine.Meaning{}
		}
		if _, twice := words[source][word]; twice {
			return nil, wrong(fmt.Sprintf("/items/%d/word", i), w.Word, "is there twice for this source; keep one")
		}
		words[source][word] = engine.Meaning(w.Severity)
	}
	before, err := h.routing(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.incidents.ReplaceWords(ctx, words, version); errors.Is(err, enginedb.ErrVersion) {
		stored, is, err := h.incidents.Words(ctx)
		if err != nil {
			return nil, err
		}
		return nil, changed("the words", is, time.Time{}, wordsOut(stored, is), *r.Body)
	} else if err != nil {
		return nil, err
	}
	stored, version, err := h.incidents.Words(ctx)
	if err != nil {
		return nil, err
	}
	out := wordsOut(stored, version)
	if out.Elsewhere, err = h.elsewhere(ctx, before); err != nil {
		return nil, err
	}
	return ReplaceWords200JSONResponse{out, ReplaceWords200ResponseHeaders{etag(version)}}, nil
}
