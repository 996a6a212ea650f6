package engine

import "time"

// Deadline is the next moment at which time alone changes the incident, zero if nothing is pending.
// It is the only timer an incident has: the end of a level or of a rest, the opening of working
// hours, of a delay or of a maintenance, a next contact or one that is tried again, a receipt that should have come, the expiry of an acknowledgement and of
// the question that follows it are terms of one minimum.
func (inc Incident) Deadline() time.Time {
	var d earliest
	if inc.Status != Resolved {
		d.add(inc.CalmUntil)
		d.add(inc.closesAt())
	}
	for i := range inc.Escalations {
		e := &inc.Escalations[i]
		switch e.State {
		case Waiting:
			d.add(e.WaitUntil)
		case Climbing:
			d.add(e.LevelUntil)
		case Acknowledged:
			d.add(e.AckUntil)
		case Asking:
			d.add(e.AskUntil)
		case Stopped:
		}
		for _, p := range e.Pages {
			if p.State != PageOpen {
				continue
			}
			d.add(p.NextAt)
			for _, a := range p.Attempts {
				d.add(a.ReceiptBy)
			}
		}
	}
	return d.t
}

// closesAt is when the incident closes by itself, zero if it does not.
func (inc Incident) closesAt() time.Time {
	if inc.AutoClose <= 0 {
		return time.Time{}
	}
	return inc.AlertedAt.Add(inc.AutoClose)
}

type earliest struct{ t time.Time }

func (e *earliest) add(t time.Time) {
	if !t.IsZero() && (e.t.IsZero() || t.Before(e.t)) {
		e.t = t
	}
}
