package pager

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

const (
	// takenGather is how long it waits whether more is taken: an answer to many incidents makes one message.
	takenGather = 2 * time.Second
	takenWithin = 15 * time.Minute // then it is no news
)

// tellTaken keeps, in the transaction in which somebody acknowledged, what the others are told whose pages were open:
// who has it now, once for a person and an incident. Who declined has been left in peace before, and who was
// sent nothing yet has nothing to put down.
func (p *Pager) tellTaken(ctx context.Context, tx pgx.Tx, changes []enginedb.Change) error {
	type told struct {
		who, holder rosters.PersonID
		key         engine.Key
		now         time.Time
	}
	var all []told
	var people []rosters.PersonID
	for _, c := range changes {
		for i := range c.After.Escalations {
			e := &c.After.Escalations[i]
			before := c.Before.Escalation(e.No)
			if before == nil {
				continue
			}
			if before.Holder != "" && e.Holder == "" { // who has it is no longer true
				if err := enginedb.New(tx).DropNotices(ctx, "", enginedb.TakenNotice, string(c.After.Key)); err != nil {
					return err
				}
			}
			if e.State != engine.Acknowledged || before.State == engine.Acknowledged {
				continue
			}
			for _, page := range e.Pages {
				_, was := c.Before.Page(page.No)
				if page.State == engine.PageCovered && was != nil && was.State == engine.PageOpen && slices.ContainsFunc(page.Attempts, arrives) {
					all = append(all, told{page.Person, e.Holder, c.After.Key, c.Before.Now})
					people = append(people, page.Person, e.Holder)
				}
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(people)
	known, err := rosterdb.New(tx).People(ctx, slices.Compact(people))
	if err != nil {
		return err
	}
	notices := make([]enginedb.Notice, 0, len(all))
	for _, t := range all {
		holder := known[t.holder].Name
		if holder == "" {
			holder = string(t.holder)
		}
		notices = append(notices, enginedb.Notice{Person: t.who, Kind: enginedb.TakenNotice, About: string(t.key),
			Text: notifiers.HasIt(known[t.who].Language, string(t.key), holder), Due: t.now.Add(takenGather), Until: t.now.Add(takenWithin)})
	}
	return enginedb.New(tx).AddNotices(ctx, notices)
}

// arrives reports whether a message may be on somebody's screen.
func arrives(a engine.Attempt) bool {
	return a.State == engine.Sending || a.State == engine.Sent || a.State == engine.Delivered
}

// gathered makes one notice of those that tell a person that the same other one has several incidents: after a
// storm that is one text instead of hundreds.
func gathered(ctx context.Context, db enginedb.Store, due []enginedb.Notice) (left []enginedb.Notice, err error) {
	with := map[string]bool{} // told with another
	name := func(n enginedb.Notice, about string) string { return string(n.Person) + " " + about }
	for _, n := range due {
		words, taken := strings.CutPrefix(n.Text, n.About)
		if n.Kind != enginedb.TakenNotice || !taken {
			left = append(left, n)
			continue
		}
		if with[name(n, n.About)] {
			continue
		}
		var ids []int64
		for _, other := range due {
			if other.Person == n.Person && other.Kind == n.Kind {
				ids = append(ids, other.ID)
			}
		}
		var text string
		others, err := db.GatherNotices(ctx, n, words, ids, func(abouts []string) string {
			text = notifiers.Keys(append(slices.Clone(abouts), n.About)) + words
			return text
		})
		if err != nil {
			return nil, err
		}
		if len(others) > 0 {
			n.Text = text
		}
		for _, about := range others {
			with[name(n, about)] = true
		}
		left = append(left, n)
	}
	return left, nil
}
