package prove

import (
	"fmt"
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// limits are what an experiment promises. The zero value forbids everything.
type limits struct {
	late     time.Duration // how late a page may be; one that is not there by then is lost
	rescue   time.Duration // how long after a node's death what it was sending may be sent again; 0: as late
	median   time.Duration // how late half of the pages may be; 0: not judged
	mayFail  bool          // attempts may fail: providers are out of order
	spare    bool          // every channel has a second provider: a contact may be tried with each
	afterAck time.Duration // what may still begin after an acknowledgement; 0: 1 s
	hangUp   time.Duration // how long a call may ring after it; 0: 3 s

	also func(*comparison) // what else an experiment looks at
}

// early is how much sooner than it is due a level may begin: what is lost in rounding.
const early = 5 * time.Millisecond

// comparison holds a record against what should be, and gathers what is not.
type comparison struct {
	record
	limits
	result Result
	breach map[string]*Breach
	order  []string // of breaches

	messages []*message
	byNonce  map[string]*sending
	byNo     map[attemptRef]*sending
	bundles  map[string][]*sending // by the nonce of the one that leads, without it
	busy     map[place][]*message  // what went where
	answers  map[int64][]answered  // by incident
	talked   map[string]bool       // calls in which a key was pressed, by the provider's id

	rescued []time.Duration
}

type attemptRef struct {
	incident int64
	no       int
}

// sending is one attempt, and the messages that told it.
type sending struct {
	incident *incident
	page     *page
	attempt  *attempt
	sent     []*message
}

// taken are the messages that the provider took.
func (s *sending) taken() (n int) {
	for _, m := range s.sent {
		if m.accepted {
			n++
		}
	}
	return n
}

// message is what went out at once: one attempt, or several in a storm, of which the first leads.
type message struct {
	sent
	told []*sending
}

// compare is the judgement: what was accepted against what was sent, received and answered.
func compare(rec record, l limits) Result {
	c := newComparison(rec, l)
	c.index()
	c.match()
	c.alerts()
	for i := range c.incidents {
		inc := &c.incidents[i]
		c.climb(inc)
		c.pages(inc)
		c.takers(inc)
		c.news(inc)
		c.result.Raced += c.raced(inc)
	}
	for _, m := range c.messages {
		c.addressed(m)
		c.silence(m)
	}
	c.again()
	c.answered()
	c.rescues()
	if c.also != nil {
		c.also(c)
	}
	c.result.raw.rescued = c.rescued
	c.result.spread()
	c.half()
	for _, what := range c.order {
		c.result.Breaches = append(c.result.Breaches, *c.breach[what])
	}
	return c.result
}

// half checks that the quick way is taken: a limit for the latest pages is too wide to show that it is not.
func (c *comparison) half() {
	if half := c.result.Late; c.limits.median > 0 && half.P50 > c.limits.median.Seconds() {
		c.found(&c.result.TooLate, "all", fmt.Sprintf("half of the pages are no later than %s", c.limits.median), "of %d, half are later than %.2f s", half.N, half.P50)
	}
}

func newComparison(rec record, l limits) *comparison {
	if l.afterAck == 0 {
		l.afterAck = time.Second
	}
	if l.hangUp == 0 {
		l.hangUp = 3 * time.Second
	}
	if l.rescue == 0 {
		l.rescue = l.late
	}
	return &comparison{record: rec, limits: l, breach: map[string]*Breach{}, byNonce: map[string]*sending{}, byNo: map[attemptRef]*sending{},
		bundles: map[string][]*sending{}, busy: map[place][]*message{}, answers: map[int64][]answered{}, talked: map[string]bool{}}
}

// How much of a kind of breach is told.
const maxFound, maxKeys = 5, 50

// found writes down a breach; those of one kind stand together.
func (c *comparison) found(count *int, key engine.Key, expected string, format string, args ...any) {
	*count++
	b, ok := c.breach[expected]
	if !ok {
		b = &Breach{Expected: expected}
		c.breach[expected] = b
		c.order = append(c.order, expected)
	}
	b.N++
	if len(b.Found) < maxFound {
		b.Found = append(b.Found, fmt.Sprintf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if len(b.Keys) < maxKeys && !slices.Contains(b.Keys, string(key)) {
		b.Keys = append(b.Keys, string(key))
	}
}

// index makes attempts findable.
func (c *comparison) index() {
	for i := range c.incidents {
		inc := &c.incidents[i]
		for j := range inc.pages {
			p := &inc.pages[j]
			for k := range p.attempts {
				a := &p.attempts[k]
				s := &sending{incident: inc, page: p, attempt: a}
				c.byNo[attemptRef{inc.id, a.no}] = s
				c.byNonce[a.nonce] = s
				if a.bundle != "" && a.bundle != a.nonce {
					c.bundles[a.bundle] = append(c.bundles[a.bundle], s)
				}
			}
		}
	}
}

// leads is the attempt that a message was sent for, nil if there is none.
func (c *comparison) leads(s sent) *sending {
	if s.nonce != "" {
		return c.byNonce[s.nonce]
	}
	return c.byNo[attemptRef{s.incident, s.attempt}]
}

// told lists what a message told: the attempt that leads, and those of its bundle that it names. A call
// names them when it is answered.
func (c *comparison) told(s sent, lead *sending) []*sending {
	all := []*sending{lead}
	for _, of := range c.bundles[lead.attempt.nonce] {
		if s.channel == rosters.Voice || slices.Contains(s.names, string(of.incident.key)) {
			all = append(all, of)
		}
	}
	return all
}

// match finds out what every message told, and who answered what.
func (c *comparison) match() {
	for _, s := range c.sent {
		lead := c.leads(s)
		if lead == nil {
			if !s.began.After(c.until) { // else it is for what came after all that is known
				c.found(&c.result.Strays, engine.Key(s.key), "every message is for an attempt that the database knows", "%s to %s is for none", s.channel, s.address)
			}
			continue
		}
		m := &message{sent: s, told: c.told(s, lead)}
		c.messages = append(c.messages, m)
		c.busy[s.to()] = append(c.busy[s.to()], m)
		for _, of := range m.told {
			of.sent = append(of.sent, m)
		}
	}
	for _, a := range c.record.answers {
		if a.sent.channel == rosters.Voice && !a.at.IsZero() {
			c.talked[a.sent.id] = true
		}
		if lead := c.leads(a.sent); lead != nil {
			for _, of := range c.told(a.sent, lead) {
				c.answers[of.incident.id] = append(c.answers[of.incident.id], a)
			}
		}
	}
}

// acceptedIsThere is what a 2xx promises.
const acceptedIsThere = "every accepted alert has its incident"

// alerts checks that what was accepted is there, once.
func (c *comparison) alerts() {
	c.accepted = slices.DeleteFunc(c.accepted, func(a accepted) bool { return a.at.After(c.until) })
	c.result.N, c.result.Unit = len(c.accepted), "alerts"
	c.result.Refused = len(c.refused)
	byKey, byTrouble := map[engine.Key]*incident{}, map[string]*incident{}
	for i := range c.incidents {
		inc := &c.incidents[i]
		if other := byTrouble[inc.trouble]; other != nil {
			c.found(&c.result.Duplicated, inc.key, "one trouble is one incident", "%s is %s already", inc.trouble, other.key)
		}
		byKey[inc.key], byTrouble[inc.trouble] = inc, inc
	}
	for _, a := range c.accepted {
		inc := byKey[a.key]
		if a.dialect != nil { // whose answer names no incident
			inc = byTrouble[a.trouble]
		}
		switch {
		case inc == nil:
			c.found(&c.result.Lost, a.key, acceptedIsThere, "%s was accepted, and is not there", a.trouble)
		case inc.trouble != a.trouble || inc.service != a.service:
			c.found(&c.result.Lost, a.key, acceptedIsThere, "%s of %s was accepted as this, which is %s of %s",
				a.trouble, a.service, inc.trouble, inc.service)
		}
	}
}
