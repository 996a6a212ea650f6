package engine

import (
	"time"

	"rouse/rosters"
)

// Maintenance is a time in which a service is worked on, so that its alerts page nobody: they open incidents,
// whose ladders begin when it is over if they are open by then. It is once, From until To, or Again and again.
type Maintenance struct {
	ID      int64              `json:"id,omitempty"`
	Service ServiceID          `json:"service"`
	Reason  string             `json:"reason,omitempty"` // needed for more than MaxUnexplained
	By      string             `json:"by,omitempty"`     // who said so
	When    string             `json:"when,omitempty"`   // a CEL expression over Facts: which alerts; "" is all of the service
	From    time.Time          `json:"from,omitzero"`
	To      time.Time          `json:"to,omitzero"`
	Again   *rosters.Recurring `json:"again,omitempty"`
}

// MaxUnexplained is how long a maintenance may be without a reason; MaxMaintenance how long it may be.
const (
	MaxUnexplained = 24 * time.Hour
	MaxMaintenance = 30 * 24 * time.Hour
	maxReason      = 500 // characters
)

// Validate reports all that keeps it from being saved, as rosters.FieldErrors, but for its expression and
// the service.
func (m Maintenance) Validate() error {
	var f faults
	var length time.Duration
	switch {
	case m.Again == nil && (m.From.IsZero() || m.To.IsZero()):
		f.add("/to", "", "needs from and to, or again: a rule by which it recurs")
	case m.Again != nil && (!m.From.IsZero() || !m.To.IsZero()):
		f.add("/again", m.Again.Rule, "stands instead of from and to; give one of the two")
	case m.Again != nil:
		length = m.Again.Length
		o, err := m.Again.Compile()
		f.below("/again", err)
		if err == nil && length <= MaxMaintenance {
			length = max(length, m.longest(o)-clockBack)
		}
	case !m.From.Before(m.To):
		f.add("/to", m.To.UTC().Format(time.RFC3339), "must be later than from")
	default:
		length = m.To.Sub(m.From)
	}
	path := "/to"
	if m.Again != nil {
		path = "/again/length"
	}
	switch {
	case length > MaxMaintenance && m.Again != nil && m.Again.Length <= MaxMaintenance:
		f.add(path, m.Again.Length, "comes again before it ends: together that is longer than %v, the limit; give it a break, or an end", MaxMaintenance)
	case length > MaxMaintenance:
		f.add(path, length, "is longer than %v, the limit", MaxMaintenance)
	case length > MaxUnexplained && m.Reason == "" && m.Again != nil && m.Again.Length <= MaxUnexplained:
		f.add("/reason", "", "is needed for more than %v without a break, as this one of %v comes again before it ends: nobody is paged for so long", MaxUnexplained, m.Again.Length)
	case length > MaxUnexplained && m.Reason == "":
		f.add("/reason", "", "is needed for more than %v: nobody is paged for so long", MaxUnexplained)
	}
	if len([]rune(m.Reason)) > maxReason {
		f.add("/reason", cut(m.Reason), "must be at most %d characters", maxReason)
	}
	return f.orNil()
}

// clockBack is what a day by the wall clock may be longer than 24 h: that alone makes nothing too long.
const clockBack = time.Hour

// longest is how long it lasts without a break at most, as far as its first five years show, or its first 2,000
// times: rules repeat themselves in less. It looks no further once it has found more than is allowed.
func (m Maintenance) longest(o *rosters.Occurrences) (longest time.Duration) {
	const (
		years, times = 5, 2000
		stretch      = 2 * MaxMaintenance
	)
	from, err := time.Parse("2006-01-02T15:04:05", m.Again.Start)
	if err != nil {
		return 0
	}
	from = from.AddDate(0, 0, -1) // whatever the zone
	end := from.AddDate(years, 0, 0)
	var last rosters.Span
	for n := 0; from.Before(end) && n < times && longest <= MaxMaintenance+clockBack; from = from.Add(stretch) {
		spans := o.Between(from, from.Add(stretch))
		for _, s := range spans {
			if s.From.Equal(last.To) {
				s.From = last.From
			}
			longest = max(longest, s.To.Sub(s.From))
			last = s
		}
		n += len(spans)
	}
	return longest
}

// Between lists when it takes place within [from, to), in order.
func (m Maintenance) Between(from, to time.Time) ([]rosters.Span, error) {
	if m.Again != nil {
		o, err := m.Again.Compile()
		if err != nil {
			return nil, err
		}
		return o.Between(from, to), nil
	}
	if s := (rosters.Span{From: m.From, To: m.To}); s.From.Before(to) && from.Before(s.To) {
		return []rosters.Span{s}, nil
	}
	return nil, nil
}

// ReadyWindow is a Maintenance whose expression was read.
type ReadyWindow struct {
	Maintenance
	Condition // nil holds of every alert
}

// Held is a maintenance that keeps an incident from paging. The zero value keeps none.
type Held struct {
	Maintenance int64
	Until       time.Time
	Why         string
}

// Held finds the maintenance that an alert falls into, the one that lasts longest if there are several. One
// whose expression fails holds nothing back: better one page too many. The error says so.
func (r Routing) Held(service ServiceID, f *Facts) (held Held, err error) {
	for _, w := range r.Windows[service] {
		spans, e := w.Between(f.Now, f.Now.Add(time.Second))
		if e != nil || len(spans) == 0 || spans[0].From.After(f.Now) {
			continue
		}
		if w.Condition != nil {
			holds, e := w.Holds(f)
			if e != nil {
				err = e
			}
			if !holds || e != nil {
				continue
			}
		}
		until := w.until(f.Now)
		if until.After(held.Until) {
			held = Held{Maintenance: w.ID, Until: until, Why: w.Reason}
		}
	}
	return held, err
}

// until is the end of the span that is under way at an instant. Of one that has none it is far ahead, and the
// same all day: whoever waits for it is told of each change.
func (w ReadyWindow) until(now time.Time) time.Time {
	const day = 24 * time.Hour
	spans, _ := w.Between(now, now.Truncate(day).Add(day+MaxMaintenance)) // it was asked before
	return spans[0].To
}
