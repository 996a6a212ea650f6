package engine

import (
	"slices"
	"time"

	"rouse/rosters"
)

// Forecast is what would become of an alert if nobody answered it.
type Forecast struct {
	Incident Incident // as it would be opened
	Lines    []ForecastLine
	Pages    []ForecastPage
	Again    time.Time // when the manager's ladder would begin again; zero: not within the time that was looked at
}

// ForecastLine is a line that the timeline would have.
type ForecastLine struct {
	At   time.Time
	Note Note
}

// ForecastPage is somebody being paged.
type ForecastPage struct {
	At         time.Time
	Escalation int
	Role       string
	Level      int // index
	CatchAll   bool
	Person     rosters.PersonID
	Contacts   []ForecastContact
}

// ForecastContact is a message.
type ForecastContact struct {
	At      time.Time
	Channel rosters.Channel
	Address string
}

// How far a Forecast looks: until the ladder begins again, but not for longer or more often.
const (
	forecastSpan  = 15 * 24 * time.Hour // severity 3 waits for working hours
	forecastSteps = 500
)

// Foretell lets an alert open an incident, and time pass, by the very steps that page: every message
// arrives, and nobody answers. world gives what may be known of the world at an instant.
func (o Opening) Foretell(origin ServiceID, at time.Time, world func(time.Time) Env) Forecast {
	f := &foretelling{places: map[int]int{}}
	f.Forecast.Incident = o.Incident(origin, at)
	inc := f.Forecast.Incident
	inc.ID = 1
	inc = f.step(inc, o.Event(), world(at))
	end := at.Add(forecastSpan)
	for range forecastSteps {
		next := inc.Deadline()
		if next.IsZero() || next.After(end) || inc.Escalations[0].Round > 1 {
			break
		}
		inc = f.step(inc, Tick{}, world(next))
	}
	return f.Forecast
}

type foretelling struct {
	Forecast
	places map[int]int // of pages, by number, in Pages
}

func (f *foretelling) step(inc Incident, ev Event, env Env) Incident {
	inc, effects := Step(inc, ev, env)
	if inc.Escalations[0].Round > 1 && f.Again.IsZero() {
		f.Again = env.Now
	}
	for _, ef := range effects {
		switch ef := ef.(type) {
		case Note:
			if f.Again.IsZero() {
				f.Lines = append(f.Lines, ForecastLine{env.Now, ef})
			}
		case Send:
			if f.Again.IsZero() {
				f.send(inc, ef, env.Now)
			}
			inc, _ = Step(inc, Reported{Attempt: ef.Attempt, State: Sent}, env)
			inc, _ = Step(inc, Reported{Attempt: ef.Attempt, State: Delivered}, env)
		case Withdraw:
		}
	}
	return inc
}

func (f *foretelling) send(inc Incident, s Send, at time.Time) {
	e, p, a := inc.Attempt(s.Attempt)
	place, known := f.places[p.No]
	if !known {
		place = len(f.Pages)
		f.places[p.No] = place
		f.Pages = append(f.Pages, ForecastPage{At: at, Escalation: e.No, Role: e.Role, Level: p.Level, Person: p.Person,
			CatchAll: p.Level >= 0 && p.Level < len(e.Ladder.Levels) && e.Ladder.Levels[p.Level].CatchAll})
	}
	f.Pages[place].Contacts = append(f.Pages[place].Contacts, ForecastContact{At: at, Channel: a.Channel, Address: a.Address})
}

// Elsewhere is an alert that another routing sends elsewhere.
type Elsewhere struct {
	Alert    int // its place in the list
	Was, Now Routed
}

// Compare tells which alerts would go elsewhere by another routing: to another service or policy, with
// another severity, to other rosters beside, or to nobody. at is when each came.
func (r Routing) Compare(other Routing, alerts []Alert, at []time.Time, service func(ServiceID) *Service) (all []Elsewhere) {
	for i, a := range alerts {
		was, now := r.Route(a, at[i], service), other.Route(a, at[i], service)
		if !sameWay(was, now) {
			all = append(all, Elsewhere{Alert: i, Was: was, Now: now})
		}
	}
	return all
}

func sameWay(a, b Routed) bool {
	pages := func(r Routed) []rosters.RosterID { return slices.Sorted(slices.Values(r.Page)) }
	return a.Service == b.Service && a.Severity == b.Severity && a.Policy == b.Policy && a.Unpaged == b.Unpaged &&
		(a.Failed == "") == (b.Failed == "") && slices.Equal(pages(a), pages(b))
}
