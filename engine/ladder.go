package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/rosters"
)

// settle does to one escalation what is due by now, until nothing is: the ladder first, so that nothing
// is sent for a page that is over.
func (s *stepper) settle(e *Escalation) {
	for s.settleOnce(e) {
	}
	s.settlePages(e)
}

func (s *stepper) settleOnce(e *Escalation) bool {
	switch e.State {
	case Waiting:
		if s.waits(e) {
			return true
		}
	case Climbing:
		switch {
		case e.Level < 0 && s.due(e.LevelUntil):
			s.beginRound(e)
			return true
		case s.due(e.LevelUntil):
			s.nextLevel(e, ReasonLevelOver, "Nobody answered in time.")
			return true
		case levelFailed(e):
			s.nextLevel(e, ReasonLevelFailed, "No contact of anybody on this level worked.")
			return true
		}
	case Acknowledged:
		if s.due(e.AckUntil) {
			s.ask(e, ReasonAckExpired)
			return true
		}
	case Asking:
		switch {
		case s.due(e.AskUntil):
			s.resume(e, ReasonAskUnanswered, s.name(e.Holder)+" did not answer whether it is still in hand.")
			return true
		case askFailed(e):
			s.resume(e, ReasonContactFailed, s.name(e.Holder)+" cannot be reached any more.")
			return true
		}
	case Stopped:
	}
	return false
}

// levelFailed reports whether everybody paged on the current level was tried on every contact, and
// every one failed: waiting for an answer is then pointless (rule 11).
func levelFailed(e *Escalation) bool {
	open := false
	for _, p := range e.Pages {
		if p.Ask || p.State != PageOpen || p.Level != e.Level || p.Round != e.Round {
			continue
		}
		open = true
		if !p.spent() {
			return false
		}
	}
	return open
}

func askFailed(e *Escalation) bool {
	return slices.ContainsFunc(e.Pages, func(p Page) bool { return p.Ask && p.State == PageOpen && p.spent() })
}

// spent reports whether every contact of the page was tried, and every attempt failed. That somebody is called
// again keeps no level from ending.
func (p Page) spent() bool {
	return p.Next == len(p.Contacts) && !slices.ContainsFunc(p.Attempts, func(a Attempt) bool { return a.State != Failed && a.Reason != ReasonCallAgain })
}

func (s *stepper) nextLevel(e *Escalation, why Reason, text string) {
	s.note(Note{Reason: why, Escalation: e.No, Level: e.Level, Text: s.level(e) + " is over. " + text,
		Basis: map[string]string{"round": strconv.Itoa(e.Round)}})
	e.Level++
	s.beginLevel(e)
}

// beginLevel pages the level that e stands on, or the first one after it that has somebody to page
// (rule 3). When it returns, the escalation has a deadline (rule 2).
func (s *stepper) beginLevel(e *Escalation) {
	if s.timeIsUp() {
		return
	}
	e.State, e.LevelUntil, e.WaitUntil, e.WaitFor = Climbing, time.Time{}, time.Time{}, ""
	for {
		if e.Level >= len(e.Ladder.Levels) {
			if s.inc.Drill {
				s.noneWorks()
				return
			}
			if !s.endRound(e) {
				return
			}
			continue
		}
		if s.waitForHours(e) {
			return
		}
		if s.pageLevel(e) {
			e.LevelUntil = s.now.Add(e.Ladder.Levels[e.Level].Wait)
			e.PagedInRound = true
			return
		}
		s.note(Note{Reason: ReasonLevelEmpty, Escalation: e.No, Level: e.Level,
			Text: s.level(e) + " has nobody who can be paged: passed over at once."})
		e.Level++
	}
}

// endRound is the end of the ladder: it begins again (rule 4), at once if it last began LadderRest
// ago, else when that time has passed. It reports whether it began.
func (s *stepper) endRound(e *Escalation) bool {
	if !e.PagedInRound {
		s.note(Note{Reason: ReasonNobody, Escalation: e.No,
			Text:  "Nobody on the whole ladder could be paged, the last resort included. Put somebody on call who has a usable contact.",
			Basis: map[string]string{"ladder": e.Ladder.Name, "round": strconv.Itoa(e.Round)}})
	}
	if at := e.RoundAt.Add(LadderRest); s.now.Before(at) {
		e.Level, e.LevelUntil = -1, at
		return false
	}
	s.newRound(e)
	return true
}

// beginRound ends the rest between two rounds.
func (s *stepper) beginRound(e *Escalation) {
	s.newRound(e)
	s.beginLevel(e)
}

func (s *stepper) newRound(e *Escalation) {
	e.Round++
	e.Level, e.RoundAt, e.Declined, e.PagedInRound = 0, s.now, nil, false
	s.note(Note{Reason: ReasonLadderAgain, Escalation: e.No,
		Text: fmt.Sprintf("The ladder begins again, round %d.", e.Round), Basis: map[string]string{"round": strconv.Itoa(e.Round)}})
}

