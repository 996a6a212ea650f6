package rest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
)

// allAlerts is what the rules for all alerts are called, where those of a team are called by it.
const allAlerts = "all alerts"

func (l RuleList) rule(r Rule) engine.Rule { return ruleOf(r, rosters.TeamID(l.Team)) }

// readRules reads the lists that have any rules: the one for all alerts first, then the teams'.
func (h handlers) readRules(ctx context.Context, c *configuration) error {
	stored, err := h.incidents.Routing(ctx)
	if err != nil {
		return err
	}
	for _, r := range stored.Rules {
		if n := len(c.Rules); n == 0 || c.Rules[n-1].Team != TeamName(r.Team) {
			c.Rules = append(c.Rules, RuleList{Team: TeamName(r.Team)})
		}
		last := &c.Rules[len(c.Rules)-1]
		last.Items = append(last.Items, ruleOut(r))
	}
	slices.SortStableFunc(c.Rules, func(a, b RuleList) int { return strings.Compare(string(a.Team), string(b.Team)) })
	return nil
}

func (h handlers) readWords(ctx context.Context, c *configuration) error {
	words, _, err := h.incidents.Words(ctx)
	c.Severities = wordsOut(words, 0).Items
	return err
}

// validRules looks at the form of rules, and at their expressions.
func validRules(l RuleList) error {
	var fields []problem.Field
	ids := map[string]bool{}
	for i, r := range l.Items {
		at := fmt.Sprintf("/items/%d", i)
		fields = append(fields, fieldsBelow(at, l.rule(r).Validate())...)
		if ids[r.ID] {
			fields = append(fields, problem.Field{Pointer: at + "/id", Value: r.ID, Detail: "is the id of another rule of the list"})
		}
		ids[r.ID] = true
		if err := pager.CheckRule(r.When); err != nil {
			fields = append(fields, problem.Field{Pointer: at + "/when", Value: shortened(r.When), Detail: err.Error()})
		}
	}
	if len(fields) > 0 {
		return invalid(fields)
	}
	return nil
}

func ruleNames(l RuleList, to refer) {
	to("team", string(l.Team), "team")
	for i, r := range l.Items {
		to("service", r.Service, "items", i, "service")
		to("policy", r.Policy, "items", i, "policy")
		for j, id := range r.Page {
			to("roster", id, "items", i, "page", j)
		}
	}
}

func (h handlers) writeRules(ctx context.Context, l RuleList, _ int) error {
	team := rosters.TeamID(l.Team)
	rules := mapped(l.Items, l.rule)
	for i, r := range rules {
		fields, err := h.namedBy(ctx, team, r, fmt.Sprintf("/items/%d", i))
		if err != nil {
			return err
		}
		if len(fields) > 0 {
			return invalid(fields)
		}
	}
	if err := h.tryRules(ctx, team, rules); err != nil {
		return err
	}
	err := h.incidents.ReplaceRules(ctx, team, rules, enginedb.AnyVersion)
	if errors.Is(err, enginedb.ErrExists) {
		return problem.Conflict.Because("Another list has a rule of the same id. Ids are unique among all rules: one that moves to another list needs a new one.")
	}
	return err
}

func (h handlers) removeRules(ctx context.Context, name string) error {
	if name == allAlerts {
		name = ""
	}
	return h.incidents.ReplaceRules(ctx, rosters.TeamID(name), nil, enginedb.AnyVersion)
}

// wordName is a word as it is stored, behind its source.
func wordName(w Word) string {
	return strings.TrimPrefix(engine.FoldWord(w.Source)+" "+engine.FoldWord(w.Word), " ")
}

func validWord(w Word) error {
	if w.Word == "" {
		return wrong("/word", w.Word, "has neither a letter nor a digit")
	}
	return nil
}

func (h handlers) writeWord(ctx context.Context, w Word, _ int) error {
	return h.incidents.SetWord(ctx, w.Source, w.Word, engine.Meaning(w.Severity))
}

func (h handlers) removeWord(ctx context.Context, name string) error {
	source, word, ok := strings.Cut(name, " ")
	if !ok {
		source, word = "", name
	}
	return h.incidents.DropWord(ctx, source, word)
}
