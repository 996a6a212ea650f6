package clerk

import (
	"fmt"
	"slices"
	"time"

	"rouse/rosters"
)

// Clerk has a roster's calendar worked out up to some day.
type Clerk struct {
	roster    rosters.Roster
	revisions []revision // oldest first
}

type revision struct {
	since     time.Time
	rotations []*rotation
}

// Stand is a person on call, and why.
type Stand struct {
	Person   rosters.PersonID
	Rotation string // "" when an override put the person there
	Turn     int    // of the rotation
	Override string
}

// New works a roster out for questions about instants before a day. It fails on what it cannot read; a
// rotation that never hands over until then is none of that, and has nobody on call.
func New(r rosters.Roster, before time.Time) (*Clerk, error) {
	c := &Clerk{roster: r}
	for _, past := range append(slices.Clone(r.Earlier), rosters.Revision{Since: r.Since, Rotations: r.Rotations}) {
		rev := revision{since: past.Since}
		for _, planned := range past.Rotations {
			worked, err := workOut(planned, before)
			if err != nil {
				return nil, fmt.Errorf("rotation %s: %w", planned.ID, err)
			}
			rev.rotations = append(rev.rotations, worked)
		}
		c.revisions = append(c.revisions, rev)
	}
	return c, nil
}

// OnCall tells who is on call, in the order in which the roster names them, each once.
func (c *Clerk) OnCall(at time.Time) (persons []rosters.PersonID) {
	for _, s := range c.Standing(at) {
		if !slices.Contains(persons, s.Person) {
			persons = append(persons, s.Person)
		}
	}
	return persons
}

// Standing tells who is on call and why, in the order of the rotations, extra shifts last.
func (c *Clerk) Standing(at time.Time) []Stand {
	posts := c.posts(at)
	for _, o := range c.roster.Overrides {
		if at.Before(o.From) || !at.Before(o.To) {
			continue
		}
		if o.Kind == rosters.Add && o.Person != "" {
			posts = append(posts, c.extra(o, at)) // those that follow find it there, those before did not
			continue
		}
		for i := range posts {
			posts[i].override(o)
		}
	}
	return covering(posts)
}

// post is where one person stands, or nobody does.
type post struct {
	Stand
	rotation string
	rank     int
	outside  bool               // of the ranks
	stood    []rosters.PersonID // before overrides took them off
}

// posts are those of the rotations, before overrides. A roster without rotations has one for its overrides.
func (c *Clerk) posts(at time.Time) (all []post) {
	for _, r := range c.rotationsAt(at) {
		for _, s := range r.stands(at) {
			all = append(all, post{Stand: s, rotation: r.plan.ID, rank: r.plan.Rank})
		}
	}
	if all == nil {
		all = []post{{}}
	}
	return all
}

func (c *Clerk) rotationsAt(at time.Time) (counting []*rotation) {
	for _, r := range c.revisions {
		if !at.Before(r.since) {
			counting = r.rotations
		}
	}
	return counting
}

// extra is a post beside all others; in a rotation it has its rank.
func (c *Clerk) extra(o rosters.Override, at time.Time) post {
	p := post{Stand: Stand{Person: o.Person, Override: o.ID}, rotation: o.Rotation, outside: true}
	for _, r := range c.rotationsAt(at) {
		if r.plan.ID == o.Rotation {
			p.rank, p.outside = r.plan.Rank, false
		}
	}
	return p
}

// override has somebody else stand at a post, or nobody. One that means a person also finds that person
// where an earlier override has put somebody else.
func (p *post) override(o rosters.Override) {
	meant := o.Replaces == "" || o.Replaces == p.Person || slices.Contains(p.stood, o.Replaces)
	here := o.Rotation == "" || o.Rotation == p.rotation
	does := o.Kind == rosters.Replace && o.Person != "" || o.Kind == rosters.TakeOff && p.Person != ""
	if !meant || !here || !does {
		return
	}
	if p.Person != "" {
		p.stood = append(p.stood, p.Person)
	}
	p.Stand = Stand{Person: o.Person, Override: o.ID}
	if o.Kind == rosters.TakeOff {
		p.Person = ""
	}
}

// covering are the stands of the highest rank at which somebody stands, and those outside of the ranks.
func covering(posts []post) (stands []Stand) {
	posts = slices.DeleteFunc(posts, func(p post) bool { return p.Person == "" })
	for _, p := range posts {
		higher := func(q post) bool { return !q.outside && q.rank > p.rank }
		if p.outside || !slices.ContainsFunc(posts, higher) {
			stands = append(stands, p.Stand)
		}
	}
	return stands
}
