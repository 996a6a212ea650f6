package shifts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rouse/engine/enginedb"
	"rouse/rosters"
)

// turnover is what a change means to one person: on call, or off, from the first instant that is otherwise to
// the last.
type turnover struct {
	who rosters.PersonID
	on  bool
	rosters.Span
}

// turnovers are what changes mean to each person, but for the one who made them.
func turnovers(changes []rosters.Change, by rosters.PersonID) (all []turnover) {
	for _, c := range changes {
		for _, p := range slices.Concat(c.Before, c.After) {
			on := slices.Contains(c.After, p)
			if p == by || on == slices.Contains(c.Before, p) {
				continue
			}
			i := slices.IndexFunc(all, func(t turnover) bool { return t.who == p && t.on == on })
			if i < 0 {
				all = append(all, turnover{p, on, c.Span})
			} else {
				all[i].To = c.To
			}
		}
	}
	return all
}

func (b Book) tellOfChanges(ctx context.Context, roster rosters.RosterID, about string, by rosters.PersonID, changes []rosters.Change) error {
	concerned := turnovers(changes, by)
	if len(concerned) == 0 {
		return nil
	}
	ids := []rosters.PersonID{by}
	for _, t := range concerned {
		ids = append(ids, t.who)
	}
	people, err := b.people(ctx, ids...)
	if err != nil {
		return err
	}
	var notices []enginedb.Notice
	for _, t := range concerned {
		n := b.notice(roster, about, t, people[t.who])
		if by != "" {
			n.Text += " That was " + people[by].Name + "."
		}
		notices = append(notices, n)
	}
	return b.Notices.AddNotices(ctx, notices)
}

// notice tells somebody what changes. Whoever comes on call is told before that, at night if need be; whoever goes
// off can sleep on. What begins at once is the hand-over itself, of which people are told once.
func (b Book) notice(roster rosters.RosterID, about string, t turnover, who rosters.Person) enginedb.Notice {
	n := enginedb.Notice{Person: t.who, Kind: "shift changed", About: about, Until: t.To}
	at, now := "put on", enginedb.OnCallNotice
	n.Due = rosters.NextDaytime(who.Zone, b.Now, t.From)
	if !t.on {
		at, now = "taken off", enginedb.OffCallNotice
		n.Due = rosters.NextDaytime(who.Zone, b.Now, t.To)
	}
	n.Text = fmt.Sprintf("You are %s call in roster %s: %s.", at, roster, spell(english(who), t.Span))
	if t.From.Sub(b.Now) < time.Minute {
		n.Kind, n.About = now, enginedb.AboutRelief(roster, t.From)
	}
	return n
}
