package prove

import (
	"slices"

	"rouse/engine"
	"rouse/rosters"
)

// judge checks that whatever was acknowledged was said, and by whom, and that what had to count did. It counts the
// acknowledgements, and those that came by text.
func (p *repliesProof) judge(c *comparison) (counted, byText int) {
	by := map[rosters.PersonID][]word{}
	for _, w := range p.words {
		by[w.person] = append(by[w.person], w)
	}
	for i := range c.incidents {
		inc := &c.incidents[i]
		for _, l := range inc.lines {
			if l.reason != engine.ReasonAcknowledged {
				continue
			}
			counted++
			if l.via == "sms" {
				byText++
			}
			if slices.ContainsFunc(by[l.person], func(w word) bool { return w.around(l) && c.means(w, inc, l.escalation) }) {
				continue
			}
			said := "nothing"
			for _, w := range by[l.person] {
				if w.around(l) {
					said = w.text
				}
			}
			c.found(&c.result.WrongPerson, inc.key, "nothing is acknowledged but what a reply names, or the only thing that it can mean, in the name of who wrote it",
				"escalation %d was in %s's name at %s by %s; what they said was: %s", l.escalation, l.person, l.at.Format(clock), l.via, said)
		}
	}
	for _, w := range p.words {
		for _, nonce := range w.wants {
			of := c.byNonce[nonce]
			if of == nil || !slices.ContainsFunc(of.incident.lines, func(l line) bool {
				return l.reason == engine.ReasonAcknowledged && l.person == w.person && l.escalation == of.page.escalation && w.around(l)
			}) {
				key := engine.Key("?")
				if of != nil {
					key = of.incident.key
				}
				c.found(&c.result.Lost, key, "a reply that names an open page counts", "%s said %q at %s", w.person, w.text, w.from.Format(clock))
			}
		}
	}
	return counted, byText
}

// around reports whether a line was written while Rouse took a word in.
func (w word) around(l line) bool {
	return !l.committed.Before(w.from) && !l.at.After(w.to)
}

// means reports whether a word may be about an escalation of an incident.
func (c *comparison) means(w word, inc *incident, escalation int) bool {
	if w.nonce == "" {
		return slices.Contains(w.keys, string(inc.key))
	}
	lead := c.byNonce[w.nonce]
	return lead != nil && slices.ContainsFunc(append([]*sending{lead}, c.bundles[w.nonce]...), func(of *sending) bool {
		return of.incident == inc && of.page.escalation == escalation
	})
}
