package engine

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"rouse/rosters"
)

// RuleID is a routing rule's slug, unique among all rules.
type RuleID string

// Rule sends alerts elsewhere than their service's policy would. Rules stand in an order, those for all
// alerts and those of each team, and the first that matches wins.
type Rule struct {
	ID   RuleID         `json:"id"`
	Team rosters.TeamID `json:"team,omitempty"` // whose services it is for; "" is for all alerts
	Name string         `json:"name,omitempty"`
	When string         `json:"when"` // a CEL expression over Facts; see package engine/match
	Off  bool           `json:"off,omitempty"`

	// What becomes of an alert that matches; what is zero stays as it was.
	Service  ServiceID          `json:"service,omitempty"`
	Severity Severity           `json:"severity,omitempty"`
	Policy   PolicyID           `json:"policy,omitempty"`
	Page     []rosters.RosterID `json:"page,omitempty"` // rosters that are paged beside the policy
}

// Facts is what a rule may look at.
type Facts struct {
	Alert
	Team rosters.TeamID // of the service
	Now  time.Time

	Prepared any // what a Condition keeps of the facts for the next one; nil at first
}

// Condition is a rule's expression, ready to be asked.
type Condition interface {
	// Holds reports whether it is true of the facts. An error says that it cannot be told.
	Holds(*Facts) (bool, error)
}

// ReadyRule is a rule whose expression was read.
type ReadyRule struct {
	Rule
	Condition
}

// Routing is all that decides where an alert goes before anybody looks at a policy. The zero value leaves
// every alert with the service and the severity it came with.
type Routing struct {
	Rules   []ReadyRule                    // for all alerts
	Teams   map[rosters.TeamID][]ReadyRule // of the services of teams
	Words   Words
	Windows map[ServiceID][]ReadyWindow // maintenance
}

// Routed is where an alert goes.
type Routed struct {
	Alert              // with the service and the severity as they are now
	Policy    PolicyID // "" is the service's
	Page      []rosters.RosterID
	Unpaged   bool // the operator has its word for the severity page nobody
	Failed    RuleID
	Decisions []Note // what was decided, for the timeline
}

// Route sends an alert by the operator's words for severities, then by the rules for all alerts, then by
// those of the team that owns the service it is of by then; of each list the first rule that matches wins.
// service finds a service, nil if there is none of that name.
//
// A rule that fails may have been the one that was meant. Nothing is decided by the rules that stand behind
// it, and the catch-all roster is paged beside the policy (Failed).
func (r Routing) Route(a Alert, now time.Time, service func(ServiceID) *Service) Routed {
	out := Routed{Alert: a}
	out.word(r.Words)
	if out.Unpaged {
		return out
	}
	out.doubt(r.Words)
	out.follow(r.Rules, &Facts{Alert: out.Alert, Team: teamOf(service(a.Service)), Now: now})
	if out.Failed != "" {
		return out
	}
	if team := teamOf(service(out.Service)); team != "" {
		out.follow(r.Teams[team], &Facts{Alert: out.Alert, Team: team, Now: now})
	}
	return out
}

func teamOf(s *Service) rosters.TeamID {
	if s == nil {
		return ""
	}
	return s.Owner
}

// word has the operator's table decide about the severity, if it knows the sender's word.
func (r *Routed) word(words Words) {
	if r.Word == "" {
		return
	}
	m, ok := words.Of(r.Source, r.Word)
	switch {
	case !ok:
	case m == Unpaged:
		r.Unpaged = true
	case Severity(m) != r.Severity:
		r.Severity = Severity(m)
		r.decide(Note{Reason: ReasonWord, Text: fmt.Sprintf("%q of %s counts as severity %d.", r.Word, r.Source, m),
			Basis: map[string]string{"word": r.Word, "source": r.Source, "severity": r.Severity.digit()}})
	}
}

// doubt tells what of the alert was not understood. A severity that nothing depends on is left out.
func (r *Routed) doubt(words Words) {
	for _, d := range r.Doubts {
		_, known := words.Of(r.Source, r.Word)
		if d.Of == DoubtSeverity && (known || r.Action != Trigger && r.Action != Amend) {
			continue
		}
		r.decide(Note{Reason: ReasonDoubt, Text: d.Text, Basis: map[string]string{"of": string(d.Of)}})
	}
}

func (r *Routed) follow(rules []ReadyRule, facts *Facts) {
	for _, rule := range rules {
		if rule.Off {
			continue
		}
		holds, err := rule.Holds(facts)
		if err != nil {
			r.Failed = rule.ID
			r.decide(Note{Reason: ReasonRuleFailed, Text: fmt.Sprintf("Rule %s failed (%v): the catch-all roster is paged, too.", rule.ID, err),
				Basis: map[string]string{"rule": string(rule.ID)}})
			return
		}
		if holds {
			r.apply(rule.Rule)
			return
		}
	}
}

func (r *Routed) apply(rule Rule) {
	text := fmt.Sprintf("Rule %s matches", rule.ID)
	basis := map[string]string{"rule": string(rule.ID)}
	say := func(what, is string) {
		text += ", " + what + " " + is
		if before := basis[what]; before != "" {
			is = before + ", " + is
		}
		basis[what] = is
	}
	if rule.Service != "" {
		r.Service = rule.Service
		say("service", string(rule.Service))
	}
	if rule.Severity.Valid() {
		r.Severity = rule.Severity
		say("severity", rule.Severity.digit())
	}
	if rule.Policy != "" {
		r.Policy = rule.Policy
		say("policy", string(rule.Policy))
	}
	for _, id := range rule.Page {
		if !slices.Contains(r.Page, id) {
			r.Page = append(r.Page, id)
			say("pages", string(id))
		}
	}
	r.decide(Note{Reason: ReasonRule, Text: text + ".", Basis: basis})
}

func (r *Routed) decide(n Note) { r.Decisions = append(r.Decisions, n) }

// MaxRules bounds the rules for all alerts, and those of one team.
const MaxRules = 500

// Validate reports all that keeps a rule from being saved, as rosters.FieldErrors, but for its expression
// and for what it names.
func (r Rule) Validate() error {
	var f faults
	f.slug("/id", string(r.ID))
	f.name("/name", r.Name)
	if r.Service != "" {
		f.slug("/service", string(r.Service))
	}
	if r.Policy != "" {
		f.slug("/policy", string(r.Policy))
	}
	if r.Severity != 0 && !r.Severity.Valid() {
		f.add("/severity", int(r.Severity), "is not a severity; use 1, 2 or 3")
	}
	if len(r.Page) > maxTargets {
		f.add("/page", len(r.Page), "may list %d rosters", maxTargets)
	}
	for i, id := range r.Page {
		f.slug("/page/"+itoa(i), string(id))
	}
	return f.orNil()
}

func (s Severity) digit() string { return strconv.Itoa(int(s)) }

func itoa(i int) string { return strconv.Itoa(i) }
