package prove

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// entry is one line of the journal.
type entry struct {
	at   time.Time
	text string
}

// journal is the book in the order of time, for whoever wants to see how a breach came about: it goes into
// the trial's folder, beside the logs of the nodes.
func (b book) journal() (all []entry) {
	add := func(at time.Time, format string, args ...any) {
		if !at.IsZero() {
			all = append(all, entry{at, fmt.Sprintf(format, args...)})
		}
	}
	for _, a := range b.accepted {
		add(a.posted, "%s of %s is sent", a.trouble, a.service)
		add(a.at, "%s is accepted as %s, at try %d", a.trouble, a.key, a.tries)
	}
	for _, a := range b.refused {
		add(a.at, "%s is given up: %s", a.trouble, a.why)
	}
	for _, s := range b.sent {
		about := s.nonce
		if s.nonce == "" {
			about = fmt.Sprintf("attempt %d of incident %d", s.attempt, s.incident)
		}
		add(s.began, "node %s: %s to %s begins, %s, names %v", s.node, s.channel, s.address, about, s.names)
		add(s.ended, "node %s: %s to %s is taken: %v, %s, %s", s.node, s.channel, s.address, s.accepted, about, s.id)
	}
	for _, a := range b.answers {
		add(a.at, "%s answers %s to the %s about %s, %s", a.person, a.do, a.sent.channel, a.sent.key, a.sent.id)
		add(a.heard, "%s hears that it is taken in, %s", a.person, a.sent.id)
	}
	for sid, at := range b.ended {
		add(at, "call %s ends", sid)
	}
	for _, f := range b.faults {
		add(f.from, "FAULT: node %s %s, for %s", f.node, f.kind, f.to.Sub(f.from).Round(time.Millisecond))
	}
	slices.SortStableFunc(all, func(x, y entry) int { return x.at.Compare(y.at) })
	return all
}

// save writes the journal into a file.
func (b book) save(file string) error {
	var text strings.Builder
	for _, e := range b.journal() {
		fmt.Fprintf(&text, "%s %s\n", e.at.UTC().Format("15:04:05.000000"), e.text)
	}
	return os.WriteFile(file, []byte(text.String()), 0o600)
}
