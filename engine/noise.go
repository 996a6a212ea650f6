package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Noise is how a service keeps quiet about what need not wake anybody. The zero value keeps quiet about
// nothing: every trouble is an incident, which pages at once and ends when its source or a person says so.
type Noise struct {
	// Delay is how long an alert of a severity may take to be resolved by its source before anybody is
	// paged. The incident is open, and on record, meanwhile; a rise of the severity pages at once.
	Delay map[Severity]time.Duration `json:"delay,omitempty"`

	Return   Return   `json:"return,omitzero"`
	Grouping Grouping `json:"grouping,omitzero"`

	// AutoClose resolves an incident so long after its last alert, whoever holds it; 0: never. What does
	// not go on by itself belongs here, and nothing else: it ends the search for somebody to answer.
	AutoClose time.Duration `json:"auto_close,omitempty"`
}

// Return is what becomes of a trouble that comes back soon after it was resolved. The zero value opens a
// new incident.
type Return struct {
	// Within is how soon: the same incident is opened again, and pages again. 0: never.
	Within time.Duration `json:"within,omitempty"`

	// Once pages for the first return alone, with the count. From then on a source's word that it is over
	// is believed when it has held for Within; what comes back before is counted.
	Once bool `json:"once,omitempty"`
}

// Grouping makes one incident of alerts that have something in common. The zero value groups nothing.
type Grouping struct {
	// By are the labels whose values must be the same. Without any, all alerts of the service go together.
	By []string `json:"by,omitempty"`

	// Within is how long after its opening an incident takes alerts in; 0: as long as it is open. With
	// neither By nor Within nothing is grouped.
	Within time.Duration `json:"within,omitempty"`
}

// Groups reports whether anything is grouped.
func (g Grouping) Groups() bool { return len(g.By) > 0 || g.Within > 0 }

// Of is what an alert has in common with the others of its group. Two alerts are of one group if they are of
// one service and this, a hash, is the same. "" stands alone: nothing is grouped, or the alert has none of the labels,
// a person raised it, or nobody knows what it says, so that it pages also while the others' incident is in somebody's hands.
func (g Grouping) Of(a Alert) string {
	unlabelled := len(g.By) > 0 && !slices.ContainsFunc(g.By, func(name string) bool { return a.Labels[name] != "" })
	unread := len(a.Labels) == 0 && slices.ContainsFunc(a.Doubts, Doubt.unread)
	if !g.Groups() || unlabelled || unread || a.Raised != nil {
		return ""
	}
	h := sha256.New()
	for _, name := range g.By {
		fmt.Fprintf(h, "%q=%q ", name, a.Labels[name]) // quoted, so that no value looks like two
	}
	return hex.EncodeToString(h.Sum(nil))
}

// The limits of Noise.
const (
	MaxDelay     = 4 * time.Hour
	MaxReturn    = 24 * time.Hour
	MaxGrouping  = 24 * time.Hour
	minAutoClose = time.Minute
	MaxAutoClose = 90 * 24 * time.Hour
	maxGroupBy   = 10
	maxLabelName = 200 // characters
)

// Validate reports all that keeps it from being saved, as rosters.FieldErrors.
func (n Noise) Validate() error {
	var f faults
	for _, s := range []Severity{Critical, Major, Minor} {
		if d := n.Delay[s]; d < 0 || d > MaxDelay {
			f.add("/delay/"+s.digit(), d, "must be 0s to %v", MaxDelay)
		}
	}
	for s := range n.Delay {
		if !s.Valid() {
			f.add("/delay/"+s.digit(), int(s), "is not a severity; use 1, 2 or 3")
		}
	}
	f.span("/return/within", n.Return.Within, MaxReturn)
	if n.Return.Once && n.Return.Within == 0 {
		f.add("/return/once", true, "needs within: how soon after its end a trouble has to come back, such as 10m")
	}
	f.span("/grouping/within", n.Grouping.Within, MaxGrouping)
	if len(n.Grouping.By) > maxGroupBy {
		f.add("/grouping/by", len(n.Grouping.By), "may list %d labels", maxGroupBy)
	}
	for i, name := range n.Grouping.By {
		if name == "" || utf8.RuneCountInString(name) > maxLabelName {
			f.add("/grouping/by/"+itoa(i), cut(name), "must be the name of a label, of 1 to %d characters", maxLabelName)
		}
	}
	if d := n.AutoClose; d != 0 && (d < minAutoClose || d > MaxAutoClose) {
		f.add("/auto_close", d, "must be 0s (never) or %v to %v", minAutoClose, MaxAutoClose)
	}
	return f.orNil()
}

// span refuses a time that is neither 0 nor within a second and the limit.
func (f *faults) span(path string, d, limit time.Duration) {
	if d != 0 && (d < time.Second || d > limit) {
		f.add(path, d, "must be 0s or %v to %v", time.Second, limit)
	}
}
