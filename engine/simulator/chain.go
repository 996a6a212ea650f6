package simulator

import (
	"time"

	"rouse/engine"
)

// Times of notifiers.Chain, and of the clients of its providers.
const (
	tries      = 3
	minBackoff = 300 * time.Millisecond
	maxBackoff = time.Second
	noAnswerIn = 10 * time.Second // until a client gives a request up
)

// receipt is what is known of a message.
type receipt uint8

const (
	unknown receipt = iota // it may have been taken
	sentReceipt
	deliveredReceipt
	failedReceipt
)

// receiptOf is what an attempt's state says of its message.
func receiptOf(st engine.AttemptState) receipt {
	switch st {
	case engine.Sent:
		return sentReceipt
	case engine.Delivered:
		return deliveredReceipt
	case engine.Failed:
		return failedReceipt
	default:
		return unknown
	}
}

// state is what is reported of it: pager.notify and pager.failed call failed what has no known end.
func (r receipt) state() engine.AttemptState {
	switch r {
	case sentReceipt:
		return engine.Sent
	case deliveredReceipt:
		return engine.Delivered
	default:
		return engine.Failed
	}
}

// provider is one of the providers of a channel.
type provider struct {
	name       string
	canBeAsked bool // notifiers.Finder
}

// holds reports whether the provider has a message.
func (p *provider) holds(m nonce) bool {
	for _, k := range m.row.book.calls {
		if k.provider == p && k.by.nonce() == m && k.landed > 0 {
			return true
		}
	}
	return false
}

// call is one message on its way to a provider. What it knows outlives its caller.
type call struct {
	by       *sending
	provider *provider
	begun    time.Duration
	heard    bool          // the caller knows what became of it
	taken    bool          // as it was heard
	landed   time.Duration // when the provider took it; zero: it did not, or not yet
	reported []int         // by index in by.tells: of which it is committed that it was taken
	since    time.Duration // when the first of them was
}

// question is one lookup at a provider.
type question struct {
	provider *provider
	at       time.Duration
}

// chain is notifiers.Chain.Notify for one message, under way.
type chain struct {
	x         *sending
	providers []*provider
	link, try int
	then      func(receipt)
	over      bool
}

// notify asks all providers that can be asked first, if an earlier worker may have sent the message, and
// then once more whether it is wanted.
func (c *chain) notify(again bool) {
	if again {
		c.lookFrom(0)
		return
	}
	c.call()
}

func (c *chain) lookFrom(i int) {
	for ; i < len(c.providers); i++ {
		if c.canAsk(c.providers[i]) {
			c.look(c.providers[i], func(found, _ bool) { // no telling: rather twice than never
				if found {
					c.end(sentReceipt)
					return
				}
				c.lookFrom(i + 1)
			})
			return
		}
	}
	if !c.x.s.broken.trustsItsLook && !c.x.stillWanted() { // looking took a while
		c.end(failedReceipt)
		return
	}
	c.call()
}

func (c *chain) canAsk(p *provider) bool { return p.canBeAsked && !c.x.s.broken.neverLooks }

// look is a provider's Find. It may fail; then it is not sure that there is nothing.
func (c *chain) look(p *provider, then func(found, sure bool)) {
	s, x, life := c.x.s, c.x, c.x.n.life
	s.tally.Lookups++
	s.after(s.dice.between(10*time.Millisecond, 150*time.Millisecond), func() {
		x.asked = append(x.asked, question{p, s.now})
		sure := !s.dice.chance(s.faults.lookupFails)
		found := sure && p.holds(x.nonce())
		x.n.afterIn(life, s.dice.between(10*time.Millisecond, 150*time.Millisecond), providerAsked, func() {
			if c.over {
				return
			}
			s.tell(x.n, "asks %s for attempt %s: %s", p.name, x, lookup(found, sure))
			then(found, sure)
		})
	})
}

func lookup(found, sure bool) string {
	switch {
	case found:
		return "it has it"
	case sure:
		return "it has not got it"
	default:
		return "no telling"
	}
}

// next goes on to the next provider, if there is one and the message is wanted.
func (c *chain) next() {
	c.link, c.try = c.link+1, 0
	if c.link == len(c.providers) || !c.x.stillWanted() {
		c.end(failedReceipt)
		return
	}
	c.call()
}

// again tries the same provider once more after a pause, if there is time and the message is wanted.
func (c *chain) again() {
	c.try++
	x, s := c.x, c.x.s
	pause := s.dice.between(minBackoff, maxBackoff)
	if c.try == tries || s.now+pause >= x.begins+sendWithin {
		c.next()
		return
	}
	x.n.after(pause, providerCalled, func() {
		if c.over {
			return
		}
		if !x.stillWanted() {
			c.next()
			return
		}
		c.call()
	})
}

// heard is what follows from a provider's answer: notifiers.link.notify and Chain.Notify.
func (c *chain) heard(k *call, a reaction) {
	c.x.s.tell(c.x.n, "hears from %s about attempt %s: %s", k.provider.name, c.x, reactionNames[a])
	switch a {
	case takes:
		c.end(sentReceipt)
	case refuses:
		c.end(failedReceipt)
	case refusesHere:
		c.next()
	case refusesNow:
		c.again()
	case ownError, silent:
		if !c.canAsk(k.provider) {
			c.doubt(a, false)
			return
		}
		c.look(k.provider, func(found, sure bool) {
			if found {
				c.end(sentReceipt)
				return
			}
			c.doubt(a, sure)
		})
	}
}

// doubt is a message that the provider may have and was not found: a provider's own error is tried again,
// silence only if the provider surely has not got it.
func (c *chain) doubt(a reaction, sure bool) {
	if a == silent && !sure {
		c.end(unknown)
		return
	}
	c.again()
}

func (c *chain) end(r receipt) {
	c.over = true
	c.then(r)
}