// waitForHours puts severity 3 off until working hours (rule 9); a team that a person paged in is
// not put off, nor a level that somebody escalates to.
func (s *stepper) waitForHours(e *Escalation) bool {
	if s.inc.Severity != Minor || e.Urgent || s.urgent == e.No || s.inc.Hours.Contains(s.now) {
		return false
	}
	open := s.inc.Hours.NextOpen(s.now)
	if !open.After(s.now) {
		return false
	}
	e.State, e.WaitUntil, e.WaitFor = Waiting, open, ReasonOutsideHours
	s.note(Note{Reason: ReasonOutsideHours, Escalation: e.No, Level: e.Level,
		Text:  "Severity 3 outside working hours: paging waits until they begin.",
		Basis: map[string]string{"opens": open.UTC().Format(time.RFC3339)}})
	return true
}

// pageLevel pages everybody the level names and reports whether there was anybody.
func (s *stepper) pageLevel(e *Escalation) bool {
	lv := e.Ladder.Levels[e.Level]
	var people []rosters.PersonID
	for _, t := range lv.Targets {
		people = append(people, s.onCall(e, t)...)
	}
	if s.pagePeople(e, people, ReasonFirstPage) {
		return true
	}
	if !lv.CatchAll || len(e.Ladder.LastResort) == 0 {
		return false
	}
	s.note(Note{Reason: ReasonLastResort, Escalation: e.No, Level: e.Level,
		Text: "The catch-all roster has nobody who can be paged: turning to the last resort."})
	return s.pagePeople(e, e.Ladder.LastResort, ReasonLastResort)
}

func (s *stepper) onCall(e *Escalation, t Target) []rosters.PersonID {
	if t.Roster == "" {
		return []rosters.PersonID{t.Person}
	}
	found := s.env.OnCall(t)
	if len(found) == 0 {
		s.note(Note{Reason: ReasonNobodyOnCall, Escalation: e.No, Level: e.Level,
			Text: fmt.Sprintf("Nobody is on call in %s.", t), Basis: map[string]string{"target": t.String()}})
	}
	return found
}

// pagePeople begins a page for each of the people who has a usable contact and has not declined in
// this round.
func (s *stepper) pagePeople(e *Escalation, people []rosters.PersonID, why Reason) bool {
	var names []string
	plans := make(map[rosters.PersonID][]rosters.Contact)
	people = distinct(people)
	for _, p := range people {
		if slices.Contains(e.Declined, p) {
			s.note(Note{Reason: ReasonDeclinedBefore, Escalation: e.No, Level: e.Level, Person: p,
				Text: s.name(p) + " declined in this round and is not paged again."})
			continue
		}
		plan := s.env.Plan(p, s.inc.Severity)
		if len(plan) == 0 {
			s.note(Note{Reason: ReasonNoContact, Escalation: e.No, Level: e.Level, Person: p,
				Text: s.name(p) + " has no usable contact."})
			continue
		}
		plans[p] = plan
		names = append(names, s.name(p))
	}
	if len(plans) == 0 {
		return false
	}
	s.note(Note{Reason: ReasonLevelBegins, Escalation: e.No, Level: e.Level,
		Text:  fmt.Sprintf("%s begins: paging %s.", s.level(e), strings.Join(names, ", ")),
		Basis: map[string]string{"round": strconv.Itoa(e.Round), "wait": e.Ladder.Levels[e.Level].Wait.String()}})
	for _, p := range people {
		if plan := plans[p]; plan != nil {
			s.page(e, p, plan, false, why)
		}
	}
	return true
}

// distinct leaves out whoever is named again.
func distinct(people []rosters.PersonID) []rosters.PersonID {
	var out []rosters.PersonID
	for _, p := range people {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// level names the rung e stands on, for people: they count from 1.
func (s *stepper) level(e *Escalation) string {
	if lv := e.Level; lv >= 0 && lv < len(e.Ladder.Levels) && e.Ladder.Levels[lv].CatchAll {
		return "The catch-all level"
	}
	return "Level " + strconv.Itoa(e.Level+1)
}

// ask turns to the holder before the ladder resumes (rule 7).
func (s *stepper) ask(e *Escalation, why Reason) {
	if s.timeIsUp() {
		return
	}
	plan := s.env.Plan(e.Holder, s.inc.Severity)
	if len(plan) == 0 {
		s.resume(e, ReasonNoContact, s.name(e.Holder)+" holds it but has no usable contact.")
		return
	}
	e.State, e.AckUntil, e.AskUntil = Asking, time.Time{}, s.now.Add(AskFor)
	s.note(Note{Reason: why, Escalation: e.No, Person: e.Holder,
		Text: fmt.Sprintf("Asking %s whether it is still in hand.", s.name(e.Holder))})
	s.page(e, e.Holder, plan, true, why)
}

// resume takes the escalation from its holder and climbs from the first level again.
func (s *stepper) resume(e *Escalation, why Reason, text string) {
	s.note(Note{Reason: why, Escalation: e.No, Person: e.Holder, Text: text + " The ladder resumes."})
	if e.No == 1 {
		s.inc.Manager = ""
	}
	s.closePages(e, PageSuperseded, why, func(*Page) bool { return true }, 0)
	e.Holder, e.AckUntil, e.AskUntil = "", time.Time{}, time.Time{}
	s.newRound(e)
	s.beginLevel(e)
}
