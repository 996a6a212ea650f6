package prove

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// judge looks at whether everybody was told of everything that is theirs, of nothing else, and soon.
func (p *stormProof) judge(c *comparison) {
	if n := len(c.refused); n > 0 {
		c.found(&c.result.Lost, "", "every alert is taken in while its sender tries", "%d were not: %s", n, c.refused[0].why)
	}
	whose := map[string]rosters.PersonID{}
	for i := range c.incidents {
		inc := &c.incidents[i]
		whose[string(inc.key)] = c.world.onCall(c.world.ladders[inc.service].Levels[0].Targets, inc.openedAt)[0]
	}
	told, reached := map[string]time.Time{}, map[rosters.PersonID]time.Time{}
	for _, m := range c.messages {
		if !m.accepted {
			continue
		}
		owner := c.world.owners[m.to()]
		if reached[owner].IsZero() || m.began.Before(reached[owner]) {
			reached[owner] = m.began
		}
		for _, key := range m.names {
			if whose[key] != owner {
				c.found(&c.result.WrongPerson, engine.Key(key), "nobody is told of what is not theirs", "%s was, and it is %s's", owner, whose[key])
			} else if told[key].IsZero() || m.began.Before(told[key]) {
				told[key] = m.began
			}
		}
	}
	p.soon(c, whose, told)
	p.everybody(c, reached)
	p.spared(c)
}

// spared counts, by address, the messages that told nobody anything new: that name only what messages which had been taken by
// then named. Of those that the server knew to be such when it decided to send them there are no more than the caps say
// (see enginedb.Cap): what is not known to have been taken is told once more.
func (p *stormProof) spared(c *comparison) {
	p.again = map[place]int{}
	told := map[rosters.PersonID]map[string]bool{}
	sent := slices.Clone(c.messages)
	slices.SortStableFunc(sent, func(a, b *message) int { return a.began.Compare(b.began) })
	for _, m := range sent {
		owner := c.world.owners[m.to()]
		if told[owner] == nil {
			told[owner] = map[string]bool{}
		}
		if m.accepted && !slices.ContainsFunc(m.names, func(key string) bool { return !told[owner][key] }) {
			p.again[m.to()]++
		}
		for _, key := range m.names {
			told[owner][key] = told[owner][key] || m.accepted
		}
	}
	for to, n := range p.known {
		if most := map[rosters.Channel]int{rosters.SMS: stormTexts, rosters.Voice: stormCalls}[to.channel]; n > most {
			c.found(&c.result.Strays, "", fmt.Sprintf("nobody gets more than %d texts and %d call about nothing new", stormTexts, stormCalls), "%s got %d by %s", c.world.owners[to], n, to.channel)
		}
	}
}

// ask asks the database for the texts and calls about what it knew to have been told.
func (p *stormProof) ask(ctx context.Context) error {
	rows, err := p.r.db.Query(ctx, `select channel, address, count(*)::int from (
			select channel, address from attempt where channel in ('sms', 'voice') and claimed_at is not null
			group by channel, address, coalesce(nullif(bundle, ''), nonce) having bool_and(again)) m group by channel, address`)
	if err != nil {
		return err
	}
	p.known = map[place]int{}
	for rows.Next() {
		var to place
		var n int
		if err := rows.Scan(&to.channel, &to.address, &n); err != nil {
			return err
		}
		p.known[to] = n
	}
	return rows.Err()
}

// soon checks that every alert was told, and notes how long that took.
func (p *stormProof) soon(c *comparison, whose map[string]rosters.PersonID, told map[string]time.Time) {
	for _, a := range c.accepted {
		at, ok := told[string(a.key)]
		if !ok {
			c.found(&c.result.Lost, a.key, "everybody is told of everything", "%s was not told of %s within %s", whose[string(a.key)], a.trouble, stormTold)
			continue
		}
		took := at.Sub(a.posted)
		if a.service == calmService {
			p.calm = took
			if took > stormCalm {
				c.found(&c.result.TooLate, a.key, fmt.Sprintf("a storm delays the page of another trouble by no more than %s", stormCalm), "it came after %s", took)
			}
			continue
		}
		p.told = append(p.told, took)
	}
	slices.Sort(p.told)
	c.result.raw.late = slices.Clone(p.told)
}

// everybody checks that nobody waits long for their first message.
func (p *stormProof) everybody(c *comparison, reached map[rosters.PersonID]time.Time) {
	first := map[rosters.PersonID]accepted{}
	for _, a := range c.accepted {
		who := c.world.onCall(c.world.ladders[a.service].Levels[0].Targets, a.at)[0]
		if f, ok := first[who]; a.service != calmService && (!ok || a.posted.Before(f.posted)) {
			first[who] = a
		}
	}
	for who, a := range first {
		took := reached[who].Sub(a.posted)
		if reached[who].IsZero() || took > stormFirst {
			c.found(&c.result.TooLate, a.key, fmt.Sprintf("everybody has their first message within %s", stormFirst), "%s had it after %s", who, took)
			continue
		}
		p.first = append(p.first, took)
	}
}

func (p *stormProof) notes(r *Result) {
	first, told := spreadOf(p.first), spreadOf(p.told)
	r.note("%d alerts in %s for %d services of %d people: from an alert to the message that told it p50 %.2f, p99 %.2f, max %.2f s (the table's LATE)",
		p.alerts, p.lasts, p.services, p.people, told.P50, told.P99, told.Max)
	r.note("first message to each of %d people p50 %.2f, max %.2f s after their first alert; to somebody with another trouble after %.2f s",
		first.N, first.P50, first.Max, p.calm.Seconds())
	posts := p.posts()
	r.note("POST p50 %.0f, p99 %.0f, max %.0f ms (%d that took one try); resident memory of the nodes at the most: %v",
		1000*posts.P50, 1000*posts.P99, 1000*posts.Max, posts.N, p.peak)
	r.note("messages to one person: %s; of them about nothing new: %s, and as the server knew: %s", most(p.all()), most(p.again), most(p.known))
	p.readers.into(r)
}

// posts is how long senders waited for a 2xx.
func (p *stormProof) posts() Spread {
	var all []time.Duration
	for _, a := range p.r.ledger.read().accepted {
		if a.tries == 1 {
			all = append(all, a.at.Sub(a.posted))
		}
	}
	return spreadOf(all)
}

// all is how many messages came to each address.
func (p *stormProof) all() map[place]int {
	n := map[place]int{}
	for _, s := range p.r.ledger.read().sent {
		n[s.to()]++
	}
	return n
}

// most is how many messages came to one person at the most, by channel.
func most(n map[place]int) string {
	most := map[rosters.Channel]int{}
	for to, n := range n {
		most[to.channel] = max(most[to.channel], n)
	}
	return fmt.Sprintf("at the most %d pushes, %d texts, %d calls", most[rosters.Push], most[rosters.SMS], most[rosters.Voice])
}
