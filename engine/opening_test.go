package engine

import (
	"errors"
	"slices"
	"testing"
	"time"

	"rouse/rosters"
)

// How an incident begins: all that was found out before becomes its first event.

// opens is the opening of an alert about the database, whose policy has one level.
func opens() Opening {
	return Opening{
		Routed:   Routed{Alert: Alert{Service: "db", Severity: Major, Summary: "disk full", DedupKey: "db-1"}},
		Service:  &Service{ID: "db", Policy: "db"},
		Policy:   &Policy{ID: "db", Levels: []Level{{Targets: []Target{{Roster: "first"}}, Wait: time.Minute}}},
		CatchAll: CatchAll{Roster: "imoc", Wait: 2 * time.Minute},
	}
}

// rungs are the targets of a ladder, level by level.
func (l Ladder) rungs() (all []string) {
	for _, lv := range l.Levels {
		line := ""
		for i, t := range lv.Targets {
			if i > 0 {
				line += ", "
			}
			line += t.String()
		}
		all = append(all, line+" "+lv.Wait.String())
	}
	return all
}

func wantRungs(t *testing.T, l Ladder, want ...string) {
	t.Helper()
	if got := l.rungs(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestOpening_IsRoutedByThePolicy(t *testing.T) {
	ev := opens().Event()
	wantRungs(t, ev.Ladder, "roster first 1m0s", "roster imoc 2m0s")
	if ev.Routed != ReasonRouted || ev.Severity != Major || ev.Also != nil || ev.Notes != nil || ev.Start != (Start{}) {
		t.Errorf("got %+v", ev)
	}
	o := opens()
	o.Policy = nil
	if ev := o.Event(); ev.Routed != ReasonNoPolicy {
		t.Errorf("without a policy: %s", ev.Routed)
	}
	o.Service = nil
	ev = o.Event()
	wantRungs(t, ev.Ladder, "roster imoc 2m0s")
	if ev.Routed != ReasonUnknownService {
		t.Errorf("without a service: %s", ev.Routed)
	}
}

func TestOpening_TheIncidentIsWhatTheAlertSays(t *testing.T) {
	o := opens()
	o.Service.Hours = rosters.Hours{Zone: "Europe/Berlin"}
	o.Service.Noise = Noise{AutoClose: time.Hour, Grouping: Grouping{By: []string{"cluster"}}}
	o.Labels = map[string]string{"cluster": "prod"}
	inc := o.Incident("mysql", monday10)
	want := Incident{Service: "db", Origin: "mysql", Severity: Major, Summary: "disk full", Status: New, DedupKey: "db-1", OpenedAt: monday10, AlertedAt: monday10,
		Hours: o.Service.Hours, AutoClose: time.Hour, Group: o.Service.Noise.Grouping.Of(o.Alert)}
	if !same(&inc, &want) || inc.Origin != want.Origin || inc.Group != want.Group || inc.Group == "" || inc.Hours.Zone != "Europe/Berlin" {
		t.Errorf("got  %+v\nwant %+v", inc, want)
	}
	o.Service = nil
	if inc := o.Incident("mysql", monday10); inc.AutoClose != 0 || inc.Group != "" || inc.Service != "db" {
		t.Errorf("of a service that is not known: %+v", inc)
	}
}

func TestOpening_ARuleThatFailedPagesTheCatchAllAtOnce(t *testing.T) {
	o := opens()
	o.Failed = "broken"
	wantRungs(t, o.Event().Ladder, "roster first, roster imoc 1m0s", "roster imoc 2m0s")
	if got := o.Policy.Levels[0].Targets; len(got) != 1 {
		t.Errorf("the policy itself became %v", got)
	}
	o.Policy.Levels[0].Targets = []Target{{Roster: "imoc"}} // who stands there already stands there once
	wantRungs(t, o.Event().Ladder, "roster imoc 1m0s", "roster imoc 2m0s")
	o.Policy = nil
	wantRungs(t, o.Event().Ladder, "roster imoc 2m0s")
}

func TestOpening_RespondersComeFirst(t *testing.T) {
	o := opens()
	o.Named = []Target{{Person: "ann"}, {Roster: "dba"}}
	ev := o.Event()
	wantRungs(t, ev.Ladder, "person ann, roster dba 1m0s", "roster first 1m0s", "roster imoc 2m0s")
	if len(ev.Notes) != 1 || ev.Notes[0].Reason != ReasonResponders || ev.Notes[0].Text != "The source wants person ann, roster dba paged first." {
		t.Errorf("got %+v", ev.Notes)
	}
	o.Named, o.Unknown = nil, []string{"the boss", "everybody"}
	ev = o.Event()
	wantRungs(t, ev.Ladder, "roster first 1m0s", "roster imoc 2m0s")
	if len(ev.Notes) != 1 || ev.Notes[0].Reason != ReasonResponders || ev.Notes[0].Text != "The source wants the boss, everybody paged, whom nobody here is called by." {
		t.Errorf("got %+v", ev.Notes)
	}
}

func TestOpening_RostersOfRulesAreClimbedBeside(t *testing.T) {
	o := opens()
	o.Page = []rosters.RosterID{"dba", "imoc"}
	ev := o.Event()
	if len(ev.Also) != 2 || ev.Also[0].Why != "a routing rule has it paged" {
		t.Fatalf("got %+v", ev.Also)
	}
	wantRungs(t, ev.Also[0].Ladder, "roster dba 5m0s", "roster imoc 2m0s")
	wantRungs(t, ev.Also[1].Ladder, "roster imoc 5m0s", "roster imoc 2m0s")
	wantRungs(t, Ladder{Levels: ev.Levels()}, "roster first 1m0s", "roster dba 5m0s", "roster imoc 5m0s")
}

func TestOpening_AllOfItTogether(t *testing.T) {
	// A service that nobody knows, a rule that failed after another one had rosters paged, and responders.
	o := opens()
	o.Service, o.Policy, o.Failed, o.Page = nil, nil, "broken", []rosters.RosterID{"dba"}
	o.Named, o.Unknown, o.Waited, o.Doubted = []Target{{Person: "ann"}}, []string{"the boss"}, 90*time.Second, errors.New("no such overload")
	o.Decisions = []Note{{Reason: ReasonRule}, {Reason: ReasonRuleFailed}}
	ev := o.Event()
	wantRungs(t, ev.Ladder, "person ann, roster imoc 2m0s", "roster imoc 2m0s") // the catch-all is not put off by whom the source names
	wantRungs(t, Ladder{Levels: ev.Levels()}, "person ann, roster imoc 2m0s", "roster dba 5m0s")
	var got []Reason
	for _, n := range ev.Notes {
		got = append(got, n.Reason)
	}
	if want := []Reason{ReasonRule, ReasonRuleFailed, ReasonResponders, ReasonResponders, ReasonKeptOnDisk, ReasonMaintenance}; !slices.Equal(got, want) || ev.Routed != ReasonUnknownService {
		t.Errorf("%s: got %q, want %q", ev.Routed, got, want)
	}
	for i, want := range map[int]string{4: "The alert lay on a node's disk for 2m, as the database did not answer.",
		5: "The condition of a maintenance failed (no such overload): it holds nothing back."} {
		if ev.Notes[i].Text != want {
			t.Errorf("got  %s\nwant %s", ev.Notes[i].Text, want)
		}
	}

	w := night(t).onCall("dba", "bob")
	w.service, w.policy, w.routing.Rules = nil, nil, []ReadyRule{rule(certain(false), Rule{})}
	w.sent.Responders = []Responder{{"user", "ann"}, {"", "the boss"}}
	w.alert(Critical).want("ann push: first page", "cat push: first page")
}

func TestOpening_DecisionsAreItsOwn(t *testing.T) {
	o := opens()
	o.Decisions = make([]Note, 1, 8)
	o.Waited = time.Minute
	first := o.Event()
	o.Event().Notes[1].Text = "another"
	if first.Notes[1].Text == "another" {
		t.Error("two events share their notes")
	}
}

func TestOpening_WhatKeepsItFromBeginning(t *testing.T) {
	o := opens()
	o.Service.Noise = Noise{Delay: map[Severity]time.Duration{Major: time.Minute, Critical: time.Hour}}
	if got := o.Start(); got != (Start{Delay: time.Minute}) {
		t.Errorf("got %+v", got)
	}
	o.Severity = Critical // by a rule
	o.Held = Held{Maintenance: 1, Until: monday10}
	if got := o.Event().Start; got != (Start{Delay: time.Hour, Held: o.Held}) {
		t.Errorf("got %+v", got)
	}
	o.Service = nil
	if got := o.Start(); got.Delay != 0 {
		t.Errorf("of a service that is not known: %+v", got)
	}
}

func TestOpening_CalmIsForWhatPagesOnce(t *testing.T) {
	o := opens()
	for _, c := range []struct {
		r    Return
		want time.Duration
	}{{Return{}, 0}, {Return{Within: time.Minute}, 0}, {Return{Within: time.Minute, Once: true}, time.Minute}} {
		o.Service.Noise.Return = c.r
		if got := o.Calm(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.r, got, c.want)
		}
	}
	o.Service = nil
	if got := o.Calm(); got != 0 {
		t.Errorf("of a service that is not known: %s", got)
	}
}
