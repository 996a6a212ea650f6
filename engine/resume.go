package engine

import (
	"fmt"
	"strings"
	"time"
)

// resumed takes up an incident after a time in which nobody kept time for it (rule 18): nobody has had
// their time to answer, so nothing counts as unanswered.
func (s *stepper) resumed(ev Resumed) {
	stopped := max(ev.Stopped, 0)
	s.note(Note{Reason: ReasonAfterStop,
		Text:  fmt.Sprintf("Rouse was stopped for %s, which counts for nobody.", inWords(stopped)),
		Basis: map[string]string{"stopped": stopped.Round(time.Second).String()}})
	if s.inc.Drill { // who knows what hour it is now
		s.end(Note{Reason: ReasonResolved, Text: "Stopped: Rouse was away for " + inWords(stopped) + "."})
		return
	}
	putOff(&s.inc.CalmUntil, stopped) // nobody could have told that it is back
	if s.inc.AutoClose > 0 {
		putOff(&s.inc.AlertedAt, stopped) // or that it goes on
	}
	before := s.inc.PageN
	for i := range s.inc.Escalations {
		e := &s.inc.Escalations[i]
		switch e.State {
		case Climbing:
			if e.Level >= 0 { // else it rests, and that is over or goes on as it was meant to
				s.beginLevel(e)
			}
		case Asking:
			s.ask(e, ReasonAfterStop)
		case Acknowledged:
			putOff(&e.AckUntil, stopped)
		case Waiting, Stopped: // working hours open when they do; over
		}
		for j := range e.Pages {
			if p := &e.Pages[j]; p.No <= before && p.State == PageOpen {
				p.putOff(stopped)
			}
		}
	}
}

// putOff moves what is left of the page's plan on.
func (p *Page) putOff(by time.Duration) {
	putOff(&p.StartedAt, by) // its contacts are so long after it
	putOff(&p.NextAt, by)
	for i := range p.Attempts {
		putOff(&p.Attempts[i].ReceiptBy, by)
	}
}

func putOff(t *time.Time, by time.Duration) {
	if !t.IsZero() {
		*t = t.Add(by)
	}
}

// inWords is "2h5m" instead of "2h5m0s".
func inWords(d time.Duration) string {
	unit := time.Minute
	if d < unit {
		unit = time.Second
	}
	text := d.Round(unit).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
